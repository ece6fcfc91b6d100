using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules;

/// <summary>Turns security groups into a policy. Runs off the path; may take a while and allocate.</summary>
public static class PolicyCompiler
{
    internal const string AllProtected = "all protected addresses";

    /// <summary>
    /// Resolves tags, orders rules, numbers them in the catalog and builds the classifiers. The result has no policy if anything is
    /// wrong, so that the caller keeps the one it has.
    /// </summary>
    /// <param name="groups">Validated groups, as <see cref="NsgReader"/> gives them.</param>
    /// <param name="options">Address spaces and tags.</param>
    /// <param name="catalog">Gets a number for every rule; rules it already knows keep theirs.</param>
    /// <param name="version">The number that the policy will carry.</param>
    public static CompileResult Compile(
        IReadOnlyList<NetworkSecurityGroup> groups, PolicyOptions options, RuleCatalog catalog, uint version)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(catalog);
        List<RuleFinding> findings = [];
        TagResolver tags = new(options);
        List<CompiledGroup> compiled = [];
        foreach (NetworkSecurityGroup group in groups)
        {
            compiled.Add(CompileGroup(group, group.Name, tags, catalog, findings));
        }

        ChainMap? chains = Associate(compiled, options, findings);
        return chains is null || findings.Exists(finding => finding.IsError)
            ? new CompileResult(null, findings)
            : new CompileResult(new Policy(version, catalog, groups, compiled, chains, options), findings);
    }

    private static CompiledGroup CompileGroup(
        NetworkSecurityGroup group, string label, TagResolver tags, RuleCatalog catalog, List<RuleFinding> findings)
    {
        return new CompiledGroup(group, label, CompileRules(RuleDirection.Inbound), CompileRules(RuleDirection.Outbound));

        BitmapClassifier CompileRules(RuleDirection direction) => new(group.RulesOf(direction).Select(rule =>
        {
            int number = catalog.Add(new RuleIdentity(label, rule.Name, rule.IsDefault, direction));
            AddressSet source = tags.Resolve(rule, rule.Source, findings);
            AddressSet destination = tags.Resolve(rule, rule.Destination, findings);
            return new ResolvedRule(rule, number, source, destination);
        }));
    }

    private static ChainMap? Associate(List<CompiledGroup> groups, PolicyOptions options, List<RuleFinding> findings)
    {
        if (groups.Count != 1)
        {
            findings.Add(RuleOrigin.None.Error(
                FindingCodes.NoAssociation,
                groups.Count == 0 ? "There is no network security group." : $"There are {groups.Count} network security groups, and nothing says which addresses they apply to.",
                groups.Count == 0 ? "Give a file with one; one without rules is legal and leaves the default rules." : "Give one group."));
            return null;
        }

        AddressSet inside = AddressSet.From(options.ProtectedAddresses ?? options.VirtualNetwork);
        return new ChainMap(inside, new GroupChain([new ChainStep(groups[0], AllProtected)]));
    }
}
