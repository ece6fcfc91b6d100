using System.Diagnostics;
using System.Globalization;
using System.Text;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Devices.Linux;

namespace Firewall.Bench;

/// <summary>
/// The engine's figures that have a target, in one run of a minute: each the median of many rounds on one core, and how it compares.
/// BenchmarkDotNet is for finding out why; this is for finding out whether.
/// </summary>
internal static class Figures
{
    private const int Rounds = 101;
    private const int Turn = 1 << 14;
    private const int Repeats = 7;

    /// <summary>Measures, prints, and returns how many targets were missed.</summary>
    /// <param name="only">A part of the wanted figures' names; empty: all.</param>
    public static int Print(string only)
    {
        Console.WriteLine($"{"figure",-62} {"median",10} {"best",10} {"target",10}");
        int missed = 0;
        foreach ((string figure, Func<double[]> measure, double target, string unit) in (ReadOnlySpan<(string, Func<double[]>, double, string)>)
        [
            ("packet of a known flow, 10 thousand flows, random", () => KnownFlows(10_000), 40, "ns"),
            ("packet of a known flow, 4 million flows, random", () => KnownFlows(4_000_000), 120, "ns"),
            ("memory of a flow, 4 million flows", BytesPerFlow, 128, "B"),
            ("new UDP flows through 10 rules", () => NewFlows(isTold: false), -1.5, "M/s"),
            ("new UDP flows through 10 rules, told to the flow logs", () => NewFlows(isTold: true), -1.5, "M/s"),
            ("longest delay while a million flows expire", Expiry, 1, "ms"),
        ])
        {
            if (figure.Contains(only, StringComparison.Ordinal)) missed += Report(figure, measure(), target, unit);
        }

        return missed;
    }

    // As the appliance makes one that does not outlive it.
    private static FlowTable TableOf(int maxFlows)
    {
        FlowLimits limits = new() { MaxFlows = maxFlows, HalfOpenPercent = 100, MaxFlowsPerSource = 0, AdaptiveStartPercent = 100 };
        return new FlowTable(limits, 1, OperatingSystem.IsLinux() ? PrivateFlowRegion.Create(FlowTable.LengthFor(limits, 1)) : null);
    }

    private static double[] BytesPerFlow()
    {
        const int Flows = 4_000_000;
        using FlowTable table = TableOf(Flows);
        var engine = new FirewallEngine(table, new FragmentTable(), new EngineOptions());
        Policy policy = TenRules();
        byte[] packet = Traffic.Udp(0); // one for all: what the collector keeps is not the table's
        long before = ResidentBytes();
        for (int i = 0; i < Flows; i++)
        {
            Traffic.Number(packet, i);
            Expect(engine, packet, policy, 0);
        }

        return [(ResidentBytes() - before) / (double)Flows];
    }

    // Through the worker, in batches as a device hands them over: read into the batch right before.
    private static double[] KnownFlows(int flows)
    {
        using FlowTable table = TableOf(flows);
        var engine = new FirewallEngine(table, new FragmentTable(), new EngineOptions());
        Policy policy = TenRules();
        for (int i = 0; i < flows; i++) Expect(engine, Traffic.Udp(i), policy, 0);
        var queue = new DatagramQueue(flows);
        var worker = new PacketWorker(queue, engine);
        double[] rounds = new double[Rounds];
        for (int round = -20; round < Rounds; round++)
        {
            long ticks = 0;
            int packets = 0;
            while (packets < Turn)
            {
                worker.Receive(0);
                long start = Stopwatch.GetTimestamp();
                packets += worker.Process(policy, 1);
                ticks += Stopwatch.GetTimestamp() - start;
            }

            if (round >= 0) rounds[round] = ticks * 1e9 / Stopwatch.Frequency / packets;
        }

        return rounds;
    }

