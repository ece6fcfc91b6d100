using BenchmarkDotNet.Attributes;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Classification;

namespace Firewall.Bench;

/// <summary>
/// A flow's first packet through rules that use the whole service tag file, or as many prefixes made up where that file is not there.
/// Packets are drawn from the prefixes in random order, so that no cache holds the way of the next.
/// </summary>
[MemoryDiagnoser]
[MinColumn, MedianColumn]
public class RuleBenchmarks
{
    private const int Turn = 4096;

    private RulePolicy _rules = null!;
    private Policy _policy = null!;
    private LinearClassifier _linear = null!;
    private PacketInfo[] _v4 = null!;
    private PacketInfo[] _v6 = null!;
    private PacketInfo[] _mixed = null!;

    [Params(10, 1000)]
    public int Rules { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _rules = new RulePolicy(Rules);
        _policy = _rules.Compile();
        _linear = new LinearClassifier(_policy.Compiled[0].Inbound.Rules);
        var random = new Random(5);
        _v4 = _rules.Packets(random, Turn, isIPv4: true);
        _v6 = _rules.Packets(random, Turn, isIPv4: false);
        _mixed = [.. _v4.Take(Turn / 2), .. _v6.Take(Turn / 2)];
        random.Shuffle(_mixed);
    }

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Classify_IPv4() => Classify(_v4);

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Classify_IPv6() => Classify(_v6);

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Classify_mixed() => Classify(_mixed);

    /// <summary>One rule after the other, for comparison.</summary>
    [Benchmark(OperationsPerInvoke = Turn)]
    public int Linear_mixed()
    {
        int sum = 0;
        foreach (ref readonly PacketInfo packet in _mixed.AsSpan()) sum += _linear.Classify(in packet);
        return sum;
    }

    [Benchmark]
    public Policy Build() => _rules.Compile();

    private int Classify(PacketInfo[] packets)
    {
        int sum = 0;
        foreach (ref readonly PacketInfo packet in packets.AsSpan()) sum += _policy.Evaluate(in packet).Rule;
        return sum;
    }
}
