using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

/// <summary>
/// The short way that nearly every segment takes through the state machine against the table that all others go by: whatever is known of an
/// open connection and whatever segment with an acknowledgment comes, both say the same and leave the same behind.
/// </summary>
public sealed class TcpTrackerPropertyTests
{
    private const int Seeds = 200;
    private const int SegmentsPerSeed = 500;
    private const int HeaderLength = 20;
    private const int SackLength = 12;

    [Fact]
    public void The_short_way_of_an_open_connection_is_the_tables()
    {
        var seen = new HashSet<TrackResult>();
        for (int seed = 1; seed <= Seeds; seed++)
        {
            var random = new Random(seed);
            FlowRecord first = Draw(random);
            for (int i = 0; i < SegmentsPerSeed; i++)
            {
                FlowRecord second = first;
                bool fromHigh = random.Next(2) == 0;
                byte[] packet = Draw(random, first, fromHigh, out PacketInfo segment);
                TrackResult result = TcpTracker.Track(ref first.Head, ref first.Tail, segment, packet, fromHigh);
                TrackResult expected = TcpTracker.TrackByTable(ref second.Head, ref second.Tail, segment, packet, fromHigh);
                Assert.True(result == expected, $"seed {seed}, segment {i}: {result}, by the table {expected}");
                Assert.True(BytesOf(ref first).SequenceEqual(BytesOf(ref second)), $"seed {seed}, segment {i}: {result}, and the records differ");
                seen.Add(result);
                if (random.Next(20) == 0) first = Draw(random);
            }
        }

        Assert.Equal([TrackResult.Accept, TrackResult.Ignore, TrackResult.OutOfWindow], seen.Order());
    }

    private static FlowRecord Draw(Random random)
    {
        const FlowFlags Any = FlowFlags.OriginatorIsHigh | FlowFlags.Replied | FlowFlags.Assured | FlowFlags.SimultaneousOpen;
        FlowRecord record = default;
        record.Head.Protocol = IpProtocol.Tcp;
        record.Head.State = (byte)TcpState.Established;
        record.Head.Flags = (FlowFlags)random.Next(256) & Any;
        if (random.Next(8) == 0) record.Head.Flags |= FlowFlags.Liberal;
        record.Tail.LowPeer = DrawPeer(random);
        record.Tail.HighPeer = DrawPeer(random);
        return record;
    }

    private static TcpPeer DrawPeer(Random random)
    {
        const TcpPeerFlags Any = TcpPeerFlags.SackPermitted | TcpPeerFlags.HasClosed | TcpPeerFlags.HasAcknowledged;
        TcpPeer peer = default;
        if (random.Next(10) == 0) return peer; // has not sent yet
        peer.Offer(random.Next(-1, 15));
        peer.Flags = (TcpPeerFlags)random.Next(256) & Any;
        peer.MaxWindow = (uint)random.Next(1, 200_000);
        peer.End = random.Next(3) == 0 ? uint.MaxValue - (uint)random.Next(50_000) : (uint)random.NextInt64();
        peer.MaxEnd = peer.End + (uint)random.Next(-2_000, 100_000);
        peer.MaxAck = (uint)random.NextInt64();
        return peer;
    }

    private static byte[] Draw(Random random, in FlowRecord record, bool fromHigh, out PacketInfo segment)
    {
        TcpPeer sender = fromHigh ? record.Tail.HighPeer : record.Tail.LowPeer;
        TcpPeer receiver = fromHigh ? record.Tail.LowPeer : record.Tail.HighPeer;
        bool hasSack = random.Next(4) == 0;
        segment = default;
        segment.Protocol = IpProtocol.Tcp;
        segment.TcpFlags = TcpFlags.Ack | (TcpFlags)(random.Next(256) & (int)(TcpFlags.Psh | TcpFlags.Urg | TcpFlags.Ece | TcpFlags.Cwr));
        segment.TransportOffset = HeaderLength;
        segment.TcpHeaderLength = (byte)(HeaderLength + (hasSack ? SackLength : 0));
        segment.PayloadLength = random.Next(3) == 0 ? random.Next(3_000) : 0;
        segment.Sequence = sender.End + Offset(random);
        segment.Acknowledgment = random.Next(20) == 0 ? 0 : receiver.End + Offset(random);
        segment.Window = (ushort)(random.Next(5) == 0 ? 0 : random.Next(65_536));
        byte[] packet = new byte[HeaderLength + segment.TcpHeaderLength + segment.PayloadLength];
        if (!hasSack) return packet;
        Span<byte> options = packet.AsSpan(2 * HeaderLength, SackLength);
        options[0] = options[1] = 1;
        options[2] = 5;
        options[3] = 10;
        BinaryPrimitives.WriteUInt32BigEndian(options[4..], receiver.End);
        BinaryPrimitives.WriteUInt32BigEndian(options[8..], receiver.End + Offset(random));
        return packet;
    }

    private static uint Offset(Random random) => random.Next(4) switch
    {
        0 => 0,
        1 => (uint)random.Next(-3_000, 3_000),
        2 => (uint)random.Next(-200_000, 200_000),
        _ => (uint)random.Next(-50, 50),
    };

    private static ReadOnlySpan<byte> BytesOf(ref FlowRecord record) => MemoryMarshal.AsBytes(MemoryMarshal.CreateReadOnlySpan(ref record, 1));
}
