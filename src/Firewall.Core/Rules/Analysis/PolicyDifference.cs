using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Analysis;

/// <summary>What traffic two policies judge differently. Exact: no region means that no packet is judged differently.</summary>
/// <param name="Changes">Disjoint regions.</param>
/// <param name="IsComplete">False if there were more regions than could be listed.</param>
public sealed record PolicyDifference(IReadOnlyList<TrafficChange> Changes, bool IsComplete)
{
    /// <summary>True if both policies give every packet the same access.</summary>
    public bool IsEmpty => Changes.Count == 0;
}

/// <summary>A region of traffic whose access changes.</summary>
/// <param name="OldDirection">How the traffic lies to the old policy.</param>
/// <param name="NewDirection">How the traffic lies to the new policy; differs only if the protected addresses do.</param>
/// <param name="OldAccess">What the old policy says to all of it.</param>
/// <param name="NewAccess">What the new policy says to all of it.</param>
/// <param name="Region">The packets.</param>
/// <param name="Witness">One of them.</param>
/// <param name="OldRule">The rule that decides the witness in the old policy, as <c>securityRules/x</c>; null if none applies.</param>
/// <param name="NewRule">The same in the new policy.</param>
public sealed record TrafficChange(
    TrafficDirection OldDirection,
    TrafficDirection NewDirection,
    Access OldAccess,
    Access NewAccess,
    TrafficRegion Region,
    PacketInfo Witness,
    string? OldRule,
    string? NewRule);
