namespace Firewall.Core.Rules;

/// <summary>A network security group as Azure knows it. Immutable. A group without rules of its own is legal: the six default rules apply.</summary>
public sealed record NetworkSecurityGroup
{
    /// <summary>The group's name.</summary>
    public required string Name { get; init; }

    /// <summary>Azure's resource id, if the file has one.</summary>
    public string? Id { get; init; }

    /// <summary>Azure's <c>flushConnection</c>: flows that this group allowed are judged again when rules change.</summary>
    public bool FlushConnection { get; init; }

    /// <summary>The rules of one's own, in the order of the file.</summary>
    public IReadOnlyList<SecurityRule> SecurityRules { get; init; } = [];

    /// <summary>The six default rules; the same for every group.</summary>
    public IReadOnlyList<SecurityRule> DefaultSecurityRules { get; } = DefaultRules.All;

    /// <summary>Resource ids of the subnets that the group is associated with.</summary>
    public IReadOnlyList<string> Subnets { get; init; } = [];

    /// <summary>Resource ids of the network interfaces that the group is associated with.</summary>
    public IReadOnlyList<string> NetworkInterfaces { get; init; } = [];

    /// <summary>Where it stands in the file.</summary>
    public RuleOrigin Origin { get; init; } = RuleOrigin.None;

    /// <summary>All rules of one direction in the order of evaluation, the default rules last.</summary>
    public IEnumerable<SecurityRule> RulesOf(RuleDirection direction) =>
        SecurityRules.Where(rule => rule.Direction == direction).OrderBy(rule => rule.Priority)
            .Concat(DefaultSecurityRules.Where(rule => rule.Direction == direction));
}
