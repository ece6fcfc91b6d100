using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules;

/// <summary>Answers questions to a policy with reasons. Goes through the rules one by one; not for the path.</summary>
public static class PolicyExplainer
{
    private static readonly IntervalSet<ushort> s_ephemeral = IntervalSet<ushort>.Of(49152, ushort.MaxValue);

    /// <summary>
    /// Would a flow be allowed by the groups of its local end? As in Azure, only the chain of the asked direction counts: for a
    /// flow between two protected addresses ask twice, once for each end.
    /// </summary>
    public static Explanation Explain(Policy policy, FlowQuery query)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(query);
        GroupChain? chain = policy.Chains.Find(query.Local);
        bool isProtected = chain is not null;
        chain ??= policy.Chains.Everywhere;
        if (chain is null) return new Explanation(policy.Options.Transit, null, false, []);
        Question question = new(
            query.Protocol, query.Source, query.SourcePort, query.Destination, query.DestinationPort, TypesOf(query.IcmpType, query.IcmpCode));
        List<GroupEvaluation> groups = [];
        Access access = Judge(policy, chain, query.Direction, question, groups);
        return new Explanation(access, NameOf(groups), isProtected, groups);
    }

    /// <summary>Why <see cref="Policy.Evaluate"/> says what it says to a packet: one or both chains.</summary>
    public static Explanation Explain(Policy policy, in PacketInfo packet)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ushort? sourcePort = packet.HasPorts ? packet.SourcePort : null;
        ushort? destinationPort = packet.HasPorts ? packet.DestinationPort : null;
        IntervalSet<ushort>? types = PacketKind.HasType(in packet) ? TypesOf(packet.IcmpType, packet.IcmpCode) : null;
        return Explain(policy, new Question(packet.Protocol, packet.Source, sourcePort, packet.Destination, destinationPort, types, packet.HasPorts));
    }

    /// <summary>
    /// The same for a flow of which a port, or the ICMP type or code, may be unspecified, as in a <see cref="FlowQuery"/>, but through
    /// both chains.
    /// </summary>
    public static Explanation Explain(
        Policy policy, byte protocol, IpAddress source, ushort? sourcePort, IpAddress destination, ushort? destinationPort,
        byte? icmpType = null, byte? icmpCode = null)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return Explain(policy, new Question(protocol, source, sourcePort, destination, destinationPort, TypesOf(icmpType, icmpCode)));
    }

    private static Explanation Explain(Policy policy, Question question)
    {
        GroupChain? sender = policy.Chains.Find(question.Source);
        GroupChain? receiver = policy.Chains.Find(question.Destination);
        if (sender is null && receiver is null) return new Explanation(policy.Options.Transit, null, false, []);
        List<GroupEvaluation> groups = [];
        Access access = Access.Allow;
        if (sender is not null) access = Judge(policy, sender, RuleDirection.Outbound, question, groups);
        if (receiver is not null && access == Access.Allow) access = Judge(policy, receiver, RuleDirection.Inbound, question, groups);
        return new Explanation(access, NameOf(groups), true, groups);
    }

    /// <summary>All messages that a question may mean; null if it does not say, which only a rule that asks for no type can answer.</summary>
    private static IntervalSet<ushort>? TypesOf(byte? type, byte? code) => type is not { } known
        ? null
        : IntervalSet<ushort>.Of(IcmpTypeRange.Number(known, code ?? 0), IcmpTypeRange.Number(known, code ?? byte.MaxValue));

    private static string? NameOf(List<GroupEvaluation> groups) => groups.Count == 0 ? null : groups[^1].MatchedRule?.Identity.ResourceName;

    private static Access Judge(Policy policy, GroupChain chain, RuleDirection direction, Question question, List<GroupEvaluation> groups)
    {
        foreach (ChainStep step in chain.StepsOf(direction))
        {
            List<RuleEvaluation> looked = [];
            RuleEvaluation? match = null;
            foreach (ResolvedRule rule in step.Group.Of(direction).Rules)
            {
                RuleEvaluation evaluation = question.Ask(policy, rule);
                looked.Add(evaluation);
                if (!evaluation.IsMatch) continue;
                match = evaluation;
                break;
            }

            groups.Add(new GroupEvaluation(step.Group.Label, step.Group.Group.Id, step.AppliedTo, direction, match, looked));
            if (match is null || match.Access == Access.Deny) return Access.Deny;
        }

        return Access.Allow;
    }

    private readonly record struct Question(
        byte Protocol, IpAddress Source, ushort? SourcePort, IpAddress Destination, ushort? DestinationPort, IntervalSet<ushort>? IcmpTypes,
        bool PortsMayBeSpecified = true)
    {
        private bool HasPorts => PortsMayBeSpecified && IpProtocol.HasPorts(Protocol);

        public RuleEvaluation Ask(Policy policy, ResolvedRule rule) => new(
            policy.Catalog[rule.Number] ?? throw new InvalidOperationException("A rule of the policy is not in its catalog."),
            rule.Rule.Priority,
            rule.Rule.Access,
            rule.Rule.Protocol.Matches(Protocol),
            rule.Source.Contains(Source),
            HasPorts ? SourcePort is { } from ? rule.SourcePorts.Contains(from) : rule.SourcePorts.Covers(s_ephemeral) : rule.SourcePorts.IsAll,
            rule.Destination.Contains(Destination),
            HasPorts && DestinationPort is { } to ? rule.DestinationPorts.Contains(to) : rule.DestinationPorts.IsAll,
            rule.IcmpTypes.IsAll ? null : IcmpTypes is not null && PacketKind.IsIcmp(Protocol) && rule.IcmpTypes.Covers(IcmpTypes));
    }
}
