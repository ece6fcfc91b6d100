using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>Makes the difference between what the kernel holds of ours and a plan, in an order that never opens a way past the TUN.</summary>
internal static class PlanApplication
{
    private const byte KernelProtocol = 2;

    /// <summary>True if an earlier run left something.</summary>
    public static bool HasLeftOvers(RoutingOptions options, NetworkState state) => state.Rules.Any(rule => IsOurs(options, rule));

    /// <summary>
    /// The TUN of another instance to which our tables lead; null if there is none. One that nobody reads was left behind, by a run that had another name for it.
    /// </summary>
    public static Link? OtherInstance(RoutingOptions options, NetworkState state) => state.Links.FirstOrDefault(link =>
        link.HasCarrier && link.Name != options.TunName
        && state.Routes.Any(route => InTables(options, route) && route.Protocol == RoutingOptions.Protocol && route.InterfaceIndex == link.Index));

    /// <summary>Refuses tables and priorities that others use.</summary>
    public static void RequireFreeNumbers(RoutingOptions options, NetworkState state)
    {
        if (OtherInstance(options, state) is { } other)
        {
            throw new RoutingException(
                $"another instance runs on {other.Name} with tables and priorities of ours ({options.InboundTable} and {options.OutboundTable}, {options.Priority} to {options.LastPriority}); choose another first table and another first priority");
        }

        if (state.Rules.FirstOrDefault(rule => InRange(options, rule) && !IsOurs(options, rule)) is { } rule)
        {
            throw new RoutingException(
                $"a routing rule of another program has a priority of ours ({options.Priority} to {options.LastPriority}): {rule}; choose another first priority");
        }

        if (state.Routes.FirstOrDefault(route => InTables(options, route) && route.Protocol != RoutingOptions.Protocol) is { } route)
        {
            throw new RoutingException(
                $"a route of another program is in a table of ours ({options.InboundTable} and {options.OutboundTable}): {route}; choose another first table");
        }
    }

    public static void Apply(RoutingOptions options, RoutingPlan plan, NetworkState state, RouteNetlink netlink)
    {
        if (!plan.MovesLocalRule) RestoreLocalRule(options, state, netlink);
        ApplyRoutes(options, plan, state, netlink);
        ApplyProxies(options, plan, state, netlink);

        // What is ours by its number is as we made it, whatever attributes a later kernel adds when it tells.
        RoutingRule[] present = [.. state.Rules.Where(rule => IsOurs(options, rule)).Select(rule => rule with { IsForeign = false })];
        foreach (RoutingRule rule in plan.Rules.Except(present)) netlink.Add(rule.ToAddRequest());
        foreach (RoutingRule rule in present.Except(plan.Rules)) netlink.Delete(rule.ToDeleteRequest());

        // Last: until here the machine's own addresses are found first and nothing has changed for it.
        if (plan.MovesLocalRule)
        {
            foreach (RoutingRule rule in state.Rules.Where(IsLocalRule)) netlink.Delete(rule.ToDeleteRequest());
        }
    }

    private static void ApplyRoutes(RoutingOptions options, RoutingPlan plan, NetworkState state, RouteNetlink netlink)
    {
        Route[] present = [.. state.Routes.Where(route => InTables(options, route) && route.Protocol == RoutingOptions.Protocol)
            .Select(route => route with { IsDead = false })];

        // Delete first: a route with another source address has the same key. Meanwhile the walls, which are in every plan, hold.
        foreach (Route route in present.Except(plan.Routes)) netlink.Delete(route.ToDeleteRequest());
        foreach (Route route in plan.Routes.Except(present)) netlink.Add(route.ToAddRequest());
    }

    private static void ApplyProxies(RoutingOptions options, RoutingPlan plan, NetworkState state, RouteNetlink netlink)
    {
        // A proxy carries no number but the protocol's; another firewall's are told apart by the interface. Those of a run
        // before, with other interfaces, are found by the rules it left.
        string?[] names = [.. options.Interfaces, .. state.Rules.Where(rule => IsOurs(options, rule)).Select(rule => rule.InputInterface)];
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
    private static void RestoreLocalRule(RoutingOptions options, NetworkState state, RouteNetlink netlink)
    {
        foreach (byte family in state.Families)
        {
            bool moved = state.Rules.Any(rule => rule.Family == family && IsOurs(options, rule)
                && rule is { InputInterface: null, Table: Route.LocalTable, Destination: null });
            if (!moved || state.Rules.Any(rule => rule.Family == family && IsLocalRule(rule))) continue;
            netlink.Add(new RoutingRule { Family = family, Priority = 0, Table = Route.LocalTable, Protocol = KernelProtocol }.ToAddRequest());
        }
    }

    private static bool IsLocalRule(RoutingRule rule) =>
        rule is { Priority: 0, Action: RuleAction.Lookup, Table: Route.LocalTable, IsForeign: false, InputInterface: null, OutputInterface: null, Destination: null, IpProtocol: 0 };

    private static bool InRange(RoutingOptions options, RoutingRule rule) => rule.Priority >= options.Priority && rule.Priority <= options.LastPriority;

    private static bool IsOurs(RoutingOptions options, RoutingRule rule) => rule.Protocol == RoutingOptions.Protocol && InRange(options, rule);

    private static bool InTables(RoutingOptions options, Route route) => route.Table == options.InboundTable || route.Table == options.OutboundTable;
}
