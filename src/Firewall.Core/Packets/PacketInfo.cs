namespace Firewall.Core.Packets;

/// <summary>
/// What the header reader found in one packet: the parsed descriptor that every later step works on. Filled by
/// <see cref="PacketParser"/>; offsets count from the first byte of the IP header. Holds no reference to the packet.
/// </summary>
public struct PacketInfo
{
    /// <summary>Source address.</summary>
    public IpAddress Source;

    /// <summary>Destination address.</summary>
    public IpAddress Destination;

    /// <summary>Length of the IP packet by its own header, in bytes; trailing padding is not counted.</summary>
    public int Length;

    /// <summary>Where the transport header starts. In a fragment that is not the first: where the payload starts.</summary>
    public int TransportOffset;

    /// <summary>Bytes behind the transport header (TCP, UDP, ICMP), or behind the IP headers for other protocols.</summary>
    public int PayloadLength;

    /// <summary>TCP sequence number.</summary>
    public uint Sequence;

    /// <summary>TCP acknowledgment number; meaningful if <see cref="TcpFlags.Ack"/> is set.</summary>
    public uint Acknowledgment;

    /// <summary>Fragment identification: 16 bits for IPv4, 32 for IPv6. Zero if not a fragment.</summary>
    public uint FragmentId;

    /// <summary>Source port of TCP and UDP; for an ICMP query its identifier; else zero.</summary>
    public ushort SourcePort;

    /// <summary>Destination port of TCP and UDP; for an ICMP query its identifier; else zero.</summary>
    public ushort DestinationPort;

    /// <summary>TCP window field, not scaled.</summary>
    public ushort Window;

    /// <summary>Offset of this fragment in the datagram, in bytes.</summary>
    public ushort FragmentOffset;

    /// <summary>Transport protocol: the last next-header that is not an extension header.</summary>
    public byte Protocol;

    /// <summary>TCP control bits.</summary>
    public TcpFlags TcpFlags;

    /// <summary>Length of the TCP header with its options, in bytes.</summary>
    public byte TcpHeaderLength;

    /// <summary>ICMP or ICMPv6 type.</summary>
    public byte IcmpType;

    /// <summary>ICMP or ICMPv6 code.</summary>
    public byte IcmpCode;

    /// <summary>IPv4 TTL or IPv6 hop limit.</summary>
    public byte TimeToLive;

    /// <summary>True for a real fragment. An atomic fragment (RFC 6946: offset 0, no more fragments) is none.</summary>
    public bool IsFragment;

    /// <summary>The "more fragments" flag.</summary>
    public bool MoreFragments;

    /// <summary>True for an IPv4 packet.</summary>
    public readonly bool IsIPv4 => Source.IsIPv4;

    /// <summary>True for a fragment that carries no transport header.</summary>
    public readonly bool IsLaterFragment => FragmentOffset != 0;

    /// <summary>True if the ports were read from a TCP or UDP header.</summary>
    public readonly bool HasPorts => IpProtocol.HasPorts(Protocol) && !IsLaterFragment;

    /// <summary>True for an ICMP or ICMPv6 error message, which embeds the packet it complains about.</summary>
    public readonly bool IsIcmpError => !IsLaterFragment && Protocol switch
    {
        IpProtocol.Icmp => IcmpType is 3 or 4 or 5 or 11 or 12,
        IpProtocol.Icmpv6 => IcmpType is >= 1 and <= 127 || IcmpType == 137,
        _ => false,
    };

    /// <summary>True for an ICMP query that may open a flow: echo, timestamp, information, address mask; ICMPv6 echo.</summary>
    public readonly bool IsIcmpRequest => !IsLaterFragment && Protocol switch
    {
        IpProtocol.Icmp => IcmpType is 8 or 13 or 15 or 17,
        IpProtocol.Icmpv6 => IcmpType == 128,
        _ => false,
    };

    /// <summary>True for the answer to an ICMP query.</summary>
    public readonly bool IsIcmpReply => !IsLaterFragment && Protocol switch
    {
        IpProtocol.Icmp => IcmpType is 0 or 14 or 16 or 18,
        IpProtocol.Icmpv6 => IcmpType == 129,
        _ => false,
    };

    /// <summary>
    /// True for the ICMPv6 by which the hosts of a link know each other, and which no router forwards: multicast listeners (RFC 2710, RFC 3810:
    /// 130–132, 143), router and neighbor discovery (RFC 4861: 133–136) and multicast router discovery (RFC 4286: 151–153).
    /// </summary>
    public readonly bool IsLinkLocalIcmp => !IsLaterFragment && Protocol == IpProtocol.Icmpv6 && IcmpType is (>= 130 and <= 136) or 143 or (>= 151 and <= 153);
}
