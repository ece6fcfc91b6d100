using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>Compares what two policies say to every packet, by exact set reasoning: what a reviewer wants to know of a change.</summary>
public static class PolicyDiff
{
    /// <summary>More regions than this are no answer for people; the rest is left out.</summary>
    public const int MaxChanges = 1000;

    private const int Same = 0, Closed = 1, Opened = 2, Verdicts = 3;

    /// <summary>The traffic whose access differs. Rule names and reasons do not count.</summary>
    public static PolicyDifference Compare(Policy oldPolicy, Policy newPolicy)
    {
        ArgumentNullException.ThrowIfNull(oldPolicy);
        ArgumentNullException.ThrowIfNull(newPolicy);
        List<TrafficChange> changes = [];
        List<Zone> zones = Zones(oldPolicy, newPolicy);
        foreach (Zone source in zones)
        {
            foreach (Zone destination in zones)
            {
                Side before = new(source.Old, destination.Old, oldPolicy.Options.Transit);
                Side after = new(source.New, destination.New, newPolicy.Options.Transit);
                if (before.IsSameAs(after)) continue;
                foreach (bool isIPv4 in (bool[])[true, false])
                {
                    foreach ((int verdict, TrafficRegion region, PacketInfo witness) in Compare(source, destination, before, after, isIPv4))
                    {
                        if (changes.Count == MaxChanges) return new PolicyDifference(changes, false);
                        changes.Add(Change(oldPolicy, newPolicy, verdict, region, witness));
                    }
                }
            }
        }

        return new PolicyDifference(changes, true);
    }

    private static IEnumerable<(int Verdict, TrafficRegion Region, PacketInfo Witness)> Compare(
        Zone source, Zone destination, Side before, Side after, bool isIPv4)
    {
        RuleSpace space = new([.. before.Lists, .. after.Lists], source.Addresses, destination.Addresses, isIPv4, keep: 1);
        int split = before.Lists.Count;
        return new DifferenceGraph(space, Verdicts, rules =>
        {
            Access was = before.Judge(space, rules, 0, split);
            Access becomes = after.Judge(space, rules, split, space.Lists.Count);
            return was == becomes ? Same : becomes == Access.Deny ? Closed : Opened;
        }).Regions();
    }

    private static TrafficChange Change(Policy oldPolicy, Policy newPolicy, int verdict, TrafficRegion region, PacketInfo witness)
    {
        Explanation before = PolicyExplainer.Explain(oldPolicy, in witness);
        Explanation after = PolicyExplainer.Explain(newPolicy, in witness);
        Access was = verdict == Closed ? Access.Allow : Access.Deny;
        Access becomes = verdict == Closed ? Access.Deny : Access.Allow;
        // The explanation goes through the rules one by one; that both ways agree is checked here for every answer given.
        if (before.Access != was || after.Access != becomes)
        {
            throw new InvalidOperationException($"The comparison of policies is wrong about {region}.");
        }

        return new TrafficChange(
            oldPolicy.DirectionOf(witness.Source, witness.Destination), newPolicy.DirectionOf(witness.Source, witness.Destination),
            was, becomes, region, witness, before.RuleName, after.RuleName);
    }

    /// <summary>Cuts all addresses by the chains that both policies have for them; addresses under the same groups are one zone.</summary>
    private static List<Zone> Zones(Policy oldPolicy, Policy newPolicy)
    {
        List<(AddressSet Addresses, GroupChain? Chain)> before = Whole(oldPolicy);
        List<(AddressSet Addresses, GroupChain? Chain)> after = Whole(newPolicy);
        List<Zone> zones = [];
        foreach ((AddressSet oldAddresses, GroupChain? oldChain) in before)
        {
            foreach ((AddressSet newAddresses, GroupChain? newChain) in after)
            {
                AddressSet both = oldAddresses.Intersect(newAddresses);
                if (both.IsEmpty) continue;
                int known = zones.FindIndex(zone => AreAlike(zone.Old, oldChain) && AreAlike(zone.New, newChain));
                if (known < 0) zones.Add(new Zone(both, oldChain, newChain));
                else zones[known] = zones[known] with { Addresses = zones[known].Addresses.Union(both) };
            }
        }

        return zones;
    }

    private static List<(AddressSet Addresses, GroupChain? Chain)> Whole(Policy policy)
    {
        List<(AddressSet, GroupChain?)> all = [.. policy.Chains.Entries.Select(entry => (entry.Addresses, (GroupChain?)entry.Chain))];
        AddressSet inside = AddressSet.Empty;
        foreach ((AddressSet addresses, _) in all) inside = inside.Union(addresses);
        all.Add((inside.Complement(), null));
        return all;
    }

    private static bool AreAlike(GroupChain? left, GroupChain? right) =>
        ReferenceEquals(left, right)
        || (left is not null && right is not null && left.Steps.Select(step => step.Group).SequenceEqual(right.Steps.Select(step => step.Group)));

    private sealed record Zone(AddressSet Addresses, GroupChain? Old, GroupChain? New);

    /// <summary>What one policy asks of packets from one zone to another: rule lists that must all allow, or a constant.</summary>
    private sealed class Side
    {
        private readonly Access _withoutRules;

        public Side(GroupChain? sender, GroupChain? receiver, Access transit)
        {
            // A protected end without any group allows.
            _withoutRules = sender is null && receiver is null ? transit : Access.Allow;
            Lists =
            [
                .. sender?.StepsOf(RuleDirection.Outbound).Select(step => step.Group.Outbound.Rules) ?? [],
                .. receiver?.StepsOf(RuleDirection.Inbound).Select(step => step.Group.Inbound.Rules) ?? [],
            ];
        }

        public List<IReadOnlyList<ResolvedRule>> Lists { get; }

        /// <summary>True if the answers are the same because the rules are: then there is nothing to compare.</summary>
        public bool IsSameAs(Side other) => (Lists.Count > 0 || _withoutRules == other._withoutRules)
            && Lists.Count == other.Lists.Count && Lists.Zip(other.Lists).All(pair => AreAlike(pair.First, pair.Second));

        public Access Judge(RuleSpace space, ulong[] rules, int firstList, int endList)
        {
            if (firstList == endList) return _withoutRules;
            for (int list = firstList; list < endList; list++)
            {
                int rule = RuleSpace.FirstOf(rules, space.Lists[list].Start, space.Lists[list].End);
                if (rule < 0 || space.Rules[rule].Rule.Access == Access.Deny) return Access.Deny;
            }

            return Access.Allow;
        }

        private static bool AreAlike(IReadOnlyList<ResolvedRule> left, IReadOnlyList<ResolvedRule> right) =>
            ReferenceEquals(left, right)
            || (left.Count == right.Count && left.Zip(right).All(pair => pair.First.DecidesLike(pair.Second)));
    }
}
