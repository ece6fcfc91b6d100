using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Analysis;

/// <summary>What lint may find.</summary>
public enum LintKind : byte
{
    /// <summary>The rule fits packets, but earlier rules decide every one of them, and some of these with the same access.</summary>
    NeverReached,

    /// <summary>The rule is never reached, and all that it would decide is decided the other way by earlier rules.</summary>
    Contradiction,

    /// <summary>The rule decides packets, but without it later rules would decide every one of them alike.</summary>
    Redundant,

    /// <summary>The rule fits no packet that its group is asked about.</summary>
    NeverMatches,

    /// <summary>The rule lets the whole internet reach a port that is meant for administrators.</summary>
    ManagementPortOpen,

    /// <summary>The tag VirtualNetwork covers public addresses, so rules for it, the default ones too, apply to strangers.</summary>
    VirtualNetworkWidened,
}

/// <summary>One finding of lint. Exact: found by set reasoning over all packets, not by trying some.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Rule">The rule it is about; null for findings about the configuration.</param>
/// <param name="Origin">Where the rule stands.</param>
/// <param name="Others">The earlier rules that decide instead, or the later rules that would.</param>
/// <param name="Message">What it is, for people.</param>
/// <param name="Witness">
/// A packet that shows it: one that the rule fits and another rule decides; one that the rule decides and needs not; one that it lets in.
/// Null if there is no such packet, which is the finding.
/// </param>
public sealed record LintFinding(
    LintKind Kind, RuleIdentity? Rule, RuleOrigin Origin, IReadOnlyList<RuleIdentity> Others, string Message, PacketInfo? Witness);
