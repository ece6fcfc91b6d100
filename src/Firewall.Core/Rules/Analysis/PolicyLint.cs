using System.Globalization;
using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// Finds rules that do nothing, rules that contradict each other, and doors that stand open, by exact reasoning over all packets that
/// each group is asked about.
/// </summary>
public static class PolicyLint
{
    // The only one of the ports that is managed over UDP as well.
    private const ushort Rdp = 3389;

    /// <summary>TCP ports that administrators use and strangers try: SSH, telnet, SMB, SQL Server, MySQL, RDP, PostgreSQL, WinRM, Redis, MongoDB.</summary>
    public static IReadOnlyList<ushort> ManagementPorts { get; } = [22, 23, 445, 1433, 3306, Rdp, 5432, 5985, 5986, 6379, 27017];

    /// <summary>All findings, in the order of groups and rules.</summary>
    public static IReadOnlyList<LintFinding> Lint(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        List<LintFinding> findings = [];
        TagResolver tags = new(policy.Options);
        if (WidenedNetwork.Find(policy) is { } widened) findings.Add(widened);
        foreach (CompiledGroup group in policy.Compiled)
        {
            // A group that nothing is known to be under is judged as if everything protected were: that is how it was read, too.
            AddressSet covered = CoveredBy(policy, group) is { IsEmpty: false } known ? known : AddressSet.From(policy.Options.EffectiveVirtualNetwork);
            LintList(policy, tags, group.Inbound.Rules, AddressSet.All, covered, findings);
            LintList(policy, tags, group.Outbound.Rules, covered, AddressSet.All, findings);
            CheckManagementPorts(policy, group.Inbound.Rules, covered, findings);
        }

        return findings;
    }

    /// <summary>The addresses that are known to be under a group.</summary>
    internal static AddressSet CoveredBy(Policy policy, CompiledGroup group)
    {
        AddressSet covered = AddressSet.Empty;
        foreach ((AddressSet addresses, GroupChain chain) in policy.Chains.Entries)
        {
            if (chain.Steps.Any(step => step.Group == group)) covered = covered.Union(addresses);
        }

        return covered;
    }

    internal static RuleIdentity Identity(Policy policy, ResolvedRule rule) =>
        policy.Catalog[rule.Number] ?? throw new InvalidOperationException("A rule of the policy is not in its catalog.");

    private static void LintList(
        Policy policy, TagResolver tags, IReadOnlyList<ResolvedRule> rules, AddressSet sources, AddressSet destinations, List<LintFinding> findings)
    {
        RuleSpace[] spaces =
        [
            new RuleSpace([rules], sources, destinations, isIPv4: true, keep: 2),
            new RuleSpace([rules], sources, destinations, isIPv4: false, keep: 2),
        ];
        PacketInfo?[] decides = new PacketInfo?[rules.Count];
        bool[] isNeeded = new bool[rules.Count];
        SortedSet<int>[] successors = [.. rules.Select(_ => new SortedSet<int>())];
        RuleCrossings crossings = new(rules, sources, destinations);
        foreach (RuleSpace space in spaces)
        {
            new RuleWalk(space, (path, left) =>
            {
                int first = RuleSpace.FirstOf(left, 0, rules.Count);
                if (first < 0) return;
                if (decides[first] is null) decides[first] = space.Witness(path);
                left[first / 64] &= ~(1UL << (first % 64));
                int second = RuleSpace.FirstOf(left, 0, rules.Count);
                bool isNeededHere = second < 0 || rules[second].Rule.Access != rules[first].Rule.Access;
                if (isNeededHere && second >= 0 && crossings.IsNew(first, second)) crossings.Add(first, second, space.Witness(path));
                isNeeded[first] |= isNeededHere;
                if (!isNeeded[first]) successors[first].Add(second);
            }).Run();
        }

        for (int i = 0; i < rules.Count; i++)
        {
            ResolvedRule rule = rules[i];
            // The default rules cannot be removed, so nothing about them can be mended.
            if (rule.Rule.IsDefault) continue;
            string[] empty = [.. tags.EmptyGroupsOf(rule.Rule.Source), .. tags.EmptyGroupsOf(rule.Rule.Destination)];
            if (empty.Length > 0) findings.Add(EmptyGroups(policy, rules, i, spaces, empty));
            else if (decides[i] is not { } decided) findings.Add(Unreached(policy, rules, i, spaces));
            else if (!isNeeded[i]) findings.Add(Redundant(policy, rules, i, successors[i], decided));
            if (rule.Rule.Access == Access.Deny) AddCrossings(policy, rules, i, crossings, findings);
        }
    }

