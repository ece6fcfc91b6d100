using System.Buffers.Binary;
using Firewall.Core.Packets;

namespace Firewall.Devices.Linux.Probing;

/// <summary>
/// A frame that the probe read: virtio-net header (Virtio 1.2, section 5.1.6) and packet. What the header says is compared with what the
/// packet is, and the packet turned round.
/// </summary>
internal static class ProbeFrame
{
    /// <summary>Bytes of the virtio-net header.</summary>
    public const int HeaderLength = 10;

    /// <summary>The MTU of the TUN that is probed, in bytes.</summary>
    public const int Mtu = 1500;

    private const byte NeedsChecksum = 1;
    private const byte TcpV4 = 1, TcpV6 = 4, Datagrams = 5;
    private const byte CongestionMark = 0x80; // VIRTIO_NET_HDR_GSO_ECN
    private const byte CongestionWindowReduced = 0x80; // CWR among the TCP flags
    private const int MinPacketLength = 28;

    /// <summary>True if the packet is of this family and protocol, without options or extension headers. Others are not the probe's.</summary>
    public static bool IsOf(ReadOnlySpan<byte> frame, ProbePath path)
    {
        if (frame.Length < HeaderLength + MinPacketLength) return false;
        ReadOnlySpan<byte> packet = frame[HeaderLength..];
        byte protocol = path.IsTcp ? IpProtocol.Tcp : IpProtocol.Udp;
        bool fits = path.IsIPv4 ? packet[0] == 0x45 && packet[9] == protocol : packet[0] >> 4 == 6 && packet[6] == protocol;
        return fits && packet.Length >= TransportOffset(path) + (path.IsTcp ? 20 : 8);
    }

    /// <summary>Payload bytes of the segments of a super-packet; 0 for a single packet.</summary>
    public static int SegmentSize(ReadOnlySpan<byte> frame) => frame[1] == 0 ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(frame[4..]);

    /// <summary>Compares header and packet. Null if they fit each other, else what does not.</summary>
    /// <param name="frame">For which <see cref="IsOf"/> is true.</param>
    /// <param name="path">What it is.</param>
    /// <param name="offloads">Those that are on.</param>
    /// <param name="segmentSize">What UDP was sent with, see <see cref="IProbeConversation.Send"/>.</param>
    public static string? Check(ReadOnlySpan<byte> frame, ProbePath path, TunOffloads offloads, int segmentSize)
    {
        ReadOnlySpan<byte> packet = frame[HeaderLength..];
        int claimed = BinaryPrimitives.ReadUInt16BigEndian(packet[(path.IsIPv4 ? 2 : 4)..]) + (path.IsIPv4 ? 0 : 40);
        if (claimed != packet.Length) return $"a packet of {packet.Length} bytes was read whose IP header says {claimed}";
        return frame[1] == 0 ? CheckSingle(frame, packet) ?? CheckChecksum(frame, path, offloads)
            : CheckSuperPacket(frame, packet, path, offloads, segmentSize) ?? CheckChecksum(frame, path, offloads);
    }

    /// <summary>Swaps source and destination address; the checksums stay right, since a sum does not depend on the order.</summary>
    public static void Turn(Span<byte> frame, ProbePath path)
    {
        int length = path.IsIPv4 ? 4 : 16;
        Span<byte> source = frame.Slice(HeaderLength + (path.IsIPv4 ? 12 : 8), length);
        Span<byte> destination = frame.Slice(HeaderLength + (path.IsIPv4 ? 16 : 24), length);
        Span<byte> kept = stackalloc byte[16];
        source.CopyTo(kept);
        destination.CopyTo(source);
        kept[..length].CopyTo(destination);
    }

    /// <summary>Makes a TCP super-packet one that carries ECN bits. Its checksum covers only the pseudo header yet, and stays right.</summary>
    public static void MarkCongestion(Span<byte> frame, ProbePath path)
    {
        if (frame[1] is not (TcpV4 or TcpV6)) return;
        frame[1] |= CongestionMark;
        frame[HeaderLength + TransportOffset(path) + 13] |= CongestionWindowReduced;
    }

    private static int TransportOffset(ProbePath path) => path.IsIPv4 ? 20 : 40;

    private static string? CheckSingle(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> packet)
    {
        if (packet.Length > Mtu) return $"a packet of {packet.Length} bytes was read without a segment size";
        bool isStale = (frame[2] | frame[3] | frame[4] | frame[5]) != 0;
        return isStale ? "a single packet was read behind what is left of a super-packet's header" : null;
    }

    private static string? CheckSuperPacket(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> packet, ProbePath path, TunOffloads offloads, int segmentSize)
    {
        (byte kind, TunOffloads needed) = (path.IsTcp, path.IsIPv4) switch
        {
            (true, true) => (TcpV4, TunOffloads.Tso4),
            (true, false) => (TcpV6, TunOffloads.Tso6),
            (false, true) => (Datagrams, TunOffloads.Uso4),
            (false, false) => (Datagrams, TunOffloads.Uso6),
        };
        if ((frame[1] & ~CongestionMark) != kind) return $"a super-packet of {path} was read as one of kind {frame[1]}";
        if ((offloads & needed) == 0) return $"a super-packet of {path} was read without its offload";
        int headers = TransportOffset(path) + (path.IsTcp ? (packet[TransportOffset(path) + 12] >> 4) * 4 : 8);
        int size = SegmentSize(frame);
        bool isRight = path.IsTcp ? size > 0 && headers + size <= Mtu : size == segmentSize;
        if (isRight) return null;
        return path.IsTcp
            ? $"a super-packet was read with segments of {size} bytes on a link of {Mtu}"
            : $"a super-packet was read with segments of {size} bytes, sent with {segmentSize}";
    }

    private static string? CheckChecksum(ReadOnlySpan<byte> frame, ProbePath path, TunOffloads offloads)
    {
        int offset = TransportOffset(path);
        int place = path.IsTcp ? 16 : 6;
        if ((frame[0] & NeedsChecksum) == 0) return frame[1] == 0 ? null : "a super-packet was read whose checksum is not left to be finished";
        if ((offloads & TunOffloads.Checksum) == 0) return "an unfinished checksum was read without its offload";
        if (BinaryPrimitives.ReadUInt16LittleEndian(frame[6..]) != offset || BinaryPrimitives.ReadUInt16LittleEndian(frame[8..]) != place)
            return "a packet was read whose header points to another place than its checksum's";
        ReadOnlySpan<byte> packet = frame[HeaderLength..];
        uint start = (uint)(packet.Length - offset) + (path.IsTcp ? IpProtocol.Tcp : IpProtocol.Udp);
        ushort sum = (ushort)~InternetChecksum.Of(packet[(path.IsIPv4 ? 12 : 8)..offset], start);
        return BinaryPrimitives.ReadUInt16BigEndian(packet[(offset + place)..]) == sum ? null : "a packet was read whose checksum is neither finished nor begun";
    }
}
