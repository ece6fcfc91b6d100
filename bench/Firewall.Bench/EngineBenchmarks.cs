using BenchmarkDotNet.Attributes;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>One packet of a known flow through the whole engine: parse, find, track, count. Flows are visited in random order.</summary>
[MemoryDiagnoser]
public class EngineBenchmarks
{
    private const int Turn = 4096;

    private FlowTable _flows = null!;
    private FirewallEngine _engine = null!;
    private Policy _policy = null!;
    private byte[][] _packets = null!;
    private byte[][] _segments = null!;
    private PacketWorker _worker = null!;

    [Params(10_000, 1_000_000, 4_000_000)]
    public int Flows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _policy = RulePolicy.AllowAll();
        _flows = new FlowTable(2 * Flows);
        _engine = new FirewallEngine(_flows, new FragmentTable(), new EngineOptions());
        for (int i = 0; i < Flows; i++)
        {
            byte[] packet = Traffic.Udp(i);
            _engine.Inspect(packet, packet.Length, _policy, 0, out _);
        }

        foreach (byte flags in new byte[] { 0x02, 0x12, 0x10 })
        {
            for (int i = 0; i < Flows; i++)
            {
                byte[] packet = Traffic.Tcp(i, flags);
                _engine.Inspect(packet, packet.Length, _policy, 0, out _);
            }
        }

        var random = new Random(1);
        _segments = Enumerable.Range(0, Turn).Select(_ => Traffic.Tcp(random.Next(Flows), 0x18, 32)).ToArray();
        _packets = Enumerable.Range(0, Turn).Select(_ => Traffic.Udp(random.Next(Flows))).ToArray();
        _worker = new PacketWorker(new DatagramQueue(Flows), _engine);
    }

    [GlobalCleanup]
    public void Cleanup() => _flows.Dispose();

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Packet_of_a_known_flow()
    {
        int allowed = 0;
        foreach (byte[] packet in _packets)
        {
            if (_engine.Inspect(packet, packet.Length, _policy, 1, out _).IsAllowed) allowed++;
        }

        return allowed;
    }

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Segment_of_a_known_connection()
    {
        int allowed = 0;
        foreach (byte[] packet in _segments)
        {
            if (_engine.Inspect(packet, packet.Length, _policy, 1, out _).IsAllowed) allowed++;
        }

        return allowed;
    }

    /// <summary>Whole turns of the worker: batch, announcement, verdicts, sending. The datagrams come from memory.</summary>
    [Benchmark(OperationsPerInvoke = Turn)]
    public int Batches_of_the_worker()
    {
        int packets = 0;
        while (packets < Turn)
        {
            _worker.Receive(0);
            packets += _worker.Process(_policy, 1);
        }

        return packets;
    }
}
