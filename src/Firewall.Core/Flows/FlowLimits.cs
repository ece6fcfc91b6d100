namespace Firewall.Core.Flows;

/// <summary>What keeps the flow table from being filled by those who mean no conversation. Immutable.</summary>
public sealed record FlowLimits
{
    /// <summary>The table's fixed maximum of flows, 1 to <see cref="FlowTable.LargestMaximum"/>.</summary>
    public int MaxFlows { get; init; } = 262_144;

    /// <summary>
    /// The most flows, in percent of the maximum, that nobody has answered yet: half-open TCP and one-way datagrams. Beyond it a new one
    /// takes the place of an older one. 1–100.
    /// </summary>
    public int HalfOpenPercent { get; init; } = 25;

    /// <summary>The most flows that one source address may have opened; 0 for no limit. Null: half of the maximum, at least 16.</summary>
    public int? MaxFlowsPerSource { get; init; }

    /// <summary>
    /// From this fill on, in percent, every timeout shrinks in a straight line, down to a third when the table is full (pf's adaptive
    /// timeouts). 100 switches it off.
    /// </summary>
    public int AdaptiveStartPercent { get; init; } = 60;

    /// <summary>
    /// Once the half-open flows have their fill and connection requests come faster than this, only those that are sent again open a flow,
    /// as a host does after a second and a flood from random addresses never. 0 switches it off.
    /// </summary>
    public int HandshakesPerSecond { get; init; } = 10_000;

    internal int SourceLimit => MaxFlowsPerSource ?? Math.Max(16, MaxFlows / 2);
}
