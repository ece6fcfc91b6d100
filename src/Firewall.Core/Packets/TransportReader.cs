using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Firewall.Core.Packets;

/// <summary>The transport headers: TCP, UDP, ICMP, ICMPv6. Other protocols are known by their number alone.</summary>
internal static class TransportReader
{
    /// <summary>Bytes of a TCP header without options.</summary>
    public const int MinTcpHeaderLength = 20;

    /// <summary>Bytes of a UDP header.</summary>
    public const int UdpHeaderLength = 8;

    /// <summary>
    /// Bytes that every ICMP and ICMPv6 message has. RFC 4443 speaks of four, yet every type in use has a second word, and Linux
    /// drops shorter ones.
    /// </summary>
    public const int IcmpHeaderLength = 8;

    /// <summary>
    /// Reads the transport header at <see cref="PacketInfo.TransportOffset"/>. The IP fields are filled and checked, and the packet is
    /// no later fragment. In a first fragment the whole header must be there (RFC 1858 section 3, RFC 7112 section 5).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MalformedReason Read(ReadOnlySpan<byte> bytes, int available, ref PacketInfo info) => info.Protocol switch
    {
        IpProtocol.Tcp => ReadTcp(bytes, available, ref info),
        IpProtocol.Udp => ReadUdp(bytes, available, ref info),
        IpProtocol.Icmp or IpProtocol.Icmpv6 => ReadIcmp(bytes, available, ref info),
        _ => MalformedReason.None,
    };

    /// <summary>Reads the ICMP type and code, and the identifier of a query; needs eight bytes from the header on.</summary>
    public static void ReadIcmpFields(ReadOnlySpan<byte> header, ref PacketInfo info)
    {
        info.IcmpType = header[0];
        info.IcmpCode = header[1];
        if (info.IsIcmpRequest || info.IsIcmpReply)
        {
            info.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
            info.DestinationPort = info.SourcePort;
        }
    }

    private static MalformedReason ReadTcp(ReadOnlySpan<byte> bytes, int available, ref PacketInfo info)
    {
        if (available < MinTcpHeaderLength) return MalformedReason.TcpHeader;
        if (bytes.Length < MinTcpHeaderLength) return MalformedReason.Truncated;
        ReadOnlySpan<byte> header = bytes[..MinTcpHeaderLength];
        uint ports = BinaryPrimitives.ReadUInt32BigEndian(header);
        info.SourcePort = (ushort)(ports >> 16);
        info.DestinationPort = (ushort)ports;
        info.Sequence = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        info.Acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
        int headerLength = (header[12] >> 4) * 4;
        info.TcpFlags = (TcpFlags)header[13];
        info.Window = BinaryPrimitives.ReadUInt16BigEndian(header[14..]);
        info.TcpHeaderLength = (byte)headerLength;
        if (headerLength < MinTcpHeaderLength || headerLength > available) return MalformedReason.TcpHeader;
        info.PayloadLength = available - headerLength;
        return info.SourcePort == 0 || info.DestinationPort == 0 ? MalformedReason.PortZero : MalformedReason.None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static MalformedReason ReadUdp(ReadOnlySpan<byte> bytes, int available, ref PacketInfo info)
    {
        if (available < UdpHeaderLength) return MalformedReason.UdpHeader;
        if (bytes.Length < UdpHeaderLength) return MalformedReason.Truncated;
        ReadOnlySpan<byte> header = bytes[..UdpHeaderLength];
        uint ports = BinaryPrimitives.ReadUInt32BigEndian(header);
        info.SourcePort = (ushort)(ports >> 16);
        info.DestinationPort = (ushort)ports;
        info.PayloadLength = available - UdpHeaderLength;

        // Zero would be legal in a jumbogram alone. Less than there is room for is legal (surplus bytes, which receivers cut off);
        // more than this packet holds is so only for a datagram whose rest comes in later fragments.
        int length = BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
        if (length < UdpHeaderLength || (length > available && !info.MoreFragments)) return MalformedReason.UdpHeader;

        // RFC 768 lets a sender that wants no answer leave its own port zero; nobody can listen on port zero.
        return (ushort)ports == 0 ? MalformedReason.PortZero : MalformedReason.None;
    }

    private static MalformedReason ReadIcmp(ReadOnlySpan<byte> bytes, int available, ref PacketInfo info)
    {
        // ICMP belongs to IPv4 and ICMPv6 to IPv6. No host answers the other, and it must not be taken for a flow's error.
        if (info.IsIPv4 != (info.Protocol == IpProtocol.Icmp)) return MalformedReason.IcmpHeader;
        if (available < IcmpHeaderLength) return ReadShortIcmp(bytes, ref info);
        if (bytes.Length < IcmpHeaderLength) return MalformedReason.Truncated;
        ReadIcmpFields(bytes[..IcmpHeaderLength], ref info);
        info.PayloadLength = available - IcmpHeaderLength;
        return MalformedReason.None;
    }

    /// <summary>Multicast router solicitations and terminations have four bytes (RFC 4286 section 4), every other message has eight or more.</summary>
    private static MalformedReason ReadShortIcmp(ReadOnlySpan<byte> bytes, ref PacketInfo info)
    {
        const int shortest = 4;
        if (info.IsIPv4 || info.IsFragment || info.PayloadLength < shortest) return MalformedReason.IcmpHeader;
        if (bytes.Length < shortest) return MalformedReason.Truncated;
        byte type = bytes[0];
        if (type is not (152 or 153)) return MalformedReason.IcmpHeader;
        info.IcmpType = type;
        info.IcmpCode = bytes[1];
        info.PayloadLength -= shortest;
        return MalformedReason.None;
    }
}
