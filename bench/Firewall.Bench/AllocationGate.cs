using System.Globalization;
using System.Reflection;
using System.Text.Json;
using BenchmarkDotNet.Attributes;

namespace Firewall.Bench;

/// <summary>
/// Runs every benchmark a few times at the smallest of its parameters, flags switched on, and holds the bytes that it allocates for each operation against a
/// checked-in file. A benchmark that the file does not know, and one that it knows and that is no more, fail too. Speaks TAP.
/// </summary>
internal static class AllocationGate
{
    private const int Rounds = 5;

    /// <summary>Prints a line for each benchmark. Returns 0 if all stay within what is allowed.</summary>
    /// <param name="file">JSON: an object of benchmark to bytes for each operation.</param>
    public static int Check(string file)
    {
        Dictionary<string, double> allowed = JsonSerializer.Deserialize<Dictionary<string, double>>(File.ReadAllText(file))
            ?? throw new InvalidDataException($"{file} holds no object");
        int number = 0;
        int failed = 0;
        foreach ((string name, Func<double> measure) in Benchmarks())
        {
            double bytes = measure();
            bool isKnown = allowed.Remove(name, out double most);
            bool isGood = isKnown && bytes <= most;
            if (!isGood) failed++;
            string bar = isKnown ? string.Create(CultureInfo.InvariantCulture, $"{most:0.##} are allowed") : $"not in {file}";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(isGood ? "ok" : "not ok")} {++number} - {name}: {bytes:0.##} bytes an operation, {bar}"));
        }

        foreach (string name in allowed.Keys)
        {
            failed++;
            Console.WriteLine($"not ok {++number} - {name}: there is no such benchmark");
        }

        Console.WriteLine($"1..{number}");
        return failed == 0 ? 0 : 1;
    }

    private static IEnumerable<(string Name, Func<double> Measure)> Benchmarks()
    {
        foreach (Type type in typeof(AllocationGate).Assembly.GetTypes().OrderBy(type => type.Name, StringComparer.Ordinal))
        {
            MethodInfo[] methods = [.. type.GetMethods().Where(method => method.GetCustomAttribute<BenchmarkAttribute>() is not null)];
            if (methods.Length == 0) continue;
            object instance = Activator.CreateInstance(type)!;
            foreach (PropertyInfo property in type.GetProperties())
            {
                if (property.GetCustomAttribute<ParamsAttribute>() is { } values) property.SetValue(instance, property.PropertyType == typeof(bool) ? true : values.Values.Min());
            }

            Call<GlobalSetupAttribute>(instance);
            foreach (MethodInfo method in methods) yield return ($"{type.Name}.{method.Name}", () => Measure(instance, method));
            Call<GlobalCleanupAttribute>(instance);
        }
    }

    // The least of some rounds: the runtime itself allocates at times, such as when it compiles a method again.
    private static double Measure(object instance, MethodInfo method)
    {
        Action run = method.ReturnType == typeof(int) ? Discard(method.CreateDelegate<Func<int>>(instance))
            : method.ReturnType == typeof(long) ? Discard(method.CreateDelegate<Func<long>>(instance))
            : Discard(method.CreateDelegate<Func<object>>(instance));
        run();
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            run();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return (double)least / method.GetCustomAttribute<BenchmarkAttribute>()!.OperationsPerInvoke;
    }

    private static Action Discard<T>(Func<T> benchmark) => () => benchmark();

    private static void Call<TAttribute>(object instance)
        where TAttribute : Attribute
    {
        foreach (MethodInfo method in instance.GetType().GetMethods().Where(method => method.GetCustomAttribute<TAttribute>() is not null)) method.Invoke(instance, null);
    }
}
