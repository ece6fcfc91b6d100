using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>A security rule with its tags and application security groups turned into addresses, ready to be matched.</summary>
internal sealed class ResolvedRule
{
    /// <param name="rule">The rule.</param>
    /// <param name="number">Its number in the catalog.</param>
    /// <param name="source">Where packets come from.</param>
    /// <param name="destination">Where they go to.</param>
    /// <param name="like">Another one, whose sets are taken where they are the same.</param>
    public ResolvedRule(SecurityRule rule, int number, AddressSet source, AddressSet destination, ResolvedRule? like = null)
    {
        Rule = rule;
        Number = number;
        Source = source;
        Destination = destination;
        SourcePorts = Same(Ports(rule.SourcePorts), like?.SourcePorts);
        DestinationPorts = Same(Ports(rule.DestinationPorts), like?.DestinationPorts);
        IcmpTypes = rule.IcmpTypes.Count == 0
            ? IntervalSet<ushort>.All
            : Same(IntervalSet<ushort>.From(rule.IcmpTypes.Select(range => (range.First, range.Last)).ToList()), like?.IcmpTypes);
    }

    public SecurityRule Rule { get; }

    /// <summary>The rule's number in the catalog.</summary>
    public int Number { get; }

    public AddressSet Source { get; }

    public AddressSet Destination { get; }

    public IntervalSet<ushort> SourcePorts { get; }

    public IntervalSet<ushort> DestinationPorts { get; }

    /// <summary>ICMP types and codes, as <see cref="IcmpTypeRange"/> numbers them; all if the rule does not ask.</summary>
    public IntervalSet<ushort> IcmpTypes { get; }

    /// <summary>True if the rule matches packets that have no ports.</summary>
    public bool CoversAllPorts => SourcePorts.IsAll && DestinationPorts.IsAll;

    /// <summary>True if the rule applies to the packet. Does not allocate.</summary>
    public bool Matches(in PacketInfo packet)
    {
        if (!Rule.Protocol.Matches(packet.Protocol)) return false;
        if (!IcmpTypes.IsAll && !(PacketKind.HasType(in packet) && IcmpTypes.Contains(PacketKind.TypeOf(in packet)))) return false;
        if (packet.HasPorts)
        {
            if (!DestinationPorts.Contains(packet.DestinationPort) || !SourcePorts.Contains(packet.SourcePort)) return false;
        }
        else if (!CoversAllPorts)
        {
            return false;
        }

        return Destination.Contains(packet.Destination) && Source.Contains(packet.Source);
    }

    /// <summary>True if both rules fit the same packets and say the same to them.</summary>
    public bool DecidesLike(ResolvedRule other) => Rule.Access == other.Rule.Access && Rule.Protocol == other.Rule.Protocol
        && IcmpTypes.Equals(other.IcmpTypes) && SourcePorts.Equals(other.SourcePorts) && DestinationPorts.Equals(other.DestinationPorts)
        && Source.Equals(other.Source) && Destination.Equals(other.Destination);

    private static IntervalSet<ushort> Same(IntervalSet<ushort> set, IntervalSet<ushort>? known) => set.Equals(known) ? known : set;

    private static IntervalSet<ushort> Ports(IReadOnlyList<PortRange> ranges) =>
        IntervalSet<ushort>.From(ranges.Select(range => (range.First, range.Last)).ToList());
}
