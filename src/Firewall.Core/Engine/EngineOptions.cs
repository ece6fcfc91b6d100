using Firewall.Core.Flows;

namespace Firewall.Core.Engine;

/// <summary>What an engine is told beside the policy. Immutable; a reload hands the workers another one.</summary>
public sealed record EngineOptions
{
    /// <summary>Idle timeouts of flows.</summary>
    public FlowTimeouts Timeouts { get; init; } = new();
}
