using System.Diagnostics;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Classification;

namespace Firewall.Bench;

/// <summary>How long a flow's first packet takes through rules that use the whole service tag file, and how long such a policy takes to build.</summary>
internal static class RuleFigures
{
    private const int Turn = 4096;
    private const int Rounds = 301;

    public static void Print()
    {
        foreach (int count in (int[])[10, 1000])
        {
            RulePolicy rules = new(count);
            Policy policy = rules.Compile();
            LinearClassifier linear = new(policy.Compiled[0].Inbound.Rules);
            var random = new Random(5);
            PacketInfo[] v4 = rules.Packets(random, Turn, isIPv4: true);
            PacketInfo[] v6 = rules.Packets(random, Turn, isIPv4: false);
            PacketInfo[] mixed = [.. v4.Take(Turn / 2), .. v6.Take(Turn / 2)];
            random.Shuffle(mixed);
            Console.WriteLine($"{count} rules: IPv4 {Median(Rounds, v4, Classify):F1} ns, IPv6 {Median(Rounds, v6, Classify):F1} ns, mixed {Median(Rounds, mixed, Classify):F1} ns; linear {Median(15, mixed, Linear):F0} ns");

            BitmapClassifier classifier = (BitmapClassifier)policy.Compiled[0].Inbound;
            Console.WriteLine($"  the classifier alone: IPv4 {Median(Rounds, v4, Alone):F1} ns, IPv6 {Median(Rounds, v6, Alone):F1} ns, mixed {Median(Rounds, mixed, Alone):F1} ns");

            int Alone(PacketInfo[] packets)
            {
                int sum = 0;
                foreach (ref readonly PacketInfo packet in packets.AsSpan()) sum += classifier.Classify(in packet);
                return sum;
            }

            int Classify(PacketInfo[] packets)
            {
                int sum = 0;
                foreach (ref readonly PacketInfo packet in packets.AsSpan()) sum += policy.Evaluate(in packet).Rule;
                return sum;
            }

            int Linear(PacketInfo[] packets)
            {
                int sum = 0;
                foreach (ref readonly PacketInfo packet in packets.AsSpan()) sum += linear.Classify(in packet);
                return sum;
            }
        }

        ReloadInputs inputs = ReloadInputs.Make(reloads: 1);
        List<double> times = [];
        long allocated = 0;
        for (int i = 0; i < 11; i++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            long start = Stopwatch.GetTimestamp();
            inputs.Build(new RuleCatalog(), 0, inputs.ReadTags());
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        times.Sort();
        Console.WriteLine($"built from both files: {times[times.Count / 2]:F0} ms median, {times[^1]:F0} ms worst, {allocated / 1e6:F0} MB allocated; {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:F0} MB resident at most, with the benchmark's own data");
    }

    /// <summary>Nanoseconds for one packet: the median of the rounds.</summary>
    private static double Median(int rounds, PacketInfo[] packets, Func<PacketInfo[], int> turn)
    {
        double[] times = new double[rounds];
        int sum = 0;
        for (int i = 0; i < rounds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            sum += turn(packets);
            times[i] = Stopwatch.GetElapsedTime(start).TotalNanoseconds / packets.Length;
        }

        Array.Sort(times);
        return sum == int.MinValue ? 0 : times[rounds / 2];
    }
}
