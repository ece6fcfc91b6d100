using System.Diagnostics;
using CsCheck;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;
using Firewall.Core.Rules.Classification;
using Firewall.Tests.Rules.Classification;
using Xunit;

namespace Firewall.Tests.Rules.Analysis;

public class PolicyDiffTests
{
    private static readonly string s_web = Sample.Group(Sample.Rule("web", 200, source: "203.0.113.0/24"));

    [Fact]
    public void Equal_policies_do_not_differ() => Assert.Empty(Changes(s_web, s_web));

    [Fact]
    public void Rules_written_differently_with_one_meaning_do_not_differ() => Assert.Empty(Changes(
        s_web,
        Sample.Group(
            Sample.Rule("low", 150, source: "203.0.113.0/25"), Sample.Rule("high", 160, source: "203.0.113.128/25"), Sample.Rule("nothing", 170, access: "Deny", source: "203.0.114.0/24", destinationPort: "80"))));

    [Fact]
    public void An_added_rule_opens_exactly_its_traffic()
    {
        TrafficChange change = Assert.Single(Changes(s_web, Sample.Group(Sample.Rule("web", 200, source: "203.0.113.0/24"), Sample.Rule("ssh", 300, source: "198.51.100.7", destination: "10.0.0.4", destinationPort: "22"))));
        Assert.Equal((TrafficDirection.Inbound, Access.Deny, Access.Allow), (change.NewDirection, change.OldAccess, change.NewAccess));
        Assert.Equal(("defaultSecurityRules/DenyAllInBound", "securityRules/ssh"), (change.OldRule, change.NewRule));
        Assert.Equal("Tcp 198.51.100.7/32:* -> 10.0.0.4/32:22", change.Region.ToString());
        Assert.Equal("198.51.100.7", change.Witness.Source.ToString());
    }

    [Fact]
    public void An_ICMP_type_is_told_in_the_words_of_rules()
    {
        TrafficChange opened = Assert.Single(Changes(Sample.Group(), Sample.Group(Sample.Icmp("ping", 100, "8", "203.0.113.0/24", "10.0.0.4"))));
        Assert.Equal("Icmp/8 203.0.113.0/24:* -> 10.0.0.4/32:*", opened.Region.ToString());
        Assert.Equal((8, false), (opened.Witness.IcmpType, opened.Region.IncludesTypeless));
        TrafficChange closed = Assert.Single(Changes(
            Sample.Group(Sample.Rule("icmp", 100, protocol: "Icmp", source: "203.0.113.0/24", destination: "10.0.0.4", destinationPort: "*")),
            Sample.Group(Sample.Icmp("ping", 100, "8/0", "203.0.113.0/24", "10.0.0.4"))));
        Assert.Equal("Icmp/0-7,8/1-255,9-255,later fragments 203.0.113.0/24:* -> 10.0.0.4/32:*", closed.Region.ToString());
    }

    [Fact]
    public void All_ICMP_types_one_by_one_leave_out_the_later_fragments()
    {
        TrafficChange change = Assert.Single(Changes(
            Sample.Group(Sample.Icmp("low", 100, "0-127", "203.0.113.0/24", "10.0.0.4"), Sample.Icmp("high", 110, "128-255", "203.0.113.0/24", "10.0.0.4")),
            Sample.Group(Sample.Icmp("all", 100, "0-255", "203.0.113.0/24", "10.0.0.4"))));
        Assert.Equal("Icmp/later fragments 203.0.113.0/24:* -> 10.0.0.4/32:*", change.Region.ToString());
        Assert.True(change.Witness.IsLaterFragment);
    }

    [Fact]
    public void A_narrowed_rule_closes_the_rest()
    {
        TrafficChange change = Assert.Single(Changes(s_web, Sample.Group(Sample.Rule("web", 200, source: "203.0.113.0/25"))));
        Assert.Equal((Access.Allow, Access.Deny), (change.OldAccess, change.NewAccess));
        Assert.Equal("203.0.113.128", Assert.Single(change.Region.Sources).First.ToString());
    }

    [Fact]
    public void A_rule_inside_changes_both_chains()
    {
        IReadOnlyList<TrafficChange> changes = Changes(Sample.Group(), Sample.Group(Sample.Rule("no-mail", 100, "Outbound", "Deny", destinationPort: "25")));
        Assert.Equal([TrafficDirection.Outbound, TrafficDirection.Intra], changes.Select(change => change.NewDirection).Distinct().Order());
        Assert.All(changes, change => Assert.Equal(Access.Deny, change.NewAccess));
    }

    [Fact]
    public void Protecting_other_addresses_is_a_change_of_direction()
    {
        Policy before = Sample.Compile(s_web, new PolicyOptions { VirtualNetwork = [Sample.Prefix("10.0.0.0/24")] });
        Policy after = Sample.Compile(s_web, new PolicyOptions { VirtualNetwork = [Sample.Prefix("10.0.0.0/24"), Sample.Prefix("10.0.1.0/24")] });
        PolicyDifference difference = PolicyDiff.Compare(before, after);
        Assert.Contains(difference.Changes, change => change is { OldDirection: TrafficDirection.Transit, NewDirection: TrafficDirection.Inbound, NewAccess: Access.Allow });
        Assert.True(difference.IsComplete);
    }

