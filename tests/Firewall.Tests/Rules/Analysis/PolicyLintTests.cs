using CsCheck;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;
using Firewall.Core.Rules.Classification;
using Firewall.Tests.Rules.Classification;
using Xunit;

namespace Firewall.Tests.Rules.Analysis;

public class PolicyLintTests
{
    [Fact]
    public void A_sound_group_has_no_findings() => Assert.Empty(Lint(
        Sample.Rule("allow-web", 200, source: "Internet"), Sample.Rule("deny-all", 4096, access: "Deny", protocol: "*", destinationPort: "*"),
        Sample.Rule("no-mail", 100, "Outbound", "Deny", destinationPort: "25")));

    [Fact]
    public void A_rule_covered_by_one_earlier_rule_is_never_reached()
    {
        LintFinding finding = Assert.Single(Lint(Sample.Rule("wide", 100, destinationPort: "440-444"), Sample.Rule("narrow", 200, source: "203.0.113.0/24")));
        Assert.Equal((LintKind.NeverReached, "narrow"), (finding.Kind, finding.Rule?.Name));
        Assert.Equal(["wide"], finding.Others.Select(other => other.Name));
    }

    [Fact]
    public void A_rule_covered_by_several_rules_together_is_never_reached()
    {
        // The first half says what the rule itself would say, so it could go as well; that is the other finding.
        IReadOnlyList<LintFinding> findings = Lint(
            Sample.Rule("low", 100, source: "203.0.113.0/25"), Sample.Rule("high", 110, source: "203.0.113.128/25", access: "Deny"),
            Sample.Rule("both", 200, source: "203.0.113.0/24"));
        Assert.Equal([(LintKind.Redundant, "low"), (LintKind.NeverReached, "both")], findings.Select(each => (each.Kind, each.Rule!.Name)));
        LintFinding finding = findings[1];
        Assert.Equal(["low", "high"], finding.Others.Select(other => other.Name));
    }

    [Fact]
    public void A_rule_that_is_always_overruled_is_a_contradiction()
    {
        LintFinding finding = Assert.Single(Lint(Sample.Rule("closed", 100, access: "Deny", destinationPort: "*", protocol: "*"), Sample.Rule("open", 200)));
        Assert.Equal((LintKind.Contradiction, "open"), (finding.Kind, finding.Rule?.Name));
    }

    [Fact]
    public void A_rule_whose_packets_would_be_decided_alike_is_redundant()
    {
        LintFinding finding = Assert.Single(Lint(Sample.Rule("one", 100, source: "203.0.113.7"), Sample.Rule("all", 200, source: "203.0.113.0/24")));
        Assert.Equal((LintKind.Redundant, "one"), (finding.Kind, finding.Rule?.Name));
        Assert.Equal(["all"], finding.Others.Select(other => other.Name));
    }

    [Fact]
    public void A_rule_that_differs_for_one_address_only_is_neither()
    {
        Assert.Empty(Lint(
            Sample.Rule("almost", 100, source: "203.0.113.0/25"), Sample.Rule("rest", 110, source: "203.0.113.128/26"),
            Sample.Rule("all", 200, source: "203.0.113.0/24", access: "Deny"), Sample.Rule("wider", 300, source: "203.0.0.0/16")));
    }

    [Theory]
    [InlineData("203.0.113.9", "203.0.113.7", "Tcp", "443", RuleConditions.Destination)]
    [InlineData("203.0.113.9", "*", "Icmp", "443", RuleConditions.Ports)]
    [InlineData("203.0.113.9", "2001:db8::7", "Tcp", "443", RuleConditions.Destination)]
    [InlineData("2001:db8::9", "10.0.0.4", "Tcp", "443", RuleConditions.Destination)]
    [InlineData("2001:db8:9::9", "10.0.0.4", "Tcp", "443", RuleConditions.Destination)]
    [InlineData("203.0.113.9", "203.0.113.7", "Esp", "443", RuleConditions.Ports | RuleConditions.Destination)]
    public void A_rule_that_fits_nothing_comes_with_the_nearest_packet_and_what_it_misses(
        string source, string destination, string protocol, string port, RuleConditions misses)
    {
        LintFinding finding = Assert.Single(Lint(Sample.Rule("lost", 100, protocol: protocol, source: source, destination: destination, destinationPort: port)));
        Assert.Equal((LintKind.NeverMatches, misses, "DenyAllInBound"), (finding.Kind, finding.Misses, Assert.Single(finding.Others).Name));
        if (!misses.HasFlag(RuleConditions.Source)) Assert.Equal(source, finding.Witness.Source.ToString());
        if (!misses.HasFlag(RuleConditions.Ports)) Assert.Equal(port, $"{finding.Witness.DestinationPort}");
    }

