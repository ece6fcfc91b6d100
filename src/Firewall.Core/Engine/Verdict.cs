using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <summary>The firewall's answer to one packet.</summary>
/// <param name="Access">Allow or deny.</param>
/// <param name="Reason">Why.</param>
/// <param name="Rule">
/// The rule that decided, by its number in the <see cref="RuleCatalog"/>: for <see cref="VerdictReason.Rule"/> the matching one, for
/// packets of a flow the one that allowed the flow; <see cref="RuleCatalog.None"/> where no rule had a part.
/// </param>
/// <param name="Direction">How the packet lies to the protected network.</param>
/// <param name="Malformed">The detail of <see cref="VerdictReason.Malformed"/>; else <see cref="MalformedReason.None"/>.</param>
public readonly record struct Verdict(
    Access Access,
    VerdictReason Reason,
    int Rule = RuleCatalog.None,
    TrafficDirection Direction = TrafficDirection.Unknown,
    MalformedReason Malformed = MalformedReason.None)
{
    /// <summary>True if the packet may pass.</summary>
    public bool IsAllowed => Access == Access.Allow;

    /// <summary>True if the packet may not pass now, and a copy is kept until its fate is known (<see cref="VerdictReason.FragmentHeld"/>).</summary>
    public bool IsHeld => Reason == VerdictReason.FragmentHeld;
}
