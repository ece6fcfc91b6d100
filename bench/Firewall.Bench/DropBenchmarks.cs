using BenchmarkDotNet.Attributes;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>A datagram that the rules deny, with and without the recorder of the last denied packets.</summary>
[MemoryDiagnoser]
public class DropBenchmarks
{
    private const int Turn = 4096;

    // As the appliance has it (Firewall:Drops).
    private const int KeptPackets = 1024;
    private const int SnapLength = 256;

    private FlowTable _flows = null!;
    private FirewallEngine _engine = null!;
    private Policy _policy = null!;
    private byte[][] _packets = null!;

    [Params(false, true)]
    public bool IsRecorded { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _policy = Policy.DenyAll(new RuleCatalog());
        _flows = new FlowTable(Turn);
        _engine = new FirewallEngine(
            _flows, new FragmentTable(), new EngineOptions(), drops: null, IsRecorded ? new DropRecorder(KeptPackets, SnapLength) : null);
        _packets = [.. Enumerable.Range(0, Turn).Select(Traffic.Udp)];
    }

    [GlobalCleanup]
    public void Cleanup() => _flows.Dispose();

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Denied_packet()
    {
        int denied = 0;
        foreach (byte[] packet in _packets)
        {
            if (!_engine.Inspect(packet, packet.Length, _policy, 1, out _).IsAllowed) denied++;
        }

        return denied;
    }
}
