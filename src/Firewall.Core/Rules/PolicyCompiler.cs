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
    /// <param name="before">The policy in force, with which the new one then shares what is the same in both; null shares nothing.</param>
    public static CompileResult Compile(
        IReadOnlyList<NetworkSecurityGroup> groups, PolicyOptions options, RuleCatalog catalog, uint version, Policy? before = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(catalog);
        List<RuleFinding> findings = [];
        TagResolver tags = new(options);
        KnownParts known = new(before);
        if (before is not null) groups = [.. groups.Select(known.Share)];
        List<CompiledGroup> compiled = [];
        foreach (NetworkSecurityGroup group in groups)
        {
            compiled.Add(CompileGroup(group, LabelOf(group, groups), tags, options, catalog, known, findings));
        }

        ChainMap? chains = Associations.Map(compiled, options, findings);
        return chains is null || findings.Exists(finding => finding.IsError)
            ? new CompileResult(null, findings)
            : new CompileResult(new Policy(version, catalog, groups, compiled, chains, options), findings);
    }

    private static CompiledGroup CompileGroup(
        NetworkSecurityGroup group, string label, TagResolver tags, PolicyOptions options, RuleCatalog catalog, KnownParts known,
        List<RuleFinding> findings)
    {
        return new CompiledGroup(group, label, CompileRules(RuleDirection.Inbound), CompileRules(RuleDirection.Outbound));

        BitmapClassifier CompileRules(RuleDirection direction)
        {
            ResolvedRule[] rules = [.. group.RulesOf(direction).Select(rule => known.Resolve(
                label,
                rule,
                catalog.Add(new RuleIdentity(label, rule.Name, rule.IsDefault, direction)),
                tags.Resolve(rule, rule.Source, findings),
                tags.Resolve(rule, rule.Destination, findings)))];
            return known.Classify(label, direction, options.PlatformBypass ? PlatformRules.Insert(rules, direction, label, catalog, known) : rules);
        }
    }

    /// <summary>The group's name, with its resource group in front if another group has the same name.</summary>
    private static string LabelOf(NetworkSecurityGroup group, IReadOnlyList<NetworkSecurityGroup> groups)
    {
        bool isUnique = groups.Count(other => string.Equals(other.Name, group.Name, StringComparison.OrdinalIgnoreCase)) == 1;
        return isUnique || ResourceId.ResourceGroupOf(group.Id) is not { } resourceGroup ? group.Name : $"{resourceGroup}/{group.Name}";
    }
}
