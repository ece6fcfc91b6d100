using System.Globalization;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Commands.Rules;

/// <summary>One policy of a rule set.</summary>
/// <param name="SecurityGroup">The group that it was made of, if each group is looked at on its own; else null.</param>
/// <param name="Policy">The policy.</param>
internal sealed record RuleSetPart(string? SecurityGroup, Policy Policy);

/// <summary>
/// What the tools for rules work on. An appliance needs to know which addresses a group applies to; an export of several groups
/// seldom says that. Here such groups are looked at one by one, each as if it applied to all protected addresses.
/// </summary>
/// <param name="Name">The file or folder as the user named it.</param>
/// <param name="Groups">The groups as read.</param>
/// <param name="Parts">One policy, or one for each group; none if there are errors.</param>
/// <param name="Findings">Everything that reading and compiling found.</param>
internal sealed record RuleSet(
    string Name, IReadOnlyList<NetworkSecurityGroup> Groups, IReadOnlyList<RuleSetPart> Parts, IReadOnlyList<RuleFinding> Findings)
{
    /// <summary>True if the rules cannot be used.</summary>
    public bool HasErrors => Findings.Any(finding => finding.IsError);

    /// <summary>True if each group is looked at on its own.</summary>
    public bool IsSplit => Parts.Count > 0 && Parts[0].SecurityGroup is not null;

    /// <summary>"2 security groups, 31 rules"; the default rules are not counted.</summary>
    public string Size =>
        $"{PolicyChanges.Count(Groups.Count, "security group")}, {PolicyChanges.Count(Groups.Sum(group => group.SecurityRules.Count), "rule")}";

    /// <summary>Reads and compiles.</summary>
    /// <param name="rules">A file or folder.</param>
    /// <param name="serviceTags">Azure's file, or null.</param>
    /// <param name="network">The virtual network, or null for the default.</param>
    /// <param name="isForUse">False if the rules are only checked: then service tags whose addresses, and associations whose groups are not known are warnings.</param>
    /// <exception cref="InvalidInputException">A file is missing or cannot be read.</exception>
    public static RuleSet Load(string rules, string? serviceTags, IReadOnlyList<IpPrefix>? network, bool isForUse = true)
    {
        PolicyOptions options = new() { IsForPackets = isForUse };
        if (network is not null) options = options with { VirtualNetwork = network };
        ParsedRules parsed = RuleInputs.Read(rules, serviceTags).Parse(options);
        // Groups that were read with errors would only bring up errors that follow from them.
        if (parsed.HasErrors) return new RuleSet(rules, parsed.Groups, [], parsed.Findings);

        CompileResult whole = Compile(parsed.Groups, parsed.Options);
        if (whole.Policy is { } policy) return new RuleSet(rules, parsed.Groups, [new RuleSetPart(null, policy)], [.. parsed.Findings, .. whole.Findings]);
        bool isOnlyUnassociated = parsed.Groups.Count > 1
            && whole.Findings.All(finding => !finding.IsError || finding.Code == FindingCodes.NoAssociation);
        if (!isOnlyUnassociated) return new RuleSet(rules, parsed.Groups, [], [.. parsed.Findings, .. whole.Findings]);
        return Split(rules, parsed, whole);
    }

    /// <summary>The rule set, if it can be used; warnings go to standard error.</summary>
    /// <param name="streams">Where warnings are told.</param>
    /// <param name="isResult">True for warnings that the command itself reports.</param>
    /// <exception cref="InvalidInputException">There are errors.</exception>
    public RuleSet OrThrow(CommandStreams streams, Func<RuleFinding, bool>? isResult = null)
    {
        if (HasErrors) throw InvalidInputException.Of(Findings);
        foreach (RuleFinding warning in Findings.Where(finding => isResult is null || !isResult(finding))) streams.WriteError(warning.ToString());
        return this;
    }

    private static RuleSet Split(string rules, ParsedRules parsed, CompileResult whole)
    {
        List<RuleFinding> findings = [.. parsed.Findings];
        foreach (RuleFinding finding in whole.Findings)
        {
            findings.Add(!finding.IsError ? finding : finding with
            {
                Severity = FindingSeverity.Warning,
                Remedy = "Each is looked at on its own here. To run them, add the subnets or network interfaces: az network vnet show, az network nic list.",
            });
        }

        List<RuleSetPart> parts = [];
        foreach (NetworkSecurityGroup group in parsed.Groups)
        {
            CompileResult one = Compile([group], parsed.Options);
            // What the group's own rules bring up was found above.
            if (one.Policy is null) return new RuleSet(rules, parsed.Groups, [], [.. findings, .. one.Findings]);
            parts.Add(new RuleSetPart(LabelOf(group, parsed.Groups), one.Policy));
        }

        return new RuleSet(rules, parsed.Groups, parts, findings);
    }

    private static CompileResult Compile(IReadOnlyList<NetworkSecurityGroup> groups, PolicyOptions options) =>
        PolicyCompiler.Compile(groups, options, new RuleCatalog(), version: 1);

    // Groups of different resource groups may have one name.
    private static string LabelOf(NetworkSecurityGroup group, IReadOnlyList<NetworkSecurityGroup> groups)
    {
        bool isUnique = groups.Count(other => string.Equals(other.Name, group.Name, StringComparison.OrdinalIgnoreCase)) == 1;
        return isUnique ? group.Name : group.Id ?? string.Create(CultureInfo.InvariantCulture, $"{group.Name} ({group.Origin.File}:{group.Origin.Line})");
    }
}
