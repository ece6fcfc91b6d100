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

    /// <summary>The rule names an application security group without known members, which makes the whole rule ineffective.</summary>
    EmptyApplicationSecurityGroup,

    /// <summary>
    /// The rule denies, but earlier rules allow a part of what it fits, and neither side is an exception from the other: each fits
    /// packets that the other does not. Usually the order is wrong.
    /// </summary>
    DenyOverruledInPart,

    /// <summary>
    /// The rule denies a part of what later rules allow, and neither side is an exception from the other. Often meant so (a list of
    /// blocked addresses comes first), hence information only.
    /// </summary>
    AllowOverruledInPart,

    /// <summary>The rule lets the whole internet reach a port that is meant for administrators.</summary>
    ManagementPortOpen,

    /// <summary>The tag VirtualNetwork covers public addresses, so rules for it, the default ones too, apply to strangers.</summary>
    VirtualNetworkWidened,
}

/// <summary>How much a finding of lint matters.</summary>
public enum LintSeverity : byte
{
    /// <summary>Worth knowing, often meant so.</summary>
    Information,

    /// <summary>Probably not what was meant.</summary>
    Warning,
}

/// <summary>Conditions of a rule.</summary>
[Flags]
public enum RuleConditions : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The ports, source and destination.</summary>
    Ports = 1,

    /// <summary>The destination's address.</summary>
    Destination = 2,

    /// <summary>The source's address.</summary>
    Source = 4,

    /// <summary>The protocol and the ICMP type.</summary>
    Protocol = 8,
}

/// <summary>One finding of lint. Exact: found by set reasoning over all packets, not by trying some.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Rule">The rule it is about; null for findings about the configuration.</param>
/// <param name="Origin">Where the rule stands.</param>
/// <param name="Others">The earlier rules that decide instead, the later rules that would, or those that it crosses.</param>
/// <param name="Message">What it is, for people.</param>
/// <param name="Witness">
/// A packet that shows it: one that the rule fits and another rule decides; one that the rule decides and needs not; one that it lets in;
/// one that two crossing rules both fit; one from a stranger that counts as of the virtual network. No packet fits a rule that never
/// matches: there it is a packet that its group is asked about, that fails as few of the rule's conditions as any, and that the rule in
/// <paramref name="Others"/> decides.
/// </param>
public sealed record LintFinding(
    LintKind Kind, RuleIdentity? Rule, RuleOrigin Origin, IReadOnlyList<RuleIdentity> Others, string Message, PacketInfo Witness)
{
    /// <summary>How much it matters.</summary>
    public LintSeverity Severity => Kind == LintKind.AllowOverruledInPart ? LintSeverity.Information : LintSeverity.Warning;

    /// <summary>The conditions of the rule that the witness fails; empty unless no packet fits the rule.</summary>
    public RuleConditions Misses { get; init; }
}
