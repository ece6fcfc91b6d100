using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>Makes the difference between what the kernel holds of ours and a plan, in an order that never opens a way past the TUN.</summary>
internal static class PlanApplication
{
    private const byte KernelProtocol = 2;

    /// <summary>True if an earlier run left something.</summary>
    public static bool HasLeftOvers(RoutingOptions options, NetworkState state) => state.Rules.Any(OwnNumbers.Of(options, state).Include);

    /// <summary>Refuses tables and priorities that others use.</summary>
    public static void RequireFreeNumbers(RoutingOptions options, NetworkState state)
    {
        if (OwnNumbers.OtherInstance(options, state) is { } other)
        {
            throw new RoutingException(
                $"another instance runs on {other.Name} with tables or priorities of ours ({options.InboundTable} and {options.OutboundTable}, {options.Priority} to {options.LastPriority}); choose another first table and another first priority");
        }

        if (state.Rules.FirstOrDefault(rule => OwnNumbers.IsInRange(options, rule) && rule.Protocol != RoutingOptions.Protocol) is { } rule)
        {
            throw new RoutingException(
                $"a routing rule of another program has a priority of ours ({options.Priority} to {options.LastPriority}): {rule}; choose another first priority");
        }

        if (state.Routes.FirstOrDefault(route => OwnNumbers.IsOfOptions(options, route.Table) && route.Protocol != RoutingOptions.Protocol) is { } route)
        {
            throw new RoutingException(
                $"a route of another program is in a table of ours ({options.InboundTable} and {options.OutboundTable}): {route}; choose another first table");
        }
    }

    public static void Apply(RoutingOptions options, RoutingPlan plan, NetworkState state, RouteNetlink netlink)
    {
        OwnNumbers own = OwnNumbers.Of(options, state);
        if (!plan.MovesLocalRule) RestoreLocalRule(own, state, netlink);
        ApplyRoutes(own, plan, state, netlink);
        ApplyProxies(options, own, plan, state, netlink);

        // What is ours by its number is as we made it, whatever attributes a later kernel adds when it tells.
        RoutingRule[] present = [.. state.Rules.Where(own.Include).Select(rule => rule with { IsForeign = false })];
        foreach (RoutingRule rule in plan.Rules.Except(present)) netlink.Add(rule.ToAddRequest());
        // From behind: of rules under earlier numbers, those that make exceptions stay until there is nothing to make them from.
        foreach (RoutingRule rule in present.Except(plan.Rules).OrderByDescending(rule => rule.Priority)) netlink.Delete(rule.ToDeleteRequest());

        // Not before the rules that lead there: what finds nothing in a table goes on to the main table.
        foreach (Route route in state.Routes.Where(own.IncludeEarlier)) netlink.Delete(route.ToDeleteRequest());

        // Last: until here the machine's own addresses are found first and nothing has changed for it.
        if (plan.MovesLocalRule)
        {
            foreach (RoutingRule rule in state.Rules.Where(IsLocalRule)) netlink.Delete(rule.ToDeleteRequest());
        }
    }

    private static void ApplyRoutes(OwnNumbers own, RoutingPlan plan, NetworkState state, RouteNetlink netlink)
    {
        Route[] present = [.. state.Routes.Where(own.Include).Select(route => route with { IsDead = false })];

        // Delete first: a route with another source address has the same key. Meanwhile the walls, which are in every plan, hold.
        foreach (Route route in present.Except(plan.Routes)) netlink.Delete(route.ToDeleteRequest());
        foreach (Route route in plan.Routes.Except(present)) netlink.Add(route.ToAddRequest());
    }

    private static void ApplyProxies(RoutingOptions options, OwnNumbers own, RoutingPlan plan, NetworkState state, RouteNetlink netlink)
    {
        // A proxy carries no number but the protocol's; another firewall's are told apart by the interface. Those of a run
        // before, with other interfaces, are found by the rules it left.
        string?[] names = [.. options.Interfaces, .. state.Rules.Where(own.Include).Select(rule => rule.InputInterface)];
        int[] indexes = [.. state.Links.Where(link => names.Contains(link.Name)).Select(link => link.Index)];
        ProxyNeighbor[] present = [.. state.Proxies.Where(proxy => proxy.Protocol == RoutingOptions.Protocol && indexes.Contains(proxy.InterfaceIndex))];
        ProxyNeighbor[] foreign = [.. state.Proxies.Except(present)];
        foreach (ProxyNeighbor proxy in plan.Proxies.Except(present))
        {
            // Somebody else's entry for the same does the same, and is not ours to take away later.
            if (!foreign.Any(other => other.InterfaceIndex == proxy.InterfaceIndex && other.Address == proxy.Address)) netlink.Add(proxy.ToAddRequest());
        }

        foreach (ProxyNeighbor proxy in present.Except(plan.Proxies)) netlink.Delete(proxy.ToDeleteRequest());
    }

    // Only if it was us who moved it. With the kernel's own protocol number, so that nothing shows that it was ever gone.
    private static void RestoreLocalRule(OwnNumbers own, NetworkState state, RouteNetlink netlink)
    {
        foreach (byte family in state.Families)
        {
            bool moved = state.Rules.Any(rule => rule.Family == family && own.Include(rule)
                && rule is { InputInterface: null, Table: Route.LocalTable, Destination: null });
            if (!moved || state.Rules.Any(rule => rule.Family == family && IsLocalRule(rule))) continue;
            netlink.Add(new RoutingRule { Family = family, Priority = 0, Table = Route.LocalTable, Protocol = KernelProtocol }.ToAddRequest());
        }
    }

    private static bool IsLocalRule(RoutingRule rule) =>
        rule is { Priority: 0, Action: RuleAction.Lookup, Table: Route.LocalTable, IsForeign: false, InputInterface: null, OutputInterface: null, Destination: null, IpProtocol: 0 };
}
