using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules;

/// <summary>
/// An immutable, compiled snapshot of all rules. Made off the path by <see cref="PolicyCompiler"/>, swapped by one reference, read by
/// every worker once per batch.
/// </summary>
public sealed class Policy
{
    private readonly Access _transit;

    internal Policy(
        uint version, RuleCatalog catalog, IReadOnlyList<NetworkSecurityGroup> groups, IReadOnlyList<CompiledGroup> compiled,
        ChainMap chains, PolicyOptions options)
    {
        Version = version;
        Catalog = catalog;
        Groups = groups;
        Compiled = compiled;
        Chains = chains;
        Options = options;
        FlushConnection = groups.Any(group => group.FlushConnection);
        _transit = options.Transit;
    }

    /// <summary>The number that the compiler was given; flow records remember it.</summary>
    public uint Version { get; }

    /// <summary>True if any group asks that its flows be judged again when rules change.</summary>
    public bool FlushConnection { get; }

    /// <summary>Turns rule numbers into names.</summary>
    public RuleCatalog Catalog { get; }

    /// <summary>The groups that the policy was made of.</summary>
    public IReadOnlyList<NetworkSecurityGroup> Groups { get; }

    /// <summary>What the policy was compiled with.</summary>
    public PolicyOptions Options { get; }

    internal IReadOnlyList<CompiledGroup> Compiled { get; }

    internal ChainMap Chains { get; }

    /// <summary>A policy that denies everything: what an appliance runs with until it has rules.</summary>
    public static Policy DenyAll(RuleCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ResolvedRule Deny(RuleDirection direction)
        {
            SecurityRule rule = DefaultRules.All.Last(candidate => candidate.Direction == direction);
            int number = catalog.Add(new RuleIdentity(NoRulesGroup, rule.Name, true, direction));
            return new ResolvedRule(rule, number, AddressSet.All, AddressSet.All);
        }

        CompiledGroup group = new(
            new NetworkSecurityGroup { Name = NoRulesGroup },
            NoRulesGroup,
            new LinearClassifier([Deny(RuleDirection.Inbound)]),
            new LinearClassifier([Deny(RuleDirection.Outbound)]));
        PolicyOptions options = new();
        ChainMap chains = new(AddressSet.From(options.VirtualNetwork), new GroupChain([new ChainStep(group, PolicyCompiler.AllProtected)]));
        return new Policy(0, catalog, [], [group], chains, options);
    }

    /// <summary>
    /// Judges the first packet of a flow. Inbound and outbound packets pass the chain of their inside address; packets between two
    /// inside addresses pass the sender's outbound chain, then the receiver's inbound chain, and both must allow. The rule is the
    /// one that denied, or the last one that allowed. Never allocates, never throws.
    /// </summary>
    public RuleMatch Evaluate(in PacketInfo packet)
    {
        GroupChain? sender = Chains.Find(packet.Source);
        GroupChain? receiver = Chains.Find(packet.Destination);
        int rule;
        Access access;
        if (sender is null)
        {
            if (receiver is null) return new RuleMatch(_transit, RuleCatalog.None, TrafficDirection.Transit);
            access = receiver.Judge(RuleDirection.Inbound, in packet, out rule);
            return new RuleMatch(access, rule, TrafficDirection.Inbound);
        }

        access = sender.Judge(RuleDirection.Outbound, in packet, out rule);
        if (receiver is null) return new RuleMatch(access, rule, TrafficDirection.Outbound);
        if (access == Access.Deny) return new RuleMatch(access, rule, TrafficDirection.Intra);
        access = receiver.Judge(RuleDirection.Inbound, in packet, out int inboundRule);
        // A receiver without any group allows by no rule; then the sender's rule is the last that allowed.
        return new RuleMatch(access, inboundRule == RuleCatalog.None ? rule : inboundRule, TrafficDirection.Intra);
    }

    /// <summary>
    /// True if a flow between these addresses is to be judged again, because a group on its way asks for it: not only the one that
    /// allowed it last, which is all that a flow record remembers. A flow between addresses that are no longer protected is judged
    /// again if any group asks. Never allocates.
    /// </summary>
    public bool FlushesFlowsBetween(IpAddress source, IpAddress destination)
    {
        if (!FlushConnection) return false;
        GroupChain? sender = Chains.Find(source);
        GroupChain? receiver = Chains.Find(destination);
        return (sender is null && receiver is null) || sender?.FlushConnection == true || receiver?.FlushConnection == true;
    }

    /// <summary>The groups that a protected address is under, in the inbound order; none if it is not protected or no group applies.</summary>
    public IReadOnlyList<NetworkSecurityGroup> GroupsOf(IpAddress address) =>
        Chains.Find(address) is { } chain ? [.. chain.Steps.Select(step => step.Group.Group)] : [];

    /// <summary>How a packet between these addresses lies to the protected network. Never allocates.</summary>
    public TrafficDirection DirectionOf(IpAddress source, IpAddress destination)
    {
        bool fromInside = Chains.Find(source) is not null;
        bool toInside = Chains.Find(destination) is not null;
        return fromInside
            ? toInside ? TrafficDirection.Intra : TrafficDirection.Outbound
            : toInside ? TrafficDirection.Inbound : TrafficDirection.Transit;
    }

    private const string NoRulesGroup = "no-rules-loaded";
}
