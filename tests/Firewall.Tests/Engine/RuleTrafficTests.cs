using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>What rules let through and denied adds up to what passed and what was denied, packet by packet and byte by byte.</summary>
public sealed class RuleTrafficTests : IDisposable
{
    private const string Rules = """
        {
          "name": "nsg",
          "properties": {
            "flushConnection": true,
            "securityRules": [
              { "name": "deny-telnet", "properties": { "priority": 100, "direction": "Inbound", "access": "Deny", "protocol": "Tcp", "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "23" } },
              { "name": "NAME", "properties": { "priority": 200, "direction": "Inbound", "access": "Allow", "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" } }
            ]
          }
        }
        """;

    private readonly RuleCatalog _catalog = new();
    private readonly FlowTable _flows = new(new FlowLimits { MaxFlows = 64, HalfOpenPercent = 50, MaxFlowsPerSource = 0, HandshakesPerSecond = 0 });
    private readonly FirewallEngine _engine;
    private Policy _policy;
    private long _now = 1000;

    public RuleTrafficTests()
    {
        _engine = new FirewallEngine(_flows, new FragmentTable(), new EngineOptions());
        _policy = Compile("first", 1);
    }

    public void Dispose() => _flows.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Whatever_becomes_of_flows_the_rules_sums_are_those_of_all_packets(int seed)
    {
        var random = new Random(seed);
        for (int i = 1; i <= 20_000; i++)
        {
            Send(Any(random));
            if (i % 10 == 0) _now += random.Next(3000);
            if (i % 500 == 0) _policy = Compile(i % 1000 == 0 ? "first" : "second", (uint)i);
            if (i % 97 == 0 && First() is { } flow) _engine.EndFlow(new FlowEnd(flow.Key, flow.Started, false), _now, out _);
            _engine.Maintain(_now, 64);
        }

        Assert.True(_flows.Evicted > 0 && _flows.Expired > 0 && _flows.Killed > 0, "the test does not reach what it is to try");
        foreach (string rule in (string[])["first", "second", "deny-telnet"]) Assert.True(Of(rule).Packets > 0, rule);
        EngineCounters counters = _engine.Counters;
        Assert.True(counters.Allowed(VerdictReason.Related) > 0 && counters.Allowed(VerdictReason.Fragment) > 0, "no ICMP error, or no fragment, passed");
        Assert.Equal(counters.AllowedPackets + counters.Denied(VerdictReason.Rule), All().Packets);
        Assert.Equal(counters.AllowedBytes, Sum(rule => _catalog[rule]?.Name.StartsWith("deny", StringComparison.OrdinalIgnoreCase) == false).Bytes);
    }

    [Fact]
    public void When_another_rule_takes_a_flow_over_each_keeps_what_passed_under_it()
    {
        byte[] packet = PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53");
        for (int i = 0; i < 5; i++) Send(packet);
        _policy = Compile("second", 2);
        for (int i = 0; i < 3; i++) Send(packet);
        Assert.Equal((5, 5L * packet.Length), Of("first"));
        Assert.Equal((3, 3L * packet.Length), Of("second"));
    }

    [Fact]
    public void A_connection_that_takes_the_place_of_one_in_the_other_direction_counts_for_its_own_rule()
    {
        const string Outside = "203.0.113.5:40000";
        const string Inside = "10.0.0.4:80";
        EventRing<FlowEvent> events = _flows.Tell(16)[0];
        Send(PacketBuilder.Tcp(Outside, Inside, TcpFlags.Syn, 1000));
        Send(PacketBuilder.Tcp(Inside, Outside, TcpFlags.Syn | TcpFlags.Ack, 5000, 1001));
        Send(PacketBuilder.Tcp(Outside, Inside, TcpFlags.Ack, 1001, 5001));
        Send(PacketBuilder.Tcp(Inside, Outside, TcpFlags.Ack, 5001, 1001, payload: 1));
        Send(PacketBuilder.Tcp(Outside, Inside, TcpFlags.Ack, 1001, 5002));
        Assert.Equal(1, _flows.Assured);
        Send(PacketBuilder.Tcp(Inside, Outside, TcpFlags.Syn, 900_000));
        Send(PacketBuilder.Tcp(Outside, Inside, TcpFlags.Syn | TcpFlags.Ack, 700_000, 900_001));
        Assert.Equal((6, 241L), Of("first"));
        Assert.Equal((1, 40L), Of("AllowInternetOutBound"));
        Assert.Equal((1, 0), (_flows.Count, _flows.Assured));
        Send(PacketBuilder.Tcp(Inside, Outside, TcpFlags.Ack, 900_001, 700_001));
        Send(PacketBuilder.Tcp(Outside, Inside, TcpFlags.Ack, 700_001, 900_001, payload: 1));
        Assert.Equal(1, _flows.Assured);

        FlowRecord flow = First()!.Value.Record;
        Assert.Equal((1u, 2u), (flow.Head.ForwardPackets, flow.Head.ReplyPackets));
        Assert.Equal(1, _engine.Counters.Rules.CountOf(flow.Rule));
        Assert.Equal(2, _engine.Counters.Allowed(VerdictReason.Rule));
        List<FlowEventKind> told = [];
        while (events.TryTake(out FlowEvent item)) told.Add(item.Kind);
        Assert.Equal([FlowEventKind.Begun, FlowEventKind.Ended, FlowEventKind.Begun], told);
    }

