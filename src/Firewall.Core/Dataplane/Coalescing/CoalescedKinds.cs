namespace Firewall.Core.Dataplane.Coalescing;

/// <summary>Which packets may leave as super-packets.</summary>
[Flags]
public enum CoalescedKinds
{
    /// <summary>None: every packet leaves as it came.</summary>
    None = 0,

    /// <summary>TCP over IPv4.</summary>
    TcpV4 = 1,

    /// <summary>TCP over IPv6.</summary>
    TcpV6 = 2,

    /// <summary>UDP over IPv4.</summary>
    UdpV4 = 4,

    /// <summary>UDP over IPv6.</summary>
    UdpV6 = 8,

    /// <summary>All of them.</summary>
    All = TcpV4 | TcpV6 | UdpV4 | UdpV6,
}
