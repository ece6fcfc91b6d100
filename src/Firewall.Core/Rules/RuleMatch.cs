namespace Firewall.Core.Rules;

/// <summary>The answer of a policy to a flow's first packet.</summary>
/// <param name="Access">What the deciding rule says.</param>
/// <param name="Rule">The deciding rule's number in the <see cref="RuleCatalog"/>; <see cref="RuleCatalog.None"/> if no security group applies.</param>
/// <param name="Direction">How the packet lies to the protected network.</param>
public readonly record struct RuleMatch(Access Access, int Rule, TrafficDirection Direction);
