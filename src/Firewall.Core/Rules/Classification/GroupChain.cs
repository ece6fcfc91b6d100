using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>One group of a policy, ready to judge packets.</summary>
/// <param name="Group">The group as read.</param>
/// <param name="Label">The group's name in the rule catalog.</param>
/// <param name="Inbound">Its inbound rules.</param>
/// <param name="Outbound">Its outbound rules.</param>
internal sealed record CompiledGroup(NetworkSecurityGroup Group, string Label, IRuleClassifier Inbound, IRuleClassifier Outbound)
{
    public IRuleClassifier Of(RuleDirection direction) => direction == RuleDirection.Inbound ? Inbound : Outbound;
}

/// <summary>One step of a chain: a group and what it is applied to.</summary>
/// <param name="Group">The group.</param>
/// <param name="AppliedTo">Resource id of the subnet or network interface, or text for people if the group has no association.</param>
internal sealed record ChainStep(CompiledGroup Group, string AppliedTo);

/// <summary>
/// The groups that one protected address is under. Azure's order: inbound the subnet's group, then the network interface's;
/// outbound the other way round. Every group must allow; the first denial ends it. No group at all allows.
/// </summary>
internal sealed class GroupChain
{
    private readonly Link[] _inbound;
    private readonly Link[] _outbound;

    /// <param name="steps">In the inbound order.</param>
    public GroupChain(IReadOnlyList<ChainStep> steps)
    {
        Steps = steps;
        FlushConnection = steps.Any(step => step.Group.Group.FlushConnection);
        _inbound = [.. steps.Select(step => new Link(step.Group.Inbound))];
        _outbound = [.. steps.Reverse().Select(step => new Link(step.Group.Outbound))];
    }

    /// <summary>The groups in the inbound order.</summary>
    public IReadOnlyList<ChainStep> Steps { get; }

    /// <summary>True if any of the groups asks that its flows be judged again when rules change.</summary>
    public bool FlushConnection { get; }

    /// <summary>The groups in the order of that direction.</summary>
    public IEnumerable<ChainStep> StepsOf(RuleDirection direction) => direction == RuleDirection.Inbound ? Steps : Steps.Reverse();

    /// <summary>
    /// Judges a packet. The rule is the one that denied, or the one of the last group that allowed, as in Azure's flow logs.
    /// Does not allocate.
    /// </summary>
    public Access Judge(RuleDirection direction, in PacketInfo packet, out int rule)
    {
        rule = RuleCatalog.None;
        foreach (ref readonly Link link in (direction == RuleDirection.Inbound ? _inbound : _outbound).AsSpan())
        {
            int position = link.Classifier.Classify(in packet);
            // The default rules end every list with a rule that matches everything, so -1 does not happen; closed if it did.
            if ((uint)position >= (uint)link.Numbers.Length) return Access.Deny;
            rule = link.Numbers[position];
            if (!link.Allows[position]) return Access.Deny;
        }

        return Access.Allow;
    }

    /// <summary>A classifier with its answers in two flat lists.</summary>
    private readonly struct Link(IRuleClassifier classifier)
    {
        public readonly IRuleClassifier Classifier = classifier;
        public readonly int[] Numbers = [.. classifier.Rules.Select(rule => rule.Number)];
        public readonly bool[] Allows = [.. classifier.Rules.Select(rule => rule.Rule.Access == Access.Allow)];
    }
}
