namespace Firewall.Core.Rules;

/// <summary>Why the rules say what they say, in the shape of Azure's NSG diagnostics (networkConfigurationDiagnostic).</summary>
/// <param name="Access">The verdict.</param>
/// <param name="RuleName">
/// <c>securityRules/x</c> or <c>defaultSecurityRules/x</c> of the rule that denied or of the last that allowed; null if no group applies.
/// </param>
/// <param name="IsLocalProtected">
/// False if the local address lies outside of what the policy protects: then the answer is that of the rules alone, and an appliance
/// with this policy would see such a packet as transit.
/// </param>
/// <param name="Groups">The groups that were asked, in order, up to the first that denied.</param>
public sealed record Explanation(Access Access, string? RuleName, bool IsLocalProtected, IReadOnlyList<GroupEvaluation> Groups);

/// <summary>One group's part in a verdict.</summary>
/// <param name="SecurityGroup">The group's name.</param>
/// <param name="SecurityGroupId">Azure's resource id, if known.</param>
/// <param name="AppliedTo">The subnet or network interface through which the group applies, or "all protected addresses".</param>
/// <param name="Direction">Which of the group's two lists was asked.</param>
/// <param name="MatchedRule">The rule that decided: the last of <paramref name="Rules"/>.</param>
/// <param name="Rules">Every rule that was looked at, in order, up to and with the match.</param>
public sealed record GroupEvaluation(
    string SecurityGroup,
    string? SecurityGroupId,
    string AppliedTo,
    RuleDirection Direction,
    RuleEvaluation? MatchedRule,
    IReadOnlyList<RuleEvaluation> Rules);

/// <summary>One rule that was looked at, and which of its conditions the packet met.</summary>
/// <param name="Identity">The rule's names.</param>
/// <param name="Priority">Its priority.</param>
/// <param name="Access">What it says to packets that match.</param>
/// <param name="ProtocolMatched">The protocol is the rule's.</param>
/// <param name="SourceMatched">The source address is in the rule's source.</param>
/// <param name="SourcePortMatched">The source port is in the rule's; without ports: the rule covers all.</param>
/// <param name="DestinationMatched">The destination address is in the rule's destination.</param>
/// <param name="DestinationPortMatched">The destination port is in the rule's; without ports: the rule covers all.</param>
/// <param name="IcmpTypeMatched">The ICMP type and code are in the rule's <c>icmpTypes</c>; null if the rule does not ask for any.</param>
public sealed record RuleEvaluation(
    RuleIdentity Identity,
    int Priority,
    Access Access,
    bool ProtocolMatched,
    bool SourceMatched,
    bool SourcePortMatched,
    bool DestinationMatched,
    bool DestinationPortMatched,
    bool? IcmpTypeMatched = null)
{
    /// <summary>True if all conditions were met.</summary>
    public bool IsMatch => IcmpTypeMatched != false && ProtocolMatched && SourceMatched && SourcePortMatched && DestinationMatched && DestinationPortMatched;
}
