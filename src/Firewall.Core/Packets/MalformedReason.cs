namespace Firewall.Core.Packets;

/// <summary>What makes a packet malformed. Each value is counted, and named in verdicts as the detail of <c>Malformed</c>.</summary>
public enum MalformedReason : byte
{
    /// <summary>The packet is well-formed.</summary>
    None,

    /// <summary>Shorter than the smallest header of its IP version; in a capture also a header that the snap length cut off.</summary>
    Truncated,

    /// <summary>Neither IPv4 nor IPv6.</summary>
    IpVersion,

    /// <summary>IPv4 header length below 20 bytes or beyond the packet (RFC 791 section 3.1).</summary>
    IPv4HeaderLength,

    /// <summary>The length field promises more than is there, or less than the header.</summary>
    IpTotalLength,

    /// <summary>A fragment that reaches beyond 65,535 bytes, is empty, or is not the last and its size no multiple of eight.</summary>
    FragmentBounds,

    /// <summary>An IPv6 extension header runs beyond the packet (RFC 8200 section 4).</summary>
    ExtensionHeaderLength,

    /// <summary>More than eight IPv6 extension headers, or more than 256 bytes of them.</summary>
    ExtensionHeaderChain,

    /// <summary>Hop-by-hop options not directly behind the fixed header (RFC 8200 section 4.1), or a second fragment header.</summary>
    ExtensionHeaderOrder,

    /// <summary>IPv6 routing header type 0 (deprecated by RFC 5095).</summary>
    RoutingHeaderType0,

    /// <summary>An IPv6 jumbogram (RFC 2675); no TUN carries them.</summary>
    Jumbogram,

    /// <summary>An address that must not be on the wire: IPv4-mapped IPv6 (RFC 4942 section 2.2).</summary>
    Address,

    /// <summary>
    /// A TCP header that is cut short, or whose data offset is below 20 bytes or beyond the packet; also a fragment that would overlay the
    /// header (RFC 1858).
    /// </summary>
    TcpHeader,

    /// <summary>A TCP option list that does not add up (RFC 9293 section 3.1); checked where options are read.</summary>
    TcpOptions,

    /// <summary>A TCP port 0, or UDP to port 0, which no socket can have. (A UDP source port 0 is legal by RFC 768.)</summary>
    PortZero,

    /// <summary>A UDP header that is cut short, or whose length field does not fit the packet (RFC 768).</summary>
    UdpHeader,

    /// <summary>An ICMP or ICMPv6 header that is cut short, or that belongs to the other IP version.</summary>
    IcmpHeader,

    /// <summary>The opening packet of a flow was read differently by the two readers, so it may be read differently elsewhere.</summary>
    Ambiguous,
}
