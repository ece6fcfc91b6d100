using System.Diagnostics;
using System.Globalization;
using CsCheck;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;
using Firewall.Core.Rules.Classification;
using Firewall.Tests.Rules.Classification;
using Xunit;

namespace Firewall.Tests.Rules.Analysis;

public class EquivalentRulesTests
{
    /// <summary>
    /// A million packets, or with FIREWALL_LONG_TESTS=1 ten million, through pairs of rule sets of one meaning, drawn from the edges of
    /// their rules. That the pairs come out as equal is as much the claim as that no packet tells them apart.
    /// </summary>
    [Fact]
    public void Policies_without_a_difference_never_differ_on_random_packets()
    {
        bool isLong = Environment.GetEnvironmentVariable("FIREWALL_LONG_TESTS") == "1";
        const int PerPair = 10_000;
        int pairs = isLong ? 1000 : 100;
        long compared = 0;
        int changed = 0;
        Stopwatch watch = Stopwatch.StartNew();
        Gen.ULong.Sample(seed =>
        {
            RandomRules random = new(seed);
            EquivalentRules rewriter = new(seed);
            List<ResolvedRule> rules = random.Rules((int)(seed % 15) + 2);
            List<ResolvedRule> rewritten = rewriter.Rewrite(rules, steps: 12);
            AddressSet inside = (seed & 128) == 0 ? AddressSet.All : AddressSet.From([Sample.Prefix("10.0.0.0/9"), Sample.Prefix("2001:db8::/33")]);
            Policy before = RandomPolicy.Of(rules, inside: inside);
            Policy after = RandomPolicy.Of(rewritten, inside: inside);
            PolicyDifference difference = PolicyDiff.Compare(before, after);
            Assert.True(difference.IsEmpty, $"seed {seed}: rules that mean the same differ in {difference.Changes.Select(change => change.Region).FirstOrDefault()}");
            if (rewriter.Splits > 0 && rewriter.Swaps > 0) Interlocked.Increment(ref changed);
            for (int i = 0; i < PerPair; i++)
            {
                PacketInfo packet = random.Packet();
                if (before.Evaluate(in packet).Access != after.Evaluate(in packet).Access)
                {
                    Assert.Fail($"seed {seed}: {packet.Protocol} {packet.Source}:{packet.SourcePort} -> {packet.Destination}:{packet.DestinationPort} ICMP {packet.IcmpType}/{packet.IcmpCode} offset {packet.FragmentOffset}");
                }
            }

            Interlocked.Add(ref compared, PerPair);
        }, iter: pairs);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{compared} packets in {watch.ElapsedMilliseconds} ms"));
        Assert.True(compared >= (isLong ? 10_000_000 : 1_000_000));
        Assert.True(changed > pairs / 2, $"only {changed} of {pairs} pairs were rewritten, which tests too little");
    }

    /// <summary>The same pairs with one rule turned round: what the comparison says must be what packets say.</summary>
    [Fact]
    public void A_rewritten_policy_with_one_rule_turned_round_differs_exactly_where_that_rule_decides()
    {
        int differing = 0;
        Gen.ULong.Sample(seed =>
        {
            RandomRules random = new(seed);
            List<ResolvedRule> rules = random.Rules((int)(seed % 15) + 2);
            List<ResolvedRule> turned = [.. rules];
            ResolvedRule rule = turned[(int)(seed >> 32) % turned.Count is var at and >= 0 ? at : 0];
            int index = turned.IndexOf(rule);
            turned[index] = new ResolvedRule(rule.Rule with { Access = rule.Rule.Access == Access.Allow ? Access.Deny : Access.Allow }, rule.Number, rule.Source, rule.Destination);
            Policy before = RandomPolicy.Of(rules);
            PolicyDifference difference = PolicyDiff.Compare(before, RandomPolicy.Of(new EquivalentRules(seed).Rewrite(turned, steps: 12)));
            if (!difference.IsEmpty) Interlocked.Increment(ref differing);
            LinearClassifier linear = new(rules);
            for (int i = 0; i < 500; i++)
            {
                PacketInfo packet = random.Packet();
                bool isTold = difference.Changes.Any(change => change.Region.Contains(in packet));
                Assert.True(isTold == (linear.Classify(in packet) == index) || !difference.IsComplete, $"seed {seed}: {packet.Source} -> {packet.Destination}");
            }
        }, iter: 60);
        Assert.True(differing > 20, "the pairs hardly ever differed, so nothing was tested");
    }
}