    [Fact]
    public void Transit_that_is_allowed_is_a_change()
    {
        PolicyDifference difference = PolicyDiff.Compare(Sample.Compile(s_web), Sample.Compile(s_web, new PolicyOptions { Transit = Access.Allow }));
        Assert.All(difference.Changes, change => Assert.Equal(TrafficDirection.Transit, change.NewDirection));
        Assert.Equal(2, difference.Changes.Count);
    }

    [Fact]
    public void Differences_of_random_policies_are_exact()
    {
        int differing = 0;
        int equal = 0;
        Gen.ULong.Sample(seed =>
        {
            RandomRules random = new(seed);
            List<ResolvedRule> inbound = random.Rules((int)(seed % 12) + 1);
            List<ResolvedRule> outbound = random.Rules((int)(seed % 5) + 1);
            // Half of the pairs differ in the order of two rules only, and are often equal.
            List<ResolvedRule> changed = (seed & 64) == 0 ? random.Rules((int)(seed % 12) + 1) : [.. inbound];
            if (changed.Count > 2) (changed[0], changed[1]) = (changed[1], changed[0]);
            AddressSet inside = (seed & 128) == 0 ? AddressSet.All : AddressSet.From([Sample.Prefix("10.0.0.0/9"), Sample.Prefix("2001:db8::/33")]);
            Policy before = RandomPolicy.Of(inbound, outbound, inside);
            Policy after = RandomPolicy.Of(changed, outbound, inside);
            PolicyDifference difference = PolicyDiff.Compare(before, after);
            if (difference.IsEmpty) Interlocked.Increment(ref equal);
            else Interlocked.Increment(ref differing);
            foreach (TrafficChange change in difference.Changes)
            {
                PacketInfo witness = change.Witness;
                Assert.True(change.Region.Contains(in witness), $"seed {seed}: the witness is not in {change.Region}");
                Assert.Equal((change.OldAccess, change.NewAccess), (Linear(before, in witness), Linear(after, in witness)));
            }

            for (int i = 0; i < 1000; i++)
            {
                PacketInfo packet = random.Packet();
                (Access was, Access becomes) = (Linear(before, in packet), Linear(after, in packet));
                TrafficChange[] regions = [.. difference.Changes.Where(change => change.Region.Contains(in packet))];
                if (was == becomes) Assert.True(regions.Length == 0, $"seed {seed}: {regions.FirstOrDefault()?.Region} has a packet that does not change");
                else if (difference.IsComplete) Assert.True(regions.Length == 1 && regions[0].NewAccess == becomes, $"seed {seed}: {regions.Length} regions have {packet.Protocol} {packet.Source}:{packet.SourcePort} -> {packet.Destination}:{packet.DestinationPort}");
            }
        }, iter: 120);
        Assert.True(equal > 3 && differing > 30, $"{equal} equal and {differing} differing pairs test too little");
    }

    [Fact]
    public void Two_groups_of_a_thousand_rules_with_every_service_tag_are_compared_in_time()
    {
        ServiceTags tags = ServiceTags.Read(File.ReadAllBytes(SharedFile.OrSkip("data/service-tags/ServiceTags_Public.json")), "tags", out _);
        NetworkSecurityGroup group = TagRules.Group(tags, 1000);
        List<SecurityRule> rules = [.. group.SecurityRules];
        rules[500] = rules[500] with { Access = rules[500].Access == Access.Allow ? Access.Deny : Access.Allow };
        rules.RemoveAt(300);
        Policy before = Compile(group);
        Policy after = Compile(group with { SecurityRules = rules });
        Stopwatch watch = Stopwatch.StartNew();
        PolicyDifference difference = PolicyDiff.Compare(before, after);
        TestContext.Current.TestOutputHelper?.WriteLine($"{difference.Changes.Count} changes in {watch.ElapsedMilliseconds} ms");
        Assert.NotEmpty(difference.Changes);
        // The aim is five seconds; a busy shared machine and a debug build get more.
        Assert.InRange(watch.ElapsedMilliseconds, 0, 30_000);

        Policy Compile(NetworkSecurityGroup one) => PolicyCompiler.Compile([one], new PolicyOptions { ServiceTags = tags }, new RuleCatalog(), 1).Policy!;
    }

    private static Access Linear(Policy policy, in PacketInfo packet) => PolicyExplainer.Explain(policy, in packet).Access;

    private static IReadOnlyList<TrafficChange> Changes(string before, string after)
    {
        PolicyDifference difference = PolicyDiff.Compare(Sample.Compile(before), Sample.Compile(after));
        Assert.True(difference.IsComplete);
        return difference.Changes;
    }
}
