using System.Text;
using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// Mode Gateway: what enters by a protected interface and is not for the box itself goes to the TUN; what the firewall writes back
/// enters by the TUN, for which no rule of ours speaks, and follows the main table. See docs/decisions/0005-routing.md.
/// </summary>
internal static class GatewayPlan
{
    public static RoutingPlan Build(RoutingOptions options, NetworkState state, Link tun)
    {
        bool ipv6 = ForwardingSettings.NeedsIPv6(options, state);
        return new RoutingPlan
        {
            Routes = [.. state.Families.SelectMany(family => InboundTable(options, family, tun, family == NetlinkMessage.IPv4 || ipv6))],
            Rules =
            [
                .. from family in state.Families
                   from name in options.Interfaces
                   select new RoutingRule
                   {
                       Family = family,
                       Priority = options.Priority,
                       InputInterface = name,
                       Table = options.InboundTable,
                       Protocol = RoutingOptions.Protocol,
                   },
            ],
            SettingsBefore = ipv6 ? ForwardingSettings.EnableIPv6(tun) : [],
            SettingsAfter =
            [
                .. ForwardingSettings.ForIPv4(options, state, tun),

                // Where there are routing rules, the kernel looks for a route back to each source, at every interface that a packet enters by. At the
                // one that it came in by it drops this box' own addresses; behind the TUN it would only look again, 3 % of a worker's time.
                new KernelSetting($"net/ipv4/conf/{tun.Name}/accept_local", "1", "so that sources are not checked a second time"),
                .. ipv6 ? ForwardingSettings.ForIPv6(options, state, tun, actsAsRouter: true) : [],
            ],
        };
    }

    /// <summary>
    /// The table for what comes in: all to the TUN, and behind it a wall. When the TUN goes, its route goes with it, the wall stays, and
    /// nothing falls through to the main table.
    /// </summary>
    public static IEnumerable<Route> InboundTable(RoutingOptions options, byte family, Link tun, bool isOpen)
    {
        IpPrefix everything = Everything(family);
        if (isOpen)
        {
            yield return new Route
            {
                Destination = everything,
                Table = options.InboundTable,
                InterfaceIndex = tun.Index,
                Metric = PlanMetrics.Open,
                Protocol = RoutingOptions.Protocol,
            };
        }

        yield return Mark(everything, options.InboundTable, options.TunName);
        yield return Wall(everything, options.InboundTable);
    }

    /// <summary>The route that keeps a destination closed when there is no better one.</summary>
    public static Route Wall(IpPrefix destination, uint table) => new()
    {
        Destination = destination,
        Table = table,
        Type = RouteType.Unreachable,
        Metric = PlanMetrics.Wall,
        Protocol = RoutingOptions.Protocol,
    };

    /// <summary>A second wall that says whose the table is, also when the TUN is gone.</summary>
    public static Route Mark(IpPrefix everything, uint table, string tunName) => Wall(everything, table) with { Metric = PlanMetrics.OwnerOf(tunName) };

    /// <summary>0.0.0.0/0 or ::/0.</summary>
    public static IpPrefix Everything(byte family) =>
        IpPrefix.Create(family == NetlinkMessage.IPv4 ? IpAddress.FromIPv4(0) : new IpAddress(0, 0), 0);
}

/// <summary>The metrics of our tables.</summary>
internal static class PlanMetrics
{
    /// <summary>Explicit, because IPv6 would turn 0 into 1024.</summary>
    public const uint Open = 1;

    /// <summary>The worst there is.</summary>
    public const uint Wall = uint.MaxValue;

    /// <summary>
    /// The TUN's name as a number between the two, the same in every version of this program (FNV-1a; the highest bit is set, so that it is never
    /// <see cref="Open"/>).
    /// </summary>
    public static uint OwnerOf(string tunName)
    {
        uint hash = 2_166_136_261;
        foreach (byte letter in Encoding.UTF8.GetBytes(tunName)) hash = unchecked((hash ^ letter) * 16_777_619);
        return Math.Min(hash | 0x8000_0000, Wall - 1);
    }
}
