using Firewall.Core.Flows;

namespace Firewall.Core.Engine;

/// <summary>What an engine is told beside the policy. Immutable; a reload hands the workers another one.</summary>
public sealed record EngineOptions
{
    /// <summary>Idle timeouts of flows.</summary>
    public FlowTimeouts Timeouts { get; init; } = new();

    /// <summary>
    /// True if a TCP connection whose beginning was not seen may be picked up in its middle, by an ACK that the rules allow. Off by default:
    /// docs/decisions/0021-mid-stream-pickup.md.
    /// </summary>
    public bool PicksUpMidStream { get; init; }
}
