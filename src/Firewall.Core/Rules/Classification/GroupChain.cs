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
    private const int Allows = 1;

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
        int answer = Allows;
        foreach (ref readonly Link link in (direction == RuleDirection.Inbound ? _inbound : _outbound).AsSpan())
        {
            // Asked before the next group and not after each: what the last one says is nobody's guess, so it is not branched for.
            if ((answer & Allows) == 0) return Access.Deny;
            int position = link.Compiled is { } compiled ? compiled.Classify(in packet) : link.Classifier.Classify(in packet);
            // The default rules end every list with a rule that matches everything, so -1 does not happen; closed if it did.
            int[] answers = link.Answers;
            if ((uint)position >= (uint)answers.Length) return Access.Deny;
            answer = answers[position];
            rule = answer >> 1;
        }

        return (answer & Allows) != 0 ? Access.Allow : Access.Deny;
    }

    /// <summary>A classifier with its answers: the rule's number, and in the lowest bit whether it allows.</summary>
    private readonly struct Link(IRuleClassifier classifier)
    {
        public readonly IRuleClassifier Classifier = classifier;
        // The usual one by its own type, which saves a call through the interface.
        public readonly BitmapClassifier? Compiled = classifier as BitmapClassifier;
        public readonly int[] Answers = [.. classifier.Rules.Select(rule => (rule.Number << 1) | (rule.Rule.Access == Access.Allow ? Allows : 0))];
    }
}
