using Firewall.Core.Rules;
using Firewall.Core.Rules.Classification;

namespace Firewall.Tests.Rules.Analysis;

/// <summary>A policy around resolved rules, without a file in between.</summary>
internal static class RandomPolicy
{
    /// <summary>Every address is protected, so every packet goes through the outbound rules and then the inbound ones.</summary>
    public static Policy Of(List<ResolvedRule> inbound, List<ResolvedRule>? outbound = null, AddressSet? inside = null)
    {
        RuleCatalog catalog = new();
        ResolvedRule Number(ResolvedRule rule) => new(rule.Rule, catalog.Add(new RuleIdentity("g", rule.Rule.Name, false, rule.Rule.Direction)), rule.Source, rule.Destination);
        ResolvedRule all = Number(new ResolvedRule(DefaultRules.All[2] with { Access = Access.Allow, Direction = RuleDirection.Outbound }, 0, AddressSet.All, AddressSet.All));
        CompiledGroup group = new(
            new NetworkSecurityGroup { Name = "g" }, "g",
            new BitmapClassifier(inbound.Select(Number)), outbound is null ? new BitmapClassifier([all]) : new BitmapClassifier(outbound.Select(Number)));
        PolicyOptions options = new();
        ChainMap chains = new(inside ?? AddressSet.All, new GroupChain([new ChainStep(group, "all")]));
        return new Policy(1, catalog, [group.Group], [group], chains, options);
    }
}
