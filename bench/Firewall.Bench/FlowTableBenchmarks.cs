using BenchmarkDotNet.Attributes;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>The flow table alone: a flow that is there, and flows that come and go.</summary>
[MemoryDiagnoser]
public class FlowTableBenchmarks
{
    private const int Turn = 4096;

    // Milliseconds; a datagram's flow without an answer ends after 30,000.
    private const long LongerThanItsTimeout = 60_000;

    private readonly FlowKey[] _keys = new FlowKey[Turn];
    private FlowTable _known = null!;
    private FlowTable _passing = null!;
    private FirewallEngine _engine = null!;
    private Policy _policy = null!;
    private byte[][] _strangers = null!;
    private long _now;

    [Params(10_000, 4_000_000)]
    public int Flows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _policy = RulePolicy.AllowAll();
        _known = new FlowTable(2 * Flows);
        var engine = new FirewallEngine(_known, new FragmentTable(), new EngineOptions());
        for (int i = 0; i < Flows; i++)
        {
            byte[] packet = Traffic.Udp(i);
            engine.Inspect(packet, packet.Length, _policy, 0, out _);
        }

        var random = new Random(1);
        for (int i = 0; i < Turn; i++)
        {
            byte[] packet = Traffic.Udp(random.Next(Flows));
            PacketParser.Parse(packet, packet.Length, out PacketInfo info);
            _keys[i] = FlowKey.Of(in info, out _);
        }

        _passing = new FlowTable(2 * Turn);
        _engine = new FirewallEngine(_passing, new FragmentTable(), new EngineOptions());
        _strangers = [.. Enumerable.Range(0, Turn).Select(Traffic.Udp)];
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _known.Dispose();
        _passing.Dispose();
    }

    [Benchmark(OperationsPerInvoke = Turn)]
    public long Find()
    {
        long sum = 0;
        foreach (ref readonly FlowKey key in _keys.AsSpan())
        {
            ulong hash = _known.HashOf(in key);
            sum += _known.ShardOf(hash).Find(in key, hash, 0).Deadline;
        }

        return sum;
    }

    /// <summary>A datagram of a flow that is not there, with verdict, and later the end of that flow by its timeout.</summary>
    [Benchmark(OperationsPerInvoke = Turn)]
    public int Begin_and_expire()
    {
        foreach (byte[] packet in _strangers) _engine.Inspect(packet, packet.Length, _policy, _now, out _);
        _now += LongerThanItsTimeout;
        int turns = 1;
        while (_engine.Maintain(_now, Turn)) turns++;
        return turns;
    }
}
