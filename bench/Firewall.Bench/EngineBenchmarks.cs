using System.Text;
using BenchmarkDotNet.Attributes;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>One packet of a known flow through the whole engine: parse, find, track, count. Flows are visited in random order.</summary>
[MemoryDiagnoser]
public class EngineBenchmarks
{
    private const string AllowAll = """
        { "name": "nsg", "properties": { "securityRules": [ { "name": "allow", "properties": {
          "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*",
          "destinationAddressPrefix": "*", "destinationPortRange": "*" } } ] } }
        """;

    private const int Turn = 4096;

    private FlowTable _flows = null!;
    private FirewallEngine _engine = null!;
    private Policy _policy = null!;
    private byte[][] _packets = null!;
    private byte[][] _segments = null!;

    [Params(10_000, 1_000_000, 4_000_000)]
    public int Flows { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var catalog = new RuleCatalog();
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(AllowAll), "bench.json");
        _policy = PolicyCompiler.Compile(file.Groups, new PolicyOptions(), catalog, 1).Policy!;
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

    [Benchmark(OperationsPerInvoke = Turn)]
    public int Parse_only()
    {
        int sum = 0;
        foreach (byte[] packet in _packets)
        {
            PacketParser.Parse(packet, packet.Length, out PacketInfo info);
            sum += info.Length;
        }

        return sum;
    }
}