    private static LintFinding EmptyGroups(Policy policy, IReadOnlyList<ResolvedRule> rules, int rule, RuleSpace[] spaces, string[] empty)
    {
        NearMiss near = NearMiss.Find(spaces, rule);
        return new LintFinding(
            LintKind.EmptyApplicationSecurityGroup, Identity(policy, rules[rule]), rules[rule].Rule.Origin, [Identity(policy, rules[near.Decider])],
            $"Rule {rules[rule].Rule.Name} names {string.Join(", ", empty.Distinct(StringComparer.OrdinalIgnoreCase))}, of which no member is known: the whole rule is not effective. Give the network interfaces that are its members, or remove it from the rule.",
            near.Packet)
        {
            Misses = near.Misses,
        };
    }

    /// <summary>At most two findings for each rule that denies, however many rules it crosses.</summary>
    private static void AddCrossings(Policy policy, IReadOnlyList<ResolvedRule> rules, int deny, RuleCrossings crossings, List<LintFinding> findings)
    {
        SecurityRule self = rules[deny].Rule;
        Add(crossings.EarlierThan(deny), LintKind.DenyOverruledInPart, names =>
            $"Rule {self.Name} says Deny, but {names} before it allows a part of what it fits, and neither is an exception from the other. Put the one first that is to count there.");
        Add(crossings.LaterThan(deny), LintKind.AllowOverruledInPart, names =>
            $"Rule {self.Name} denies a part of what {names} behind it would allow, and neither is an exception from the other.");

        void Add(SortedDictionary<int, PacketInfo> crossed, LintKind kind, Func<string, string> message)
        {
            if (crossed.Count == 0) return;
            findings.Add(new LintFinding(
                kind, Identity(policy, rules[deny]), self.Origin, [.. crossed.Keys.Select(i => Identity(policy, rules[i]))],
                message(Names(rules, [.. crossed.Keys])), crossed.First().Value));
        }
    }

    private static LintFinding Unreached(Policy policy, IReadOnlyList<ResolvedRule> rules, int rule, RuleSpace[] spaces)
    {
        SortedSet<int> deciders = [];
        PacketInfo? witness = null;
        bool isContradiction = true;
        foreach (RuleSpace space in spaces)
        {
            new RuleRegionWalk(space, rule, (path, first) =>
            {
                deciders.Add(first);
                isContradiction &= rules[first].Rule.Access != rules[rule].Rule.Access;
                witness ??= space.Witness(path);
            }).Run();
        }

        SecurityRule self = rules[rule].Rule;
        if (witness is not { } packet)
        {
            NearMiss near = NearMiss.Find(spaces, rule);
            return new LintFinding(
                LintKind.NeverMatches, Identity(policy, rules[rule]), self.Origin, [Identity(policy, rules[near.Decider])],
                $"Rule {self.Name} fits no packet that its group is asked about: {(self.Direction == RuleDirection.Inbound ? "no protected address is among its destinations" : "no protected address is among its sources")}, or one of its sides has no addresses.",
                near.Packet)
            {
                Misses = near.Misses,
            };
        }

        string names = Names(rules, deciders);
        string message = isContradiction
            ? $"Rule {self.Name} says {self.Access}, but every packet that it fits is decided the other way by {names}."
            : $"Rule {self.Name} is never reached: every packet that it fits is decided by {names}.";
        return new LintFinding(
            isContradiction ? LintKind.Contradiction : LintKind.NeverReached,
            Identity(policy, rules[rule]), self.Origin, [.. deciders.Select(i => Identity(policy, rules[i]))], message, packet);
    }

