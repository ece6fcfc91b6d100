using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// What of the rules and routes of our protocol number belongs to this TUN: what stands under the numbers of the options, and what an earlier run
/// on the same TUN left under others. A rule carries no name, but it leads to a table, and each of our tables says whose it is: by its mark
/// (<see cref="PlanMetrics.OwnerOf"/>), and by its routes as long as the TUN is there. So those of another firewall are told apart, also of one that was killed.
/// </summary>
internal sealed class OwnNumbers
{
    private readonly RoutingOptions _options;
    private readonly HashSet<uint> _earlierTables;
    private readonly uint[] _earlierPriorities;

    private OwnNumbers(RoutingOptions options, HashSet<uint> earlierTables, uint[] earlierPriorities)
    {
        _options = options;
        _earlierTables = earlierTables;
        _earlierPriorities = earlierPriorities;
    }

    /// <summary>Finds them.</summary>
    public static OwnNumbers Of(RoutingOptions options, NetworkState state)
    {
        int tun = state.Find(options.TunName)?.Index ?? 0;
        Route mark = GatewayPlan.Mark(GatewayPlan.Everything(NetlinkMessage.IPv4), options.InboundTable, options.TunName);
        HashSet<uint> earlier =
        [
            .. from route in state.Routes
               where route.Protocol == RoutingOptions.Protocol && !IsOfOptions(options, route.Table)
                   && ((tun != 0 && route.InterfaceIndex == tun) || (route.Type == mark.Type && route.Metric == mark.Metric && route.Destination.Length == 0))
               select route.Table,
        ];
        IEnumerable<RoutingRule> leading = state.Rules.Where(rule => earlier.Contains(rule.Table) || IsOfOptions(options, rule.Table));
        return new OwnNumbers(options, earlier, [.. leading.Where(HostPlan.LeadsWhatIsSent).Select(HostPlan.FirstPriorityOf).Distinct()]);
    }

    /// <summary>True if the rule is this TUN's. In mode Host some rules lead to no table of ours: they are known by those between which they stand.</summary>
    public bool Include(RoutingRule rule)
    {
        if (rule.Protocol != RoutingOptions.Protocol) return false;
        if (IsInRange(_options, rule) || IsOfOptions(_options, rule.Table) || _earlierTables.Contains(rule.Table)) return true;
        return rule.Table is Route.LocalTable or Route.MainTable or 0
            && _earlierPriorities.Any(first => rule.Priority >= first && rule.Priority - first < RoutingOptions.PriorityCount);
    }

    /// <summary>True if the route is this TUN's and in a table that the options name.</summary>
    public bool Include(Route route) => route.Protocol == RoutingOptions.Protocol && IsOfOptions(_options, route.Table);

    /// <summary>True if the route is this TUN's and in a table that the options do not name any more.</summary>
    public bool IncludeEarlier(Route route) => route.Protocol == RoutingOptions.Protocol && _earlierTables.Contains(route.Table);

    /// <summary>
    /// The TUN of another instance that runs with a table or priorities of ours; null if there is none. One that nobody reads was left behind, by a run that had
    /// another name for it.
    /// </summary>
    public static Link? OtherInstance(RoutingOptions options, NetworkState state)
    {
        foreach (Link link in state.Links.Where(link => link.HasCarrier && link.Name != options.TunName))
        {
            uint[] tables = [.. state.Routes.Where(route => route.Protocol == RoutingOptions.Protocol && route.InterfaceIndex == link.Index).Select(route => route.Table).Distinct()];
            RoutingRule[] rules = [.. state.Rules.Where(rule => rule.Protocol == RoutingOptions.Protocol && tables.Contains(rule.Table))];
            if (tables.Any(table => IsOfOptions(options, table))) return link;
            if (rules.Length == 0) continue;
            uint first = rules.Where(HostPlan.LeadsWhatIsSent).Select(HostPlan.FirstPriorityOf).FirstOrDefault(rules.Min(rule => rule.Priority));
            if (first <= options.LastPriority && options.Priority <= first + RoutingOptions.PriorityCount - 1) return link;
        }

        return null;
    }

    /// <summary>True if the priority is one of the options'.</summary>
    public static bool IsInRange(RoutingOptions options, RoutingRule rule) => rule.Priority >= options.Priority && rule.Priority <= options.LastPriority;

    /// <summary>True if the table is one of the options'.</summary>
    public static bool IsOfOptions(RoutingOptions options, uint table) => table == options.InboundTable || table == options.OutboundTable;
}