    [Fact]
    public void A_record_whose_counters_begin_anew_loses_nothing()
    {
        byte[] packet = PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53");
        byte[] answer = PacketBuilder.Udp("10.0.0.4:53", "203.0.113.5:40000");
        Send(packet);
        FlowShard shard = _flows.Shards[0];
        ref FlowHead record = ref shard.Find(First()!.Value.Key, _flows.HashOf(First()!.Value.Key), (uint)_now);
        for (int i = 0; i < 3; i++)
        {
            record.ForwardPackets = uint.MaxValue;
            record.ReplyPackets = uint.MaxValue;
            (long before, _) = Of("first");
            Send(packet);
            Send(answer);
            Assert.Equal(before + 2, Of("first").Packets);
        }

        // As many bytes as a record can count, in packets as large as there are.
        long bytes = Of("first").Bytes;
        const int Packets = (int)((1L << 48) / int.MaxValue) + 2;
        for (int i = 0; i < Packets; i++)
        {
            if (record.Count(isForward: true, int.MaxValue)) shard.CountWrap(ref record, isForward: true, int.MaxValue);
        }

        Assert.True(First()!.Value.Record.ForwardBytes < (ulong)bytes + (2L * int.MaxValue));
        Assert.Equal(bytes + ((long)Packets * int.MaxValue), Of("first").Bytes);
    }

    [Fact]
    public void An_adopted_flow_brings_what_it_has_carried_before()
    {
        byte[] packet = PacketBuilder.Udp("203.0.113.5:40001", "10.0.0.4:53");
        var boot = Guid.NewGuid();
        FlowRegion region = FlowRegion.Create(FlowTable.LengthFor(new FlowLimits { MaxFlows = 64 }, 1));
        using var old = new FlowTable(new FlowLimits { MaxFlows = 64 }, 1, region, boot);
        var before = new FirewallEngine(old, new FragmentTable(), new EngineOptions());
        Assert.True(before.Inspect(packet, packet.Length, _policy, _now, out _).IsAllowed);
        Assert.Equal(1, _flows.Adopt(region, boot, _now, number => number).Adopted);
        Send(packet);
        Assert.Equal((2, 2L * packet.Length), Of("first"));
    }

    [Fact]
    public void Flows_that_a_gap_in_time_ends_are_counted()
    {
        Send(PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53"));
        _engine.Maintain(_now, 64);
        _now += 40L * 24 * 3600 * 1000;
        _engine.Maintain(_now, 64);
        Assert.Equal(0, _flows.Count);
        Assert.Equal(1, Of("first").Packets);
    }

    private static byte[] Any(Random random)
    {
        ushort port = (ushort)(40000 + random.Next(60));
        string client = $"203.0.113.5:{port}";
        string server = $"10.0.0.4:{(random.Next(20) == 0 ? 23 : 80)}";
        bool back = random.Next(2) == 0;
        (string from, string to) = back ? (server, client) : (client, server);
        return random.Next(8) switch
        {
            0 => PacketBuilder.Udp(client, server, random.Next(1000)),
            1 => PacketBuilder.Udp(from, to, random.Next(1000)),
            2 => PacketBuilder.Tcp(client, server, TcpFlags.Syn),
            3 => PacketBuilder.Tcp(from, to, TcpFlags.Rst),
            4 => PacketBuilder.IcmpError("10.0.0.4", "203.0.113.5", 3, 3, PacketBuilder.Udp(client, "10.0.0.4:80")),
            5 => PacketBuilder.Fragment(PacketBuilder.Udp(client, "10.0.0.4:80", 2000), 0, 1480, more: true, port),
            6 => PacketBuilder.Fragment(PacketBuilder.Udp(client, "10.0.0.4:80", 2000), 1480, 528, more: false, port),
            _ => PacketBuilder.Tcp(from, to, TcpFlags.Ack, (uint)random.Next(4), (uint)random.Next(4)),
        };
    }

    private void Send(byte[] packet) => _engine.Inspect(packet, packet.Length, _policy, _now, out _);

    private (FlowKey Key, uint Started, FlowRecord Record)? First()
    {
        int looks = int.MaxValue;
        return new FlowWalk(_flows).TryNext(_now, out FlowRecord flow, ref looks) ? (FlowShard.KeyOf(flow.Head), flow.Started, flow) : null;
    }

    private (long Packets, long Bytes) All() => Sum(_ => true);

    private (long Packets, long Bytes) Of(string rule) => Sum(number => _catalog[number]?.Name == rule);

    private (long Packets, long Bytes) Sum(Func<int, bool> counts)
    {
        (long packets, long bytes) = (0, 0);
        foreach (int rule in Enumerable.Range(0, _catalog.Count).Where(counts))
        {
            packets += _engine.Counters.Rules.PacketsOf(rule) + _flows.EndedTrafficOf(rule).Packets;
            bytes += _engine.Counters.Rules.BytesOf(rule) + _flows.EndedTrafficOf(rule).Bytes;
        }

        var walk = new FlowWalk(_flows);
        int looks = int.MaxValue;
        // Also those whose time is over, but that nobody has taken out yet.
        while (walk.TryNext(0, out FlowRecord flow, ref looks))
        {
            if (!counts(flow.Rule)) continue;
            packets += flow.Packets;
            bytes += flow.Bytes;
        }

        return (packets, bytes);
    }

    private Policy Compile(string name, uint version)
    {
        RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(Rules.Replace("NAME", name, StringComparison.Ordinal)), "rules.json");
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions(), _catalog, version).Policy!;
    }
}
