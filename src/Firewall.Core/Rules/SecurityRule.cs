namespace Firewall.Core.Rules;

/// <summary>One security rule of a network security group, validated. Immutable.</summary>
public sealed record SecurityRule
{
    /// <summary>1–80 characters, unique in the group without regard to case.</summary>
    public required string Name { get; init; }

    /// <summary>Azure's resource id, if the file has one.</summary>
    public string? Id { get; init; }

    /// <summary>Free text of at most 140 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Which IP protocols the rule judges.</summary>
    public required RuleProtocol Protocol { get; init; }

    /// <summary>Where packets come from.</summary>
    public required AddressSelector Source { get; init; }

    /// <summary>Source ports; a rule that does not cover all of them never matches a packet without ports.</summary>
    public required IReadOnlyList<PortRange> SourcePorts { get; init; }

    /// <summary>Where packets go to.</summary>
    public required AddressSelector Destination { get; init; }

    /// <summary>Destination ports; a rule that does not cover all of them never matches a packet without ports.</summary>
    public required IReadOnlyList<PortRange> DestinationPorts { get; init; }

    /// <summary>
    /// ICMP types and codes; empty for all. Only a rule for <c>Icmp</c> or <c>Icmpv6</c> has them. A rule that does not cover all of them
    /// never matches a later fragment, which has none. Our extension: Azure has no such field.
    /// </summary>
    public IReadOnlyList<IcmpTypeRange> IcmpTypes { get; init; } = [];

    /// <summary>What happens to a packet that matches.</summary>
    public required Access Access { get; init; }

    /// <summary>100–4096 (default rules 65000, 65001, 65500); the lowest is looked at first.</summary>
    public required int Priority { get; init; }

    /// <summary>Which of the group's two lists the rule belongs to.</summary>
    public required RuleDirection Direction { get; init; }

    /// <summary>True for one of the six rules that every group has.</summary>
    public bool IsDefault { get; init; }

    /// <summary>Where it stands in the file.</summary>
    public RuleOrigin Origin { get; init; } = RuleOrigin.None;

    /// <summary>True if both rules say the same; id, description and where they were read do not count.</summary>
    public bool MeansTheSameAs(SecurityRule other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return string.Equals(Name, other.Name, StringComparison.OrdinalIgnoreCase) && Protocol == other.Protocol
            && Access == other.Access && Priority == other.Priority && Direction == other.Direction
            && Source.Equals(other.Source) && Destination.Equals(other.Destination)
            && SourcePorts.SequenceEqual(other.SourcePorts) && DestinationPorts.SequenceEqual(other.DestinationPorts)
            && IcmpTypes.SequenceEqual(other.IcmpTypes);
    }
}