    // Through the worker as well; each flow once.
    private static double[] NewFlows(bool isTold)
    {
        const int Flows = 1_000_000;
        Policy policy = TenRules();
        double[] rounds = new double[Repeats];
        for (int round = -1; round < Repeats; round++)
        {
            using FlowTable table = TableOf(2_000_000);
            EventRing<FlowEvent>? events = isTold ? table.Tell(4096).Single() : null;
            var worker = new PacketWorker(new DatagramQueue(Flows) { InOrder = true }, new FirewallEngine(table, new FragmentTable(), new EngineOptions()));
            long ticks = 0;
            for (int packets = 0; packets < Flows;)
            {
                worker.Receive(0);
                long start = Stopwatch.GetTimestamp();
                packets += worker.Process(policy, 1);
                ticks += Stopwatch.GetTimestamp() - start;
                while (events?.TryTake(out _) == true)
                {
                }
            }

            if (table.Count != Flows || events?.Lost > 0) throw new InvalidOperationException($"{table.Count} flows, {events?.Lost} not told");
            if (round >= 0) rounds[round] = Flows * 1e-6 * Stopwatch.Frequency / ticks;
        }

        return rounds;
    }

    // A million flows that all expire in the same second while packets of another flow come. What takes long of itself does so every time, what
    // the machine does to us does not: the least of several runs counts.
    private static double[] Expiry()
    {
        double[] longest = new double[Repeats];
        for (int i = 0; i < Repeats; i++) longest[i] = LongestTurnOfExpiry();
        return [longest.Min()];
    }

    private static double LongestTurnOfExpiry()
    {
        const int Flows = 1_000_000;
        using FlowTable table = TableOf(2_000_000);
        var engine = new FirewallEngine(table, new FragmentTable(), new EngineOptions());
        Policy policy = TenRules();
        for (int i = 0; i < Flows; i++) Expect(engine, Traffic.Udp(i), policy, 0);
        var worker = new PacketWorker(new DatagramQueue(1), engine);
        double longest = 0;
        GC.Collect();
        for (long now = 0; table.Count > 1; now += 10)
        {
            for (int batch = 0; batch < 100 && (table.Count > 1 || batch == 0); batch++)
            {
                worker.Receive(0);
                long start = Stopwatch.GetTimestamp();
                worker.Process(policy, now);
                if (now > 1000) longest = Math.Max(longest, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        return longest;
    }

    private static void Expect(FirewallEngine engine, byte[] packet, Policy policy, long now)
    {
        if (!engine.Inspect(packet, packet.Length, policy, now, out _).IsAllowed) throw new InvalidOperationException("a packet was denied");
    }

    private static Policy TenRules()
    {
        var json = new StringBuilder("{ \"name\": \"nsg\", \"properties\": { \"securityRules\": [");
        for (int i = 0; i < 10; i++)
        {
            string ports = i == 9 ? "53" : string.Create(CultureInfo.InvariantCulture, $"{8000 + i}");
            json.Append(i == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $$"""
                { "name": "rule-{{i}}", "properties": { "priority": {{100 + i}}, "direction": "Inbound", "access": "Allow", "protocol": "*",
                  "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "{{ports}}" } }
                """);
        }

        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(json.Append("] } }").ToString()), "figures.json");
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy
            ?? throw new InvalidOperationException("the rules are wrong");
    }

    private static long ResidentBytes()
    {
        GC.Collect();
        string line = File.ReadLines("/proc/self/status").First(static line => line.StartsWith("VmRSS", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    // A negative target is one to reach, a positive one not to exceed.
    private static int Report(string figure, double[] rounds, double target, string unit)
    {
        Array.Sort(rounds);
        double median = rounds[rounds.Length / 2];
        bool missed = target < 0 ? median < -target : median > target;
        string sign = target < 0 ? "≥" : "≤";
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{figure,-62} {median,10:0.00} {(target < 0 ? rounds[^1] : rounds[0]),10:0.00} {sign} {Math.Abs(target),7:0.0} {unit} {(missed ? "MISSED" : "")}"));
        return missed ? 1 : 0;
    }
}
