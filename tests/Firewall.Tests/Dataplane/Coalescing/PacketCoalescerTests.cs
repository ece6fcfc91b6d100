using System.Buffers.Binary;
using Firewall.Core.Dataplane;
using Firewall.Core.Dataplane.Coalescing;
using Firewall.Core.Packets;
using Firewall.Tests.Engine;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Dataplane.Coalescing;

public sealed class PacketCoalescerTests
{
    private const string Client = "203.0.113.5:40000";
    private const string Other = "203.0.113.5:40001";
    private const string Server = "10.0.0.4:53";

    private readonly PacketBatch _batch = new(PacketCoalescer.HeaderLength, 100);
    private readonly PacketCoalescer _coalescer;

    public PacketCoalescerTests() => _coalescer = new PacketCoalescer(_batch.MaxCount);

    [Fact]
    public void Datagrams_of_one_flow_leave_in_super_packets_of_at_most_64()
    {
        for (int i = 0; i < 70; i++) Add(PacketBuilder.Udp(Client, Server, 18));
        Assert.Equal([64, 6], Plan());
    }

    [Fact]
    public void A_super_packet_says_its_segment_size_and_where_its_checksum_is()
    {
        for (int i = 0; i < 3; i++) Add(PacketBuilder.Udp(Client, Server, 18));
        Plan();
        byte[] frame = new byte[PacketCoalescer.HeaderLength + PacketBatch.MaxPacketLength];
        Assert.Equal(10 + 28 + (3 * 18), _coalescer.Build(_batch, 0, frame));
        Assert.Equal([1, 5, 28, 0, 18, 0, 20, 0, 6, 0], frame[..10]);
        Assert.Equal(8 + (3 * 18), BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(10 + 24)));
    }

    [Fact]
    public void Flows_between_each_other_do_not_part_each_others_packets()
    {
        for (int i = 0; i < 4; i++)
        {
            Add(PacketBuilder.Udp(Client, Server, 18));
            Add(PacketBuilder.Udp(Other, Server, 18));
        }

        Assert.Equal([4, 4], Plan());
        Assert.Equal([0, 1], new[] { _coalescer.First(0), _coalescer.First(1) });
    }

    [Fact]
    public void A_shorter_datagram_ends_a_super_packet_and_a_longer_one_begins_another()
    {
        foreach (int size in new[] { 18, 18, 10, 18, 18, 20, 20 }) Add(PacketBuilder.Udp(Client, Server, size));
        Assert.Equal([3, 2, 2], Plan());
    }

    [Fact]
    public void No_packet_of_a_flow_passes_another_that_cannot_be_coalesced()
    {
        Add(PacketBuilder.Udp(Client, Server, 18));
        Add(PacketBuilder.Udp(Client, Server, 0));
        Add(PacketBuilder.Udp(Client, Server, 18));
        Add(PacketBuilder.Fragments(PacketBuilder.Udp(Client, Server, 100), 64, 1)[0]);
        Add(PacketBuilder.Udp(Client, Server, 18));
        Add(PacketBuilder.Udp(Client, Server, 18));
        Assert.Equal([1, 1, 1, 1, 2], Plan());
    }

    [Fact]
    public void Segments_join_while_they_follow_on_each_other_and_PSH_or_FIN_ends_them()
    {
        Add(Segment(1000, TcpFlags.Ack));
        Add(Segment(1100, TcpFlags.Ack));
        Add(Segment(1200, TcpFlags.Ack | TcpFlags.Psh));
        Add(Segment(1300, TcpFlags.Ack));
        Add(Segment(1500, TcpFlags.Ack)); // one was lost
        Add(Segment(1600, TcpFlags.Ack | TcpFlags.Fin));
        Assert.Equal([3, 1, 2], Plan());
        byte[] frame = new byte[PacketCoalescer.HeaderLength + PacketBatch.MaxPacketLength];
        _coalescer.Build(_batch, 0, frame);
        Assert.Equal(1, frame[1]);
        Assert.Equal((byte)(TcpFlags.Ack | TcpFlags.Psh), frame[10 + 33]);
    }

    [Theory]
    [InlineData(TcpFlags.Syn)]
    [InlineData(TcpFlags.Ack | TcpFlags.Rst)]
    [InlineData(TcpFlags.Ack | TcpFlags.Urg)]
    [InlineData(TcpFlags.Ack | TcpFlags.Cwr)]
    public void Segments_that_do_more_than_carry_data_leave_alone(TcpFlags flags)
    {
        Add(Segment(1000, flags));
        Add(Segment(1100, flags));
        Assert.Equal([1, 1], Plan());
    }

    [Fact]
    public void What_is_denied_does_not_leave_and_parts_nothing()
    {
        Add(PacketBuilder.Udp(Client, Server, 18));
        Add(PacketBuilder.Udp(Client, Server, 99), allow: false);
        Add(PacketBuilder.Udp(Client, Server, 18));
        Assert.Equal([2], Plan());
    }

    [Fact]
    public void Kinds_that_are_off_leave_as_they_came()
    {
        _coalescer.Kinds = CoalescedKinds.All & ~CoalescedKinds.UdpV4;
        Add(PacketBuilder.Udp(Client, Server, 18));
        Add(PacketBuilder.Udp(Client, Server, 18));
        Add(PacketBuilder.Udp("[2001:db8::5]:1", "[fd00::4]:2", 18));
        Add(PacketBuilder.Udp("[2001:db8::5]:1", "[fd00::4]:2", 18));
        Assert.Equal([1, 1, 2], Plan());
    }

    [Fact]
    public void More_flows_than_there_is_room_for_leave_each_in_its_order()
    {
        var batch = new PacketBatch(PacketCoalescer.HeaderLength, 1000);
        var coalescer = new PacketCoalescer(batch.MaxCount);
        for (int i = 0; i < 1000; i++)
        {
            byte[] packet = PacketBuilder.Udp($"203.0.113.5:{1 + (i % 400)}", Server, 18);
            byte[] frame = [.. new byte[10], .. packet];
            frame.CopyTo(batch.NextFrame());
            batch.Commit(frame.Length);
            batch.Allow(batch.Count - 1);
        }

        coalescer.Plan(batch);
        int members = 0;
        var last = new Dictionary<int, int>();
        for (int leaving = 0; leaving < coalescer.Count; leaving++)
        {
            for (int i = coalescer.First(leaving); i >= 0; i = coalescer.Next(i), members++)
            {
                Assert.Equal(coalescer.First(leaving) % 400, i % 400);
                Assert.True(!last.TryGetValue(i % 400, out int before) || before < i);
                last[i % 400] = i;
            }
        }

        Assert.Equal(batch.Count, members);
    }

    [Fact]
    public void Coalescing_allocates_nothing()
    {
        for (int i = 0; i < 60; i++) Add(PacketBuilder.Udp(i % 3 == 0 ? Other : Client, Server, 18));
        byte[] frame = new byte[PacketCoalescer.HeaderLength + PacketBatch.MaxPacketLength];
        Assert.Equal(0, Allocated.LeastBy(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                _coalescer.Plan(_batch);
                for (int leaving = 0; leaving < _coalescer.Count; leaving++) _coalescer.Build(_batch, leaving, frame);
            }
        }));
    }

    // PacketBuilder gives every packet one identification; of a TCP segment the coalescer wants it to count up.
    private byte[] Segment(uint sequence, TcpFlags flags)
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, flags, sequence, payload: 100);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(100 + _batch.Count));
        Segmenter.FinishIPv4(packet);
        return packet;
    }

    private void Add(byte[] packet, bool allow = true)
    {
        byte[] frame = [.. new byte[10], .. packet];
        frame.CopyTo(_batch.NextFrame());
        _batch.Commit(frame.Length);
        if (allow) _batch.Allow(_batch.Count - 1);
    }

    private int[] Plan()
    {
        _coalescer.Plan(_batch);
        return [.. Enumerable.Range(0, _coalescer.Count).Select(_coalescer.Members)];
    }
}
