using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>What the kernel holds now, read once and then only looked at.</summary>
internal sealed record NetworkState
{
    public required IReadOnlyList<Link> Links { get; init; }

    public required IReadOnlyList<InterfaceAddress> Addresses { get; init; }

    public required IReadOnlyList<Route> Routes { get; init; }

    public required IReadOnlyList<RoutingRule> Rules { get; init; }

    public required IReadOnlyList<ProxyNeighbor> Proxies { get; init; }

    /// <summary>The families that the kernel knows.</summary>
    public required IReadOnlyList<byte> Families { get; init; }

    public static NetworkState Read(RouteNetlink netlink)
    {
        // Asked for a family that it does not know, rtnetlink answers with another one.
        byte[] families = Directory.Exists("/proc/sys/net/ipv6/conf") ? [NetlinkMessage.IPv4, NetlinkMessage.IPv6] : [NetlinkMessage.IPv4];
        return new NetworkState
        {
            Families = families,
            Links = netlink.ReadLinks(),
            Addresses = netlink.ReadAddresses(),
            Routes = [.. families.SelectMany(netlink.ReadRoutes)],
            Rules = [.. families.SelectMany(netlink.ReadRules)],
            Proxies = [.. families.SelectMany(netlink.ReadProxies)],
        };
    }

    /// <summary>The interface of this name, or null.</summary>
    public Link? Find(string name) => Links.FirstOrDefault(link => link.Name == name);
}
