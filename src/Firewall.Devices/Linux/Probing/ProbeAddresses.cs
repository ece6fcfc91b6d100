using System.Buffers.Binary;
using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Probing;

/// <summary>A pair of neighbours for the TUN that is probed: our own address and the one whose packets come out of the TUN.</summary>
internal sealed record ProbeAddresses(IpAddress Own, IpAddress Peer)
{
    private const int Attempts = 32;

    /// <summary>What the two are alone in: a /31 (RFC 3021) or a /127 (RFC 6164).</summary>
    public int PrefixLength => Own.IsIPv4 ? 31 : 127;

    /// <summary>Two that this machine does not use, or null if there are none.</summary>
    /// <param name="isIPv4">Of which family.</param>
    /// <param name="addresses">The machine's.</param>
    /// <param name="routes">The machine's. A default route, also one in two halves, leads to no network in particular.</param>
    /// <param name="random">Chooses.</param>
    public static ProbeAddresses? Choose(bool isIPv4, IReadOnlyList<InterfaceAddress> addresses, IReadOnlyList<Route> routes, Random random)
    {
        IpPrefix[] taken =
        [
            .. addresses.Where(address => address.Address.IsIPv4 == isIPv4).Select(address => address.Network),
            .. routes.Where(route => route.Destination.IsIPv4 == isIPv4 && route.Destination.Length > 1 && route.Type is RouteType.Unicast or RouteType.Local)
                .Select(route => route.Destination),
        ];
        for (int i = 0; i < Attempts; i++)
        {
            (IpAddress own, IpAddress peer) = isIPv4 ? ChooseIPv4(i, random) : ChooseIPv6(random);
            if (!Array.Exists(taken, prefix => prefix.Contains(own) || prefix.Contains(peer))) return new ProbeAddresses(own, peer);
        }

        return null;
    }

    // Link-local addresses (RFC 3927) without their first and last 256, which are reserved; then those for measuring (RFC 2544) and for
    // documentation (RFC 5737). 169.254.169.254, which a cloud uses, is left out.
    private static (IpAddress Own, IpAddress Peer) ChooseIPv4(int attempt, Random random)
    {
        uint own = (attempt % 4) switch
        {
            0 or 1 => 0xA9FE_0100 + (uint)random.Next(0xA800),
            2 => 0xC612_0000 + (uint)random.Next(0x2_0000),
            _ => 0xC000_0200 + (uint)random.Next(0x100),
        };
        own &= ~1u;
        return (IpAddress.FromIPv4(own), IpAddress.FromIPv4(own + 1));
    }

    // Unique local addresses (RFC 4193): forty random bits, and more.
    private static (IpAddress Own, IpAddress Peer) ChooseIPv6(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        bytes[0] = 0xFD;
        ulong high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        ulong low = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]) & ~1ul;
        return (new IpAddress(high, low), new IpAddress(high, low + 1));
    }
}
