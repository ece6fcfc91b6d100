using System.Numerics;
using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// The pairs of a list's rules that contradict each other in part: opposite access, packets that the earlier decides and the later
/// would decide without it, and neither fits all that the other fits. One inside the other is an exception, which is how rules are
/// written; default rules are nobody's fault.
/// </summary>
internal sealed class RuleCrossings(IReadOnlyList<ResolvedRule> rules, AddressSet sources, AddressSet destinations)
{
    private readonly HashSet<(int, int)> _looked = [];
    private readonly Dictionary<int, SortedDictionary<int, PacketInfo>> _earlier = [];
    private readonly Dictionary<int, SortedDictionary<int, PacketInfo>> _later = [];
    private readonly Effective?[] _effective = new Effective?[rules.Count];

    /// <summary>True if the pair crosses and was not asked about before.</summary>
    public bool IsNew(int first, int second) =>
        !rules[first].Rule.IsDefault && !rules[second].Rule.IsDefault && _looked.Add((first, second))
        && !Covers(second, first) && !Covers(first, second);

    /// <summary>Remembers a crossing pair with a packet that both fit.</summary>
    public void Add(int first, int second, PacketInfo witness)
    {
        bool deniesFirst = rules[first].Rule.Access == Access.Deny;
        (Dictionary<int, SortedDictionary<int, PacketInfo>> list, int deny, int allow) = deniesFirst ? (_later, first, second) : (_earlier, second, first);
        if (!list.TryGetValue(deny, out SortedDictionary<int, PacketInfo>? crossed)) list[deny] = crossed = [];
        crossed.TryAdd(allow, witness);
    }

    /// <summary>The rules before a Deny that allow a part of it.</summary>
    public SortedDictionary<int, PacketInfo> EarlierThan(int deny) => _earlier.GetValueOrDefault(deny) ?? [];

    /// <summary>The rules behind a Deny that it takes a part from.</summary>
    public SortedDictionary<int, PacketInfo> LaterThan(int deny) => _later.GetValueOrDefault(deny) ?? [];

    private bool Covers(int wide, int narrow)
    {
        Effective outer = EffectiveOf(wide);
        Effective inner = EffectiveOf(narrow);
        return outer.Kinds.Covers(inner.Kinds)
            && rules[wide].SourcePorts.Covers(rules[narrow].SourcePorts) && rules[wide].DestinationPorts.Covers(rules[narrow].DestinationPorts)
            && Covers(outer.Sources.V4, outer.Destinations.V4, inner.Sources.V4, inner.Destinations.V4)
            && Covers(outer.Sources.V6, outer.Destinations.V6, inner.Sources.V6, inner.Destinations.V6);
    }

    // Without addresses of a version on one side there is no packet of it.
    private static bool Covers<T>(IntervalSet<T> wideSources, IntervalSet<T> wideDestinations, IntervalSet<T> sources, IntervalSet<T> destinations)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        sources.IsEmpty || destinations.IsEmpty || (wideSources.Covers(sources) && wideDestinations.Covers(destinations));

    /// <summary>What is left of a rule among the packets that its list is asked about.</summary>
    private Effective EffectiveOf(int rule) => _effective[rule] ??= new Effective(
        rules[rule].CoversAllPorts ? PacketKind.Of(rules[rule]).Intersect(PacketKind.All) : PacketKind.Of(rules[rule]).Intersect(PacketKind.WithPorts),
        rules[rule].Source.Intersect(sources),
        rules[rule].Destination.Intersect(destinations));

    private sealed record Effective(IntervalSet<uint> Kinds, AddressSet Sources, AddressSet Destinations);
}
