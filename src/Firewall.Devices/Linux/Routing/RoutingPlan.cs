using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>A kernel setting that routing needs.</summary>
/// <param name="Path">Below /proc/sys, "net/ipv4/ip_early_demux".</param>
/// <param name="Value">What it must be.</param>
/// <param name="Why">Completes "must be VALUE …" in an error.</param>
/// <param name="OutsideKey">What to set from outside a container instead, if not the same.</param>
internal sealed record KernelSetting(string Path, string Value, string Why, string? OutsideKey = null);

/// <summary>
/// Everything of ours that shall be in the kernel. Applying it means to make the difference to what is there, so it does not matter what
/// an earlier run left. The empty plan takes all down.
/// </summary>
internal sealed record RoutingPlan
{
    public static RoutingPlan Empty { get; } = new();

    public IReadOnlyList<RoutingRule> Rules { get; init; } = [];

    public IReadOnlyList<Route> Routes { get; init; } = [];

    public IReadOnlyList<ProxyNeighbor> Proxies { get; init; } = [];

    /// <summary>Set before the routes, in this order.</summary>
    public IReadOnlyList<KernelSetting> SettingsBefore { get; init; } = [];

    /// <summary>Set when the rules stand, in this order: a box that forwards before its rules stand forwards unjudged.</summary>
    public IReadOnlyList<KernelSetting> SettingsAfter { get; init; } = [];

    /// <summary>True if the rule for the machine's own addresses must give up its place before all others.</summary>
    public bool MovesLocalRule { get; init; }
}
