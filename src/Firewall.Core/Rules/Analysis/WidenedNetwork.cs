using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>Finds out whether the tag VirtualNetwork covers strangers, and shows a packet of one that it lets in.</summary>
internal static class WidenedNetwork
{
    private const string Tag = "VirtualNetwork";

    // 2000::/3, all that is given out of IPv6.
    private static readonly IntervalSet<UInt128> s_public6 = IntervalSet<UInt128>.Of(UInt128.One << 125, (UInt128.One << 126) - 1);

    // Nobody's public address: this host, private, shared, loopback, link-local, multicast and reserved (RFC 6890).
    private static readonly IntervalSet<uint> s_public4 = IntervalSet<uint>.From(
    [
        (0x0000_0000, 0x00FF_FFFF), (0x0A00_0000, 0x0AFF_FFFF), (0x6440_0000, 0x647F_FFFF), (0x7F00_0000, 0x7FFF_FFFF),
        (0xA9FE_0000, 0xA9FE_FFFF), (0xAC10_0000, 0xAC1F_FFFF), (0xC0A8_0000, 0xC0A8_FFFF), (0xE000_0000, 0xFFFF_FFFF),
    ]).Complement();

    /// <summary>The finding, or null if the virtual network is no wider than half of the internet.</summary>
    public static LintFinding? Find(Policy policy)
    {
        AddressSet network = AddressSet.From(policy.Options.EffectiveVirtualNetwork);
        if (PolicyLint.Size(network.V4) <= uint.MaxValue / 2 && !network.V6.Covers(s_public6)) return null;
        AddressSet strangers = network.Intersect(AddressSet.Of(s_public4, s_public6));
        (PacketInfo packet, RuleIdentity? decider) = WitnessOf(policy, strangers);
        return new LintFinding(
            LintKind.VirtualNetworkWidened, null, RuleOrigin.None, decider is null ? [] : [decider],
            "The virtual network's address space covers most public addresses: the tag VirtualNetwork, and with it the default rules AllowVnetInBound and AllowVnetOutBound, allow everybody. Give the real address space.",
            packet);
    }

    /// <summary>From a stranger: best one that a rule for the tag lets in, else one to a stranger that such a rule lets out, else any.</summary>
    private static (PacketInfo Packet, RuleIdentity? Decider) WitnessOf(Policy policy, AddressSet strangers)
    {
        List<(CompiledGroup Group, AddressSet Covered)> groups =
            [.. policy.Compiled.Select(group => (group, PolicyLint.CoveredBy(policy, group))).Where(entry => !entry.Item2.IsEmpty)];
        foreach (bool mustShow in (bool[])[true, false])
        {
            foreach ((CompiledGroup group, AddressSet covered) in groups)
            {
                if (FindIn(policy, group.Inbound.Rules, strangers, covered, rule => !mustShow || Admits(rule, rule.Rule.Source)) is { } arriving) return arriving;
                if (FindIn(policy, group.Outbound.Rules, covered, strangers, rule => !mustShow || Admits(rule, rule.Rule.Destination)) is { } leaving) return leaving;
            }
        }

        // No group covers anything, so nothing but the addresses can be shown.
        IpAddress stranger = strangers.V4.IsEmpty ? IpAddress.FromBits(strangers.V6.Firsts[0]) : IpAddress.FromIPv4(strangers.V4.Firsts[0]);
        return (new PacketInfo { Protocol = IpProtocol.Tcp, Source = stranger, Destination = stranger, SourcePort = 50_000, DestinationPort = 443 }, null);
    }

    private static bool Admits(ResolvedRule rule, AddressSelector side) =>
        rule.Rule.Access == Access.Allow && string.Equals(side.ServiceTag, Tag, StringComparison.OrdinalIgnoreCase);

    private static (PacketInfo, RuleIdentity?)? FindIn(
        Policy policy, IReadOnlyList<ResolvedRule> rules, AddressSet sources, AddressSet destinations, Func<ResolvedRule, bool> isWanted)
    {
        (PacketInfo, RuleIdentity?)? found = null;
        foreach (bool isIPv4 in (bool[])[true, false])
        {
            RuleSpace space = new([rules], sources, destinations, isIPv4, keep: 1);
            RuleWalk? walk = null;
            walk = new RuleWalk(space, (path, left) =>
            {
                int first = RuleSpace.FirstOf(left, 0, rules.Count);
                if (first < 0 || !isWanted(rules[first])) return;
                found = (space.Witness(path), PolicyLint.Identity(policy, rules[first]));
                walk?.Stop();
            });
            walk.Run();
            if (found is not null) return found;
        }

        return null;
    }
}
