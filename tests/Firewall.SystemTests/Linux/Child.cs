using System.Diagnostics;
using System.Runtime.CompilerServices;
using Firewall.Devices.Linux;

namespace Firewall.SystemTests.Linux;

/// <summary>
/// This test program started again as another one: with a verb in the environment it does that and ends before any test framework runs.
/// For what needs a process of its own, such as being killed or having fewer capabilities.
/// </summary>
internal static class Child
{
    private const string Variable = "FIREWALL_TEST_CHILD";

    /// <summary>Runs a verb to its end, behind an optional command that changes its privileges.</summary>
    public static (int ExitCode, string Output) Try(NetworkNamespace place, string verb, params string[] before)
    {
        string[] command = [.. before, Environment.ProcessPath!];
        return place.Try("env", [$"{Variable}={verb}", .. command]);
    }

    /// <summary>Starts a verb and waits for the line "ready".</summary>
    public static Process Start(NetworkNamespace place, string verb)
    {
        Process child = place.Start(Environment.ProcessPath!, new Dictionary<string, string> { [Variable] = verb });
        string? line = child.StandardOutput.ReadLine();
        return line == "ready" ? child : throw new InvalidOperationException($"child {verb}: {line} {child.StandardError.ReadToEnd()}");
    }

    [ModuleInitializer]
    internal static void RunVerb()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } verb) return;
        try
        {
            Run(verb.Split(' '));
            Environment.Exit(0);
        }
        catch (IOException failure)
        {
            Console.Error.WriteLine(failure.Message);
            Environment.Exit(1);
        }
    }

    private static void Run(string[] words)
    {
        switch (words[0])
        {
            case "open-tun":
                LinuxTunDevice.Open(new TunOptions()).Dispose();
                break;
            case "carry": // a name: carry until somebody ends us; for benchmarks of the bare loop
                using (new PassThrough(new TunOptions { Name = words[1] }))
                {
                    Console.WriteLine("ready");
                    Thread.Sleep(Timeout.Infinite);
                }

                break;
            default:
                throw new IOException($"unknown verb {words[0]}");
        }
    }
}
