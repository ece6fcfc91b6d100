using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// The table for what the machine sends: the main table again, with the TUN in the place of the protected interfaces. A single default
/// route to the TUN would not do: a packet takes its source address from the route that is found first, and the TUN has none to give. Routes to
/// other interfaces become "throw", which sends the search on to the main table.
/// </summary>
internal static class RouteMirror
{
    public static IEnumerable<Route> Build(RoutingOptions options, NetworkState state, byte family, Link tun, bool isOpen)
    {
        IpPrefix everything = GatewayPlan.Everything(family);
        bool wallAtEnd = true;
        foreach (Route best in isOpen ? BestRoutes(state, family) : [])
        {
            Link? link = state.Links.FirstOrDefault(candidate => candidate.Index == best.InterfaceIndex);
            bool throughTun = best.Type == RouteType.Unicast && link is not null && options.Interfaces.Contains(link.Name);
            if (throughTun)
            {
                yield return new Route
                {
                    Destination = best.Destination,
                    Table = options.OutboundTable,
                    InterfaceIndex = tun.Index,
                    PreferredSource = best.PreferredSource ?? SourceOf(best, state),
                    Metric = PlanMetrics.Open,
                    Protocol = RoutingOptions.Protocol,
                };

                // When the TUN goes, this prefix must not fall to a wider one that leads past it.
                yield return GatewayPlan.Wall(best.Destination, options.OutboundTable);
                if (best.Destination == everything) wallAtEnd = false;
            }
            else
            {
                bool refuses = best.Type is RouteType.Blackhole or RouteType.Unreachable or RouteType.Prohibit;
                yield return new Route
                {
                    Destination = best.Destination,
                    Table = options.OutboundTable,
                    Type = refuses ? best.Type : RouteType.Throw,
                    Metric = PlanMetrics.Open,
                    Protocol = RoutingOptions.Protocol,
                };
            }
        }

        yield return GatewayPlan.Mark(everything, options.OutboundTable, options.TunName);
        if (wallAtEnd) yield return GatewayPlan.Wall(everything, options.OutboundTable);
    }

    // For each destination the usable route of the lowest metric. Link-local and multicast ones are not looked up here.
    private static IEnumerable<Route> BestRoutes(NetworkState state, byte family) => state.Routes
        .Where(route => route.Table == Route.MainTable && !route.IsDead && route.Destination.IsIPv4 == (family == NetlinkMessage.IPv4)
            && !IsLinkOnly(route.Destination))
        .GroupBy(route => route.Destination)
        .Select(group => group.MinBy(route => route.Metric)!);

    private static bool IsLinkOnly(IpPrefix destination) => !destination.IsIPv4 && destination.Length >= 8
        && (destination.Address.High >> 56 == 0xFF || (destination.Length >= 10 && destination.Address.High >> 54 == 0xFE80 >> 6));

    // As the kernel does for a route without one (fib_info_update_nhc_saddr): an address of the outgoing interface, best one in the
    // gateway's network. For IPv6 the kernel chooses well by itself (RFC 6724), unless the machine has global addresses on more than one interface.
    private static IpAddress? SourceOf(Route route, NetworkState state)
    {
        bool isIPv4 = route.Destination.IsIPv4;
        InterfaceAddress[] global = [.. state.Addresses.Where(address => address.Address.IsIPv4 == isIPv4 && address.IsGlobal && address.IsPreferredSource)];
        if (!isIPv4 && global.Select(address => address.InterfaceIndex).Distinct().Count() < 2) return null;
        IpAddress target = route.Gateway ?? route.Destination.Address;
        InterfaceAddress[] own = [.. global.Where(address => address.InterfaceIndex == route.InterfaceIndex)];
        return (own.FirstOrDefault(address => address.Network.Contains(target)) ?? own.FirstOrDefault())?.Address;
    }
}