    private static LintFinding Redundant(Policy policy, IReadOnlyList<ResolvedRule> rules, int rule, SortedSet<int> successors, PacketInfo witness)
    {
        SecurityRule self = rules[rule].Rule;
        return new LintFinding(
            LintKind.Redundant, Identity(policy, rules[rule]), self.Origin, [.. successors.Select(i => Identity(policy, rules[i]))],
            $"Rule {self.Name} changes nothing: without it, {Names(rules, successors)} would {self.Access} the same packets.", witness);
    }

    private static void CheckManagementPorts(Policy policy, IReadOnlyList<ResolvedRule> rules, AddressSet covered, List<LintFinding> findings)
    {
        AddressSet internet = AddressSet.From([.. policy.Options.EffectiveVirtualNetwork, PolicyOptions.AzureHostAddress]).Complement();
        // A rule is open to the internet if nearly all of it is among its sources: more than half of the public addresses.
        bool[] isWide = [.. rules.Select(rule => !rule.Rule.IsDefault && rule.Rule.Access == Access.Allow && IsWide(rule.Source, internet))];
        if (!isWide.Contains(true)) return;
        Dictionary<int, (SortedSet<ushort> Ports, PacketInfo Witness)> open = [];
        foreach (bool isIPv4 in (bool[])[true, false])
        {
            RuleSpace space = new([rules], internet, covered, isIPv4, keep: 1);
            int tcp = space.ClassOfProtocol(IpProtocol.Tcp);
            int udp = space.ClassOfProtocol(IpProtocol.Udp);
            foreach (ushort port in ManagementPorts)
            {
                int portClass = space.ClassOfDestinationPort(port);
                new RuleWalk(
                    space,
                    (path, left) =>
                    {
                        int first = RuleSpace.FirstOf(left, 0, rules.Count);
                        if (first < 0 || !isWide[first]) return;
                        if (!open.TryGetValue(first, out (SortedSet<ushort> Ports, PacketInfo Witness) known))
                        {
                            open[first] = known = ([], space.Witness(path) with { DestinationPort = port });
                        }

                        known.Ports.Add(port);
                    },
                    (field, index) => field switch
                    {
                        RuleSpace.Protocol => index == tcp || (index == udp && port == Rdp),
                        RuleSpace.DestinationPort => index == portClass,
                        _ => true,
                    }).Run();
            }
        }

        foreach ((int rule, (SortedSet<ushort> ports, PacketInfo witness)) in open.OrderBy(entry => entry.Key))
        {
            string list = string.Join(", ", ports.Select(port => port.ToString(CultureInfo.InvariantCulture)));
            findings.Add(new LintFinding(
                LintKind.ManagementPortOpen, Identity(policy, rules[rule]), rules[rule].Rule.Origin, [],
                $"Rule {rules[rule].Rule.Name} lets the whole internet reach port {list}. Name the addresses that need it, or use just-in-time access.", witness));
        }
    }

    private static bool IsWide(AddressSet sources, AddressSet internet) =>
        Size(sources.V4.Intersect(internet.V4)) > Size(internet.V4) / 2
        || (!internet.V6.IsEmpty && sources.V6.Covers(IntervalSet<UInt128>.Of(UInt128.One << 125, (UInt128.One << 126) - 1)));

    internal static ulong Size(IntervalSet<uint> set)
    {
        ulong size = 0;
        for (int i = 0; i < set.Count; i++) size += set.Lasts[i] - set.Firsts[i] + 1UL;
        return size;
    }

    private static string Names(IReadOnlyList<ResolvedRule> rules, SortedSet<int> positions)
    {
        const int Shown = 5;
        string names = string.Join(", ", positions.Take(Shown).Select(i => rules[i].Rule.Name));
        return positions.Count > Shown ? string.Create(CultureInfo.InvariantCulture, $"{names} and {positions.Count - Shown} more") : names;
    }
}