    [Fact]
    public void A_group_that_nothing_is_under_is_linted_all_the_same()
    {
        RuleFile file = Sample.Read("""
            [{"name":"on","properties":{"securityRules":[],"subnets":[{"id":"web"}]}},
             {"name":"off","properties":{"securityRules":[
               {"name":"door","properties":{"protocol":"Tcp","access":"Allow","direction":"Inbound","priority":100,"sourcePortRange":"*","destinationPortRange":"22","sourceAddressPrefix":"*","destinationAddressPrefix":"*"}}],
               "subnets":[{"id":"gone"}]}},
             {"name":"web","type":"Microsoft.Network/virtualNetworks/subnets","properties":{"addressPrefix":"10.0.0.0/24"}},
             {"name":"gone","type":"Microsoft.Network/virtualNetworks/subnets","properties":{"addressPrefixes":[]}}]
            """);
        Policy policy = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1).Policy!;
        LintFinding finding = Assert.Single(PolicyLint.Lint(policy));
        Assert.Equal((LintKind.ManagementPortOpen, "door"), (finding.Kind, finding.Rule?.Name));
    }

    [Theory]
    [InlineData("*", "22", true)]
    [InlineData("Internet", "0-65535", true)]
    [InlineData("0.0.0.0/0", "3389", true)]
    [InlineData("::/0", "22", true)]
    [InlineData("203.0.113.0/24", "22", false)]
    [InlineData("VirtualNetwork", "9022", false)]
    [InlineData("*", "443", false)]
    public void A_management_port_open_to_the_internet_is_found(string source, string port, bool isFound)
    {
        IReadOnlyList<LintFinding> findings = Lint(Sample.Rule("door", 100, source: source, destinationPort: port));
        Assert.Equal(isFound, findings.Any(finding => finding.Kind == LintKind.ManagementPortOpen));
    }

    [Theory]
    [InlineData("Udp", "22", "")]
    [InlineData("Udp", "0-65535", "3389")]
    [InlineData("Udp", "3389", "3389")]
    [InlineData("Tcp", "22", "22")]
    [InlineData("*", "22-23", "22, 23")]
    public void Over_UDP_only_RDP_is_managed(string protocol, string port, string ports)
    {
        // A rule of the other protocol keeps the two apart.
        IReadOnlyList<LintFinding> findings = Lint(Sample.Rule("door", 100, protocol: protocol, destinationPort: port), Sample.Rule("other", 110, protocol: protocol == "Udp" ? "Tcp" : "Udp", destinationPort: "9"));
        LintFinding[] open = [.. findings.Where(finding => finding.Kind == LintKind.ManagementPortOpen)];
        if (ports.Length == 0)
        {
            Assert.Empty(open);
            return;
        }

        Assert.Contains($"reach port {ports}.", Assert.Single(open).Message, StringComparison.Ordinal);
        Assert.Equal(protocol == "Udp" ? IpProtocol.Udp : IpProtocol.Tcp, open[0].Witness.Protocol);
    }

    [Fact]
    public void A_management_port_that_an_earlier_rule_closes_is_not_open() =>
        Assert.DoesNotContain(LintKind.ManagementPortOpen, Lint(
            Sample.Rule("closed", 100, access: "Deny", source: "Internet", destinationPort: "22"),
            Sample.Rule("door", 200, destinationPort: "22", source: "*")).Select(finding => finding.Kind));

    [Fact]
    public void A_Deny_behind_an_Allow_that_it_crosses_is_found_once_with_a_packet_that_both_fit()
    {
        LintFinding finding = Assert.Single(Lint(
            Sample.Rule("web", 100), Sample.Rule("mail", 110, destinationPort: "25"),
            Sample.Rule("block", 200, access: "Deny", protocol: "*", source: "203.0.113.0/24", destinationPort: "*")), finding => finding.Kind != LintKind.Redundant);
        Assert.Equal((LintKind.DenyOverruledInPart, LintSeverity.Warning, "block"), (finding.Kind, finding.Severity, finding.Rule?.Name));
        Assert.Equal(["web", "mail"], finding.Others.Select(other => other.Name));
        Assert.Equal(("203.0.113.10", 443), (finding.Witness.Source.ToString(), finding.Witness.DestinationPort));
    }

    [Fact]
    public void A_list_of_blocked_addresses_before_what_it_takes_from_is_information()
    {
        LintFinding finding = Assert.Single(Lint(
            Sample.Rule("block", 100, access: "Deny", protocol: "*", source: "203.0.113.0/24", destinationPort: "*"),
            Sample.Rule("web", 200), Sample.Rule("mail", 210, destinationPort: "25")));
        Assert.Equal((LintKind.AllowOverruledInPart, LintSeverity.Information, "block"), (finding.Kind, finding.Severity, finding.Rule?.Name));
        Assert.Equal(["web", "mail"], finding.Others.Select(other => other.Name));
    }

    [Fact]
    public void Exceptions_and_the_usual_last_rules_contradict_nothing() => Assert.All(Lint(
        Sample.Rule("not-this-one", 100, access: "Deny", source: "203.0.113.7"), Sample.Rule("partner", 110, source: "203.0.113.0/24"),
        Sample.Rule("not-the-others", 120, access: "Deny", source: "203.0.0.0/16"), Sample.Rule("web", 130, source: "Internet"),
        Sample.Rule("dns", 200, protocol: "Udp", source: "VirtualNetwork", destination: "10.0.0.53", destinationPort: "53"),
        Sample.Rule("no-network", 4000, access: "Deny", protocol: "*", source: "VirtualNetwork", destinationPort: "*"),
        Sample.Rule("deny-all", 4096, access: "Deny", protocol: "*", destinationPort: "*")), finding => Assert.Equal(LintKind.Redundant, finding.Kind));

    [Fact]
    public void An_empty_application_security_group_is_found_with_its_rule()
    {
        string rule = Sample.Rule("to-web", 100).Replace("\"destinationAddressPrefix\":\"*\"", """ "destinationApplicationSecurityGroups":[{"id":"asg-web"}] """, StringComparison.Ordinal);
        Policy policy = PolicyCompiler.Compile(Sample.Good(Sample.Group(rule)), new PolicyOptions(), new RuleCatalog(), 1).Policy!;
        LintFinding finding = Assert.Single(PolicyLint.Lint(policy));
        Assert.Equal((LintKind.EmptyApplicationSecurityGroup, "to-web"), (finding.Kind, finding.Rule?.Name));
        Assert.Contains("asg-web", finding.Message, StringComparison.Ordinal);
        Assert.Equal((RuleConditions.Destination, "DenyAllInBound"), (finding.Misses, Assert.Single(finding.Others).Name));
        Assert.Equal(443, finding.Witness.DestinationPort);
        ConfirmNearMiss(policy, finding);
    }

    [Fact]
    public void Rules_for_different_ICMP_types_do_not_cover_each_other()
    {
        IReadOnlyList<LintFinding> findings = Lint(Sample.Icmp("echo", 100, "8"), Sample.Icmp("stamp", 110, "13"), Sample.Icmp("echo-again", 120, "8/0"));
        LintFinding finding = Assert.Single(findings);
        Assert.Equal((LintKind.NeverReached, "echo-again"), (finding.Kind, finding.Rule?.Name));
        Assert.Equal((8, 0), (finding.Witness.IcmpType, finding.Witness.IcmpCode));
    }

    [Fact]
    public void A_virtual_network_that_is_everything_is_found()
    {
        Policy policy = Sample.Compile("""{"name":"n","properties":{"securityRules":[]}}""", new PolicyOptions { VirtualNetwork = [Sample.Prefix("0.0.0.0/0")] });
        LintFinding finding = Assert.Single(PolicyLint.Lint(policy));
        Assert.Equal((LintKind.VirtualNetworkWidened, "AllowVnetInBound"), (finding.Kind, Assert.Single(finding.Others).Name));
        PacketInfo witness = finding.Witness;
        Assert.Equal("203.0.113.10", witness.Source.ToString());
        IReadOnlyList<ResolvedRule> inbound = policy.Compiled[0].Inbound.Rules;
        Assert.Equal("AllowVnetInBound", inbound[new LinearClassifier(inbound).Classify(in witness)].Rule.Name);
    }

    [Fact]
    public void A_wide_virtual_network_behind_closed_doors_shows_what_gets_out_or_what_decides()
    {
        PolicyOptions wide = new() { VirtualNetwork = [Sample.Prefix("::/0")] };
        string shut = Sample.Rule("shut", 4096, access: "Deny", protocol: "*", destinationPort: "*");
        LintFinding finding = PolicyLint.Lint(Sample.Compile(Sample.Group(shut), wide)).First(each => each.Kind == LintKind.VirtualNetworkWidened);
        Assert.Equal("AllowVnetOutBound", Assert.Single(finding.Others).Name);
        string within = Sample.Rule("within", 4096, "Outbound", "Deny", protocol: "*", destinationPort: "*");
        finding = PolicyLint.Lint(Sample.Compile(Sample.Group(shut, within), wide)).First(each => each.Kind == LintKind.VirtualNetworkWidened);
        Assert.Equal("shut", Assert.Single(finding.Others).Name);
        Assert.False(finding.Witness.Source.IsIPv4);
    }

    [Fact]
    public void Findings_on_random_rules_are_true_for_every_packet_tried_and_every_witness()
    {
        int found = 0;
        int crossed = 0;
        Gen.ULong.Sample(seed =>
        {
            RandomRules random = new(seed);
            List<ResolvedRule> rules = random.Rules((int)(seed % 25) + 1);
            Policy policy = RandomPolicy.Of(rules);
            IReadOnlyList<LintFinding> findings = PolicyLint.Lint(policy);
            LinearClassifier linear = new(rules);
            Dictionary<string, LintFinding> byName = findings.Where(finding => finding.Kind <= LintKind.NeverMatches).ToDictionary(finding => finding.Rule!.Name);
            HashSet<string> reached = [];
            foreach (LintFinding finding in byName.Values)
            {
                Interlocked.Increment(ref found);
                if (finding.Kind == LintKind.NeverMatches)
                {
                    ConfirmNearMiss(policy, finding);
                    continue;
                }

                PacketInfo witness = finding.Witness;
                ResolvedRule own = rules.Find(rule => rule.Rule.Name == finding.Rule!.Name)!;
                Assert.True(own.Matches(in witness), $"seed {seed}: the witness does not fit {finding.Message}");
                ResolvedRule decider = rules[linear.Classify(in witness)];
                Assert.Equal(finding.Kind == LintKind.Redundant, decider == own);
                if (finding.Kind == LintKind.Contradiction) Assert.NotEqual(own.Rule.Access, decider.Rule.Access);
            }

            foreach (LintFinding finding in findings.Where(finding => finding.Kind is LintKind.DenyOverruledInPart or LintKind.AllowOverruledInPart))
            {
                Interlocked.Increment(ref crossed);
                PacketInfo witness = finding.Witness;
                ResolvedRule deny = rules.Find(rule => rule.Rule.Name == finding.Rule!.Name)!;
                ResolvedRule allow = rules.Find(rule => rule.Rule.Name == finding.Others[0].Name)!;
                Assert.True(deny.Matches(in witness) && allow.Matches(in witness), $"seed {seed}: {finding.Message}");
                Assert.Equal((Access.Deny, Access.Allow), (deny.Rule.Access, allow.Rule.Access));
                Assert.Equal(finding.Kind == LintKind.AllowOverruledInPart ? deny : allow, rules[linear.Classify(in witness)]);
            }

            for (int i = 0; i < 2000; i++)
            {
                PacketInfo packet = random.Packet();
                int first = linear.Classify(in packet);
                ResolvedRule decider = rules[first];
                LintFinding? finding = byName.GetValueOrDefault(decider.Rule.Name);
                Assert.True(finding is null or { Kind: LintKind.Redundant }, $"seed {seed}: {finding?.Message} but it decides {packet.Source} -> {packet.Destination}");
                if (finding is null) continue;
                int second = new LinearClassifier(rules.Skip(first + 1)).Classify(in packet);
                Assert.True(second >= 0 && rules[first + 1 + second].Rule.Access == decider.Rule.Access, $"seed {seed}: {finding.Message}");
                Assert.Contains(rules[first + 1 + second].Rule.Name, finding.Others.Select(other => other.Name));
            }
        }, iter: 150);
        Assert.True(found > 50 && crossed > 50, "the rules never gave a finding, so nothing was tested");
    }

    private static IReadOnlyList<LintFinding> Lint(params string[] rules)
    {
        RuleFile file = Sample.Read(Sample.Group(rules));
        Assert.False(file.HasErrors);
        Policy policy = PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;
        IReadOnlyList<LintFinding> findings = PolicyLint.Lint(policy);
        foreach (LintFinding finding in findings)
        {
            if (finding.Misses != RuleConditions.None)
            {
                ConfirmNearMiss(policy, finding);
                continue;
            }

            PacketInfo witness = finding.Witness;
            Assert.NotEqual(TrafficDirection.Transit, policy.DirectionOf(witness.Source, witness.Destination));
            Explanation explanation = PolicyExplainer.Explain(policy, in witness);
            RuleEvaluation decider = explanation.Groups.Last(group => group.Direction == finding.Rule!.Direction).MatchedRule!;
            bool isDecider = finding.Kind is LintKind.Redundant or LintKind.ManagementPortOpen or LintKind.AllowOverruledInPart;
            Assert.Equal(isDecider, decider.Identity == finding.Rule);
        }

        return findings;
    }

    /// <summary>By the linear matcher: the rule misses the packet, would fit it without the conditions it is said to miss, and the named rule decides it.</summary>
    private static void ConfirmNearMiss(Policy policy, LintFinding finding)
    {
        PacketInfo witness = finding.Witness;
        Assert.NotEqual(TrafficDirection.Transit, policy.DirectionOf(witness.Source, witness.Destination));
        IReadOnlyList<ResolvedRule> rules = finding.Rule!.Direction == RuleDirection.Inbound ? policy.Compiled[0].Inbound.Rules : policy.Compiled[0].Outbound.Rules;
        ResolvedRule own = rules.First(rule => rule.Rule.Name == finding.Rule.Name);
        Assert.False(own.Matches(in witness));
        SecurityRule given = own.Rule;
        bool misses(RuleConditions condition) => finding.Misses.HasFlag(condition);
        ResolvedRule relaxed = new(
            new SecurityRule
            {
                Name = given.Name,
                Protocol = misses(RuleConditions.Protocol) ? RuleProtocol.Any : given.Protocol,
                Source = given.Source,
                SourcePorts = misses(RuleConditions.Ports) ? [PortRange.Any] : given.SourcePorts,
                Destination = given.Destination,
                DestinationPorts = misses(RuleConditions.Ports) ? [PortRange.Any] : given.DestinationPorts,
                IcmpTypes = misses(RuleConditions.Protocol) ? [] : given.IcmpTypes,
                Access = given.Access,
                Priority = given.Priority,
                Direction = given.Direction,
            },
            own.Number,
            misses(RuleConditions.Source) ? AddressSet.All : own.Source,
            misses(RuleConditions.Destination) ? AddressSet.All : own.Destination);
        Assert.True(relaxed.Matches(in witness));
        Assert.Equal(Assert.Single(finding.Others).Name, rules[new LinearClassifier(rules).Classify(in witness)].Rule.Name);
    }
}
