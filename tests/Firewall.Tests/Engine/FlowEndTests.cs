using System.Text;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Devices.Memory;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>A flow that an operator ends is gone for its next packet, and with a reset both ends are told in numbers that they believe.</summary>
public sealed class FlowEndTests : IDisposable
{
    private const uint ClientSeq = 1000;
    private const uint ServerSeq = 9000;

    private readonly MemoryDevice _device = new(1);
    private readonly FlowTable _flows = new(100);
    private readonly PacketWorker _worker;
    private readonly Policy _policy = PolicyCompiler.Compile(
        NsgReader.Read(Encoding.UTF8.GetBytes(SampleRules.AllowAll), "rules.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;

    public FlowEndTests() =>
        _worker = new PacketWorker(Queue, new FirewallEngine(_flows, new FragmentTable(), new EngineOptions()));

    private MemoryQueue Queue => (MemoryQueue)_device.Queues[0];

    public void Dispose()
    {
        _flows.Dispose();
        _device.Dispose();
    }

    [Theory]
    [InlineData("203.0.113.5:40000", "10.0.0.4:22")]
    [InlineData("10.0.0.4:40000", "203.0.113.5:22")]
    [InlineData("[2001:db8::5]:40000", "[fd00::4]:22")]
    public void Both_ends_of_an_idle_connection_get_one_reset_with_the_number_they_wait_for(string client, string server)
    {
        Connect(client, server);
        List<PacketInfo> resets = End(reset: true);
        Assert.Equal(2, resets.Count);
        PacketInfo toClient = Assert.Single(resets, r => r.DestinationPort == 40000);
        PacketInfo toServer = Assert.Single(resets, r => r.DestinationPort == 22);
        Assert.Equal((ServerSeq + 1, ClientSeq + 1), (toClient.Sequence, toClient.Acknowledgment));
        Assert.Equal((ClientSeq + 1, ServerSeq + 1), (toServer.Sequence, toServer.Acknowledgment));
    }

    [Fact]
    public void With_data_under_way_there_is_a_reset_behind_it_and_one_for_the_case_that_it_was_lost()
    {
        Connect("203.0.113.5:40000", "10.0.0.4:22");
        Pass(PacketBuilder.Tcp("10.0.0.4:22", "203.0.113.5:40000", TcpFlags.Ack, ServerSeq + 1, ClientSeq + 1, payload: 500));
        List<PacketInfo> resets = End(reset: true);
        Assert.Equal([ServerSeq + 501, ServerSeq + 1], resets.Where(r => r.DestinationPort == 40000).Select(r => r.Sequence));
        Assert.Equal([ClientSeq + 1], resets.Where(r => r.DestinationPort == 22).Select(r => r.Sequence));
    }

    [Fact]
    public void A_connection_that_was_only_asked_for_is_refused_to_the_asking_end()
    {
        Pass(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn, ClientSeq));
        PacketInfo toClient = Assert.Single(End(reset: true), r => r.DestinationPort == 40000);
        Assert.Equal(ClientSeq + 1, toClient.Acknowledgment);
    }

    [Fact]
    public void Without_reset_nobody_is_told_and_the_next_packet_belongs_to_no_flow()
    {
        Connect("203.0.113.5:40000", "10.0.0.4:22");
        Assert.Empty(End(reset: false));
        Assert.Equal(1, _flows.Killed);
        Queue.Inject(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Ack, ClientSeq + 1, ServerSeq + 1, payload: 10));
        Turn();
        Assert.Empty(Queue.TakeWritten());
        Assert.Equal(1, _worker.Engine.Counters.Denied(VerdictReason.NoFlow));
    }

    [Fact]
    public void No_packet_of_the_flow_passes_behind_its_reset()
    {
        Connect("203.0.113.5:40000", "10.0.0.4:22");
        Queue.Inject(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Ack, ClientSeq + 1, ServerSeq + 1, payload: 10));
        Assert.All(End(reset: true), reset => Assert.True(reset.TcpFlags.HasFlag(TcpFlags.Rst)));
        Assert.Equal(1, _worker.Engine.Counters.Denied(VerdictReason.NoFlow));
    }

    [Fact]
    public void A_datagram_flow_ends_without_a_packet_and_its_next_datagram_is_judged_by_the_rules()
    {
        byte[] datagram = PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53", 20);
        Pass(datagram);
        Assert.Empty(End(reset: true));
        Queue.Inject(datagram);
        Turn();
        Assert.Single(Queue.TakeWritten());
        Assert.Equal(2, _worker.Engine.Counters.Allowed(VerdictReason.Rule));
    }

    [Fact]
    public void Many_ends_are_carried_out_a_few_in_a_turn_without_waiting_for_packets()
    {
        for (int i = 0; i < 50; i++) Pass(PacketBuilder.Udp($"203.0.113.5:{40000 + i}", "10.0.0.4:53", 20));
        foreach (FlowRecord flow in Walk()) Assert.True(_worker.Ends.TryAdd(FlowEnd.Of(flow, reset: false)));
        int turns = 0;
        while (!_worker.Ends.IsEmpty)
        {
            Assert.True(_worker.Receive(-1));
            _worker.Process(_policy, 0);
            turns++;
        }

        Assert.Equal(50, _flows.Killed);
        Assert.Equal(50, _worker.Ended);
        Assert.InRange(turns, 4, 10);
    }

    private void Connect(string client, string server)
    {
        Pass(PacketBuilder.Tcp(client, server, TcpFlags.Syn, ClientSeq));
        Pass(PacketBuilder.Tcp(server, client, TcpFlags.Syn | TcpFlags.Ack, ServerSeq, ClientSeq + 1));
        Pass(PacketBuilder.Tcp(client, server, TcpFlags.Ack, ClientSeq + 1, ServerSeq + 1));
    }

    private void Pass(byte[] packet)
    {
        Queue.Inject(packet);
        Turn();
        Assert.Single(Queue.TakeWritten());
    }

    private void Turn()
    {
        Assert.True(_worker.Receive(0));
        _worker.Process(_policy, 0);
    }

    private List<PacketInfo> End(bool reset)
    {
        Assert.True(_worker.Ends.TryAdd(FlowEnd.Of(Assert.Single(Walk()), reset)));
        Turn();
        Assert.Equal(0, _flows.Count);
        List<PacketInfo> packets = [];
        foreach (byte[] packet in Queue.TakeWritten())
        {
            Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, packet.Length, out PacketInfo info));
            Assert.Equal(0, InternetChecksum.ForTransport(packet.AsSpan(info.TransportOffset), IpProtocol.Tcp, info.Source, info.Destination));
            if (info.IsIPv4) Assert.Equal(0, InternetChecksum.Of(packet.AsSpan(0, info.TransportOffset)));
            packets.Add(info);
        }

        return packets;
    }

    private List<FlowRecord> Walk()
    {
        List<FlowRecord> flows = [];
        var walk = new FlowWalk(_flows);
        int looks = int.MaxValue;
        while (walk.TryNext(0, out FlowRecord flow, ref looks)) flows.Add(flow);
        return flows;
    }
}
