using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Dataplane.Coalescing;

/// <summary>What the coalescer knows of one packet: where its parts are, and whether its headers could be made again from another one's.</summary>
internal readonly ref struct Segment
{
    private const int IPv4HeaderLength = 20;
    private const int IPv6HeaderLength = 40;
    private const byte PlainIPv4 = 0x45;
    private const ushort DontFragment = 0x4000;
    private const TcpFlags Mergeable = TcpFlags.Ack | TcpFlags.Psh | TcpFlags.Fin | TcpFlags.Ece;

    private readonly ReadOnlySpan<byte> _header;
    private readonly ReadOnlySpan<byte> _packet;

    private Segment(ReadOnlySpan<byte> header, ReadOnlySpan<byte> packet, int transportOffset, int headerLength, bool isTcp)
    {
        _header = header;
        _packet = packet;
        TransportOffset = transportOffset;
        HeaderLength = headerLength;
        IsTcp = isTcp;
    }

    /// <summary>Where the transport header starts.</summary>
    public int TransportOffset { get; }

    /// <summary>Bytes of the IP and transport headers.</summary>
    public int HeaderLength { get; }

    /// <summary>TCP; otherwise UDP.</summary>
    public bool IsTcp { get; }

    /// <summary>IPv4; otherwise IPv6.</summary>
    public bool IsIPv4 => TransportOffset == IPv4HeaderLength;

    /// <summary>The bytes behind the headers.</summary>
    public ReadOnlySpan<byte> Payload => _packet[HeaderLength..];

    /// <summary>The whole packet.</summary>
    public ReadOnlySpan<byte> Packet => _packet;

    /// <summary>TCP sequence number.</summary>
    public uint Sequence => BinaryPrimitives.ReadUInt32BigEndian(Transport[4..]);

    /// <summary>TCP flags.</summary>
    public TcpFlags Flags => (TcpFlags)Transport[13];

    /// <summary>IPv4 identification.</summary>
    public ushort Identification => BinaryPrimitives.ReadUInt16BigEndian(_packet[4..]);

    /// <summary>True for an atomic datagram: its identification means nothing (RFC 6864 section 4.1).</summary>
    public bool IsAtomic => BinaryPrimitives.ReadUInt16BigEndian(_packet[6..]) == DontFragment;

    /// <summary>Equal for packets of one direction of one flow.</summary>
    public uint Hash
    {
        get
        {
            ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(_packet[(IsIPv4 ? 12 : 8)..(TransportOffset + 4)]);
            uint hash = IsTcp ? 1u : 0u;
            foreach (uint word in words) hash = (hash ^ word) * 0x9E37_79B1;
            return hash ^ (hash >> 15);
        }
    }

    // A single packet that leaves as it came may be a super-packet, or one that does not stand behind a plain header.
    private ReadOnlySpan<byte> Transport => _packet[TransportOffset..];

    /// <summary>
    /// Reads the headers. False for anything but a whole TCP or UDP packet behind an IP header without options: a fragment among them, so
    /// that it is not known which flow it belongs to.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out Segment segment)
    {
        segment = default;
        ReadOnlySpan<byte> packet = frame[VirtioHeader.Length..];
        int offset;
        byte protocol;
        if (packet.Length >= IPv4HeaderLength + 8 && packet[0] == PlainIPv4)
        {
            if ((BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & ~DontFragment) != 0) return false;
            if (BinaryPrimitives.ReadUInt16BigEndian(packet[2..]) != packet.Length) return false;
            offset = IPv4HeaderLength;
            protocol = packet[9];
        }
        else if (packet.Length >= IPv6HeaderLength + 8 && packet[0] >> 4 == 6)
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(packet[4..]) != packet.Length - IPv6HeaderLength) return false;
            offset = IPv6HeaderLength;
            protocol = packet[6];
        }
        else
        {
            return false;
        }

        int transportLength;
        if (protocol == IpProtocol.Tcp)
        {
            if (packet.Length < offset + TransportReader.MinTcpHeaderLength) return false;
            transportLength = (packet[offset + 12] >> 4) * 4;
            if (transportLength < TransportReader.MinTcpHeaderLength || packet.Length < offset + transportLength) return false;
        }
        else if (protocol == IpProtocol.Udp)
        {
            transportLength = TransportReader.UdpHeaderLength;
            if (BinaryPrimitives.ReadUInt16BigEndian(packet[(offset + 4)..]) != packet.Length - offset) return false;
        }
        else
        {
            return false;
        }

        segment = new Segment(frame[..VirtioHeader.Length], packet, offset, offset + transportLength, protocol == IpProtocol.Tcp);
        return true;
    }

    /// <summary>True if it is of the same direction of the same flow.</summary>
    public bool IsOfFlow(in Segment other)
    {
        if (TransportOffset != other.TransportOffset || IsTcp != other.IsTcp) return false;
        Range flow = (IsIPv4 ? 12 : 8)..(TransportOffset + 4);
        return _packet[flow].SequenceEqual(other._packet[flow]);
    }

    /// <summary>
    /// True if it may be part of a super-packet at all, as far as that can be told without a look at the payload: one packet with payload;
    /// of TCP one that only carries data.
    /// </summary>
    public bool IsData()
    {
        if (VirtioHeader.Kind(_header) != VirtioHeader.SinglePacket || _packet.Length == HeaderLength) return false;
        return !IsTcp || ((Flags & ~Mergeable) == 0 && (Flags & TcpFlags.Ack) != 0);
    }

    /// <summary>
    /// True if its headers are those of the other one, but for what a segmenter fills in: lengths, checksums, identification, sequence
    /// number, and PSH and FIN, which only the last one may have.
    /// </summary>
    public bool HasHeadersOf(in Segment first)
    {
        ReadOnlySpan<byte> a = _packet[..HeaderLength];
        ReadOnlySpan<byte> b = first._packet;
        if (HeaderLength != first.HeaderLength) return false;

        // Traffic class and flow label, hop limit; or type of service, fragment field and time to live.
        bool same = IsIPv4
            ? a[1] == b[1] && a[6] == b[6] && a[8] == b[8]
            : BinaryPrimitives.ReadUInt32BigEndian(a) == BinaryPrimitives.ReadUInt32BigEndian(b) && a[7] == b[7];
        if (!same || !IsTcp) return same;

        // Acknowledgment, length and reserved bits, flags, window; the urgent pointer and options.
        int t = TransportOffset;
        const TcpFlags Ends = TcpFlags.Psh | TcpFlags.Fin;
        return a[(t + 8)..(t + 13)].SequenceEqual(b[(t + 8)..(t + 13)])
            && ((Flags ^ first.Flags) & ~Ends) == 0
            && a[(t + 14)..(t + 16)].SequenceEqual(b[(t + 14)..(t + 16)])
            && a[(t + 18)..].SequenceEqual(b[(t + 18)..HeaderLength]);
    }

    /// <summary>
    /// True if its checksums are those that a segmenter would write. A wrong one must arrive as it is, not mended, and a datagram without
    /// one must not get one.
    /// </summary>
    public bool HasRightChecksums()
    {
        if (IsIPv4 && InternetChecksum.Of(_packet[..IPv4HeaderLength]) != 0) return false;
        if (IsIPv4 && BinaryPrimitives.ReadUInt16BigEndian(_packet[10..]) == 0xFFFF) return false; // zero, written in the other way
        int place = IsTcp ? TcpChecksumOffset : UdpChecksumOffset;
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(Transport[place..]);
        byte flags = VirtioHeader.Flags(_header);
        if ((flags & VirtioHeader.NeedsChecksum) != 0)
        {
            return VirtioHeader.ChecksumStart(_header) == TransportOffset && VirtioHeader.ChecksumOffset(_header) == place
                && checksum == PseudoHeaderSum(_packet, TransportOffset, _packet.Length);
        }

        // Of the two ways to write zero, TCP's is 0000, and UDP's FFFF since there 0000 says that there is none.
        if (checksum == (IsTcp ? 0xFFFF : 0)) return false;
        return (flags & VirtioHeader.ChecksumValid) != 0
            || InternetChecksum.Of(Transport, PseudoHeaderSum(_packet, TransportOffset, _packet.Length)) == 0;
    }

    /// <summary>Where the checksum stands in a TCP header.</summary>
    public const int TcpChecksumOffset = 16;

    /// <summary>Where the checksum stands in a UDP header.</summary>
    public const int UdpChecksumOffset = 6;

    /// <summary>The sum of the pseudo header, as the checksum field of an unfinished packet holds it.</summary>
    /// <param name="packet">At least its headers.</param>
    /// <param name="transportOffset">Where the transport header starts.</param>
    /// <param name="length">Length of the IP packet.</param>
    public static ushort PseudoHeaderSum(ReadOnlySpan<byte> packet, int transportOffset, int length)
    {
        bool isIPv4 = transportOffset == IPv4HeaderLength;
        uint start = (uint)(length - transportOffset) + packet[isIPv4 ? 9 : 6];
        return (ushort)~InternetChecksum.Of(packet[(isIPv4 ? 12 : 8)..transportOffset], start);
    }
}
