using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// What shows that a rule matches nothing: a packet that its group is asked about and that fails as few of the rule's conditions as
/// possible.
/// </summary>
/// <param name="Packet">The packet.</param>
/// <param name="Misses">The conditions that it fails; it fits all others.</param>
/// <param name="Decider">Position of the rule that decides it.</param>
internal readonly record struct NearMiss(PacketInfo Packet, RuleConditions Misses, int Decider)
{
    // One condition before two; ports first, since a rule of a protocol without ports lacks nothing else.
    private static readonly RuleConditions[] s_order =
    [
        RuleConditions.Ports, RuleConditions.Destination, RuleConditions.Source,
        RuleConditions.Destination | RuleConditions.Source, RuleConditions.Ports | RuleConditions.Destination, RuleConditions.Ports | RuleConditions.Source,
        RuleConditions.Ports | RuleConditions.Destination | RuleConditions.Source,
        RuleConditions.Ports | RuleConditions.Destination | RuleConditions.Source | RuleConditions.Protocol,
    ];

    /// <param name="spaces">All packets that the group is asked about; at least one.</param>
    /// <param name="rule">Position of a rule that fits none of them.</param>
    /// <exception cref="InvalidOperationException">There is no packet at all, or the rule fits one.</exception>
    public static NearMiss Find(IReadOnlyList<RuleSpace> spaces, int rule)
    {
        foreach (RuleConditions misses in s_order)
        {
            foreach (RuleSpace space in spaces)
            {
                if (FindIn(space, rule, misses) is { } found) return found;
            }
        }

        throw new InvalidOperationException("There is no packet that comes near the rule.");
    }

    private static NearMiss? FindIn(RuleSpace space, int rule, RuleConditions misses)
    {
        // Fields are independent of each other, so where one has nothing there is no use in walking through the others.
        foreach (int field in (int[])[RuleSpace.Destination, RuleSpace.Source])
        {
            if (!misses.HasFlag(ConditionOf(field)) && space.SplitOf(field).ClassesOfRule(rule).IndexOfAnyExcept(0UL) < 0) return null;
        }

        NearMiss? found = null;
        RuleWalk? walk = null;
        walk = new RuleWalk(
            space,
            (path, left) =>
            {
                int decider = RuleSpace.FirstOf(left, 0, space.Rules.Count);
                if (decider < 0 || decider == rule) return;
                found = new NearMiss(space.Witness(path), misses, decider);
                walk?.Stop();
            },
            (field, index) => misses.HasFlag(ConditionOf(field)) || space.Fits(field, index, rule));
        walk.Run();
        return found;
    }

    private static RuleConditions ConditionOf(int field) => field switch
    {
        RuleSpace.Protocol => RuleConditions.Protocol,
        RuleSpace.Destination => RuleConditions.Destination,
        RuleSpace.Source => RuleConditions.Source,
        _ => RuleConditions.Ports,
    };
}
