using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>A packet of a known flow, and a packet that is denied, cost no garbage.</summary>
public sealed class AllocationTests
{
    public static TheoryData<string, byte[], byte[]> Conversations => new()
    {
        {
            "TCP over IPv4",
            PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn),
            PacketBuilder.Tcp("10.0.0.4:22", "203.0.113.5:40000", TcpFlags.Syn | TcpFlags.Ack)
        },
        {
            "UDP over IPv6",
            PacketBuilder.Udp("[2001:db8::5]:40000", "[fd00::4]:53", 100),
            PacketBuilder.Udp("[fd00::4]:53", "[2001:db8::5]:40000", 100)
        },
        {
            "ping",
            PacketBuilder.IcmpEcho("203.0.113.5", "10.0.0.4", 7),
            PacketBuilder.IcmpEcho("10.0.0.4", "203.0.113.5", 7, reply: true)
        },
    };

    [Theory]
    [MemberData(nameof(Conversations))]
    public void A_packet_of_a_known_flow_allocates_nothing(string name, byte[] request, byte[] reply)
    {
        Assert.NotEmpty(name);
        using var flows = new FlowTable(100);
        var engine = new FirewallEngine(flows, new FragmentTable(), new EngineOptions(), new EventRing<DropEvent>(16));
        Policy policy = Compile(SampleRules.AllowAll);
        Assert.True(engine.Inspect(request, request.Length, policy, 0, out _).IsAllowed);
        Assert.Equal(0, AllocatedBy(() => engine.Inspect(reply, reply.Length, policy, 1, out _).IsAllowed));
    }

    [Theory]
    [MemberData(nameof(Conversations))]
    public void Nor_does_it_while_begins_and_ends_are_told(string name, byte[] request, byte[] reply)
    {
        Assert.NotEmpty(name);
        using var flows = new FlowTable(100);
        EventRing<FlowEvent> events = Assert.Single(flows.Tell(16));
        var engine = new FirewallEngine(flows, new FragmentTable(), new EngineOptions(), new EventRing<DropEvent>(16));
        Policy policy = Compile(SampleRules.AllowAll);
        Assert.True(engine.Inspect(request, request.Length, policy, 0, out PacketInfo info).IsAllowed);
        Assert.Equal(0, AllocatedBy(() => engine.Inspect(reply, reply.Length, policy, 1, out _).IsAllowed));
        Assert.True(events.TryTake(out FlowEvent begun));
        Assert.Equal(FlowEventKind.Begun, begun.Kind);
        Assert.True(events.IsEmpty);

        // A flow's end and the telling of it, over and over, with nobody who takes the events.
        FlowKey key = FlowKey.Of(info, out bool fromHigh);
        ulong hash = flows.HashOf(key);
        FlowShard shard = flows.ShardOf(hash);
        Assert.Equal(0, AllocatedBy(() =>
        {
            shard.Remove(ref shard.Find(key, hash, 1), hash, 1);
            ref FlowHead again = ref shard.Add(key, fromHigh, hash, 0, out _);
            again.See(0, 1000);
            shard.Schedule(ref again, 0);
            shard.TellBegun(ref again);
            return true;
        }));
        Assert.True(events.Lost > 0);
    }

    [Theory]
    [InlineData("203.0.113.5:40000", "10.0.0.4:22")]
    [InlineData("[2001:db8::5]:40000", "[fd00::4]:22")]
    public void Nor_does_a_request_for_a_connection_that_is_there(string client, string server)
    {
        using var flows = new FlowTable(100);
        var engine = new FirewallEngine(flows, new FragmentTable(), new EngineOptions(), new EventRing<DropEvent>(16));
        Policy policy = Compile(SampleRules.AllowAll);
        foreach (byte[] packet in (byte[][])[
            PacketBuilder.Tcp(client, server, TcpFlags.Syn, 1000),
            PacketBuilder.Tcp(server, client, TcpFlags.Syn | TcpFlags.Ack, 5000, 1001),
            PacketBuilder.Tcp(client, server, TcpFlags.Ack, 1001, 5001)])
        {
            Assert.True(engine.Inspect(packet, packet.Length, policy, 0, out _).IsAllowed);
        }

        byte[] again = PacketBuilder.Tcp(client, server, TcpFlags.Syn, 90_000_000, options: PacketBuilder.TcpOptions(1460, 7, true, 5));
        Assert.Equal(0, AllocatedBy(() => engine.Inspect(again, again.Length, policy, 1, out _).IsAllowed));
    }

    [Fact]
    public void A_denied_packet_allocates_nothing()
    {
        using var flows = new FlowTable(100);
        var engine = new FirewallEngine(flows, new FragmentTable(), new EngineOptions(), new EventRing<DropEvent>(16), new DropRecorder(16, 64));
        Policy policy = Compile(SampleRules.Empty);
        byte[] syn = PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn);
        Assert.Equal(0, AllocatedBy(() => !engine.Inspect(syn, syn.Length, policy, 1, out _).IsAllowed));
    }

    private static long AllocatedBy(Func<bool> inspect) => Allocated.LeastBy(() =>
    {
        bool all = true;
        for (int i = 0; i < 10_000; i++) all &= inspect();
        Assert.True(all);
    });

    private static Policy Compile(string rules) =>
        PolicyCompiler.Compile(NsgReader.Read(Encoding.UTF8.GetBytes(rules), "rules.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;
}
