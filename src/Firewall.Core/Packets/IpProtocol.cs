using System.Runtime.CompilerServices;

namespace Firewall.Core.Packets;

/// <summary>IANA protocol numbers that the firewall knows by name; any other number is carried as it is.</summary>
public static class IpProtocol
{
    /// <summary>ICMP for IPv4 (RFC 792).</summary>
    public const byte Icmp = 1;

    /// <summary>TCP (RFC 9293).</summary>
    public const byte Tcp = 6;

    /// <summary>UDP (RFC 768).</summary>
    public const byte Udp = 17;

    /// <summary>Encapsulating Security Payload (RFC 4303).</summary>
    public const byte Esp = 50;

    /// <summary>Authentication Header (RFC 4302).</summary>
    public const byte Ah = 51;

    /// <summary>ICMP for IPv6 (RFC 4443).</summary>
    public const byte Icmpv6 = 58;

    /// <summary>IPv6's "no next header" (RFC 8200 section 4.7).</summary>
    public const byte NoNextHeader = 59;

    /// <summary>True for the protocols whose ports an NSG rule looks at.</summary>
    // Not `is Tcp or Udp`: which of the two it is nobody can foresee, so it is not branched for.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasPorts(byte protocol) => protocol < 64 && ((((1UL << Tcp) | (1UL << Udp)) >> protocol) & 1) != 0;
}
