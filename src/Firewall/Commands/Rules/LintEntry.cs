using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;

namespace Firewall.Commands.Rules;

/// <summary>One line of lint: a finding of the analysis, or a warning of the reader about a rule that can match nothing.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Severity">How much it matters.</param>
/// <param name="Rule">The rule it is about; null for the configuration, and where only the place is known.</param>
/// <param name="Origin">Where it stands.</param>
/// <param name="Others">The other rules that have to do with it.</param>
/// <param name="Message">What it is, and what to do.</param>
/// <param name="Witness">A packet that shows it.</param>
internal sealed record LintEntry(
    LintKind Kind, LintSeverity Severity, RuleIdentity? Rule, RuleOrigin Origin, IReadOnlyList<RuleIdentity> Others, string Message, PacketInfo? Witness)
{
    /// <summary>True for those warnings of reading and compiling that are lint's result.</summary>
    public static bool IsLint(RuleFinding finding) => finding.Code is FindingCodes.EmptyApplicationSecurityGroup or FindingCodes.RuleNeverMatches;

    /// <summary>All entries of a rule set, in the order of the files.</summary>
    public static IReadOnlyList<LintEntry> Of(RuleSet rules)
    {
        List<RuleFinding> warnings = [.. rules.Findings.Where(IsLint)];
        List<LintEntry> entries = [];
        HashSet<string> aboutNoRule = [];
        foreach (LintFinding finding in rules.Parts.SelectMany(part => PolicyLint.Lint(part.Policy)))
        {
            bool isWarnedOf = warnings.Exists(warning => warning.Code == FindingCodes.RuleNeverMatches && IsWithin(warning, finding.Origin));
            // The warning says why the rule matches nothing; that it does then tells no more.
            if (finding.Kind == LintKind.NeverMatches && isWarnedOf) continue;
            // The analysis says it once for all groups that a rule names.
            if (finding.Kind == LintKind.EmptyApplicationSecurityGroup)
            {
                warnings.RemoveAll(warning => warning.Code == FindingCodes.EmptyApplicationSecurityGroup && IsWithin(warning, finding.Origin));
            }

            // Of the configuration, which all parts share.
            if (finding.Rule is null && !aboutNoRule.Add(finding.Message)) continue;
            entries.Add(new LintEntry(finding.Kind, finding.Severity, finding.Rule, finding.Origin, finding.Others, finding.Message, finding.Witness));
        }

        // Sorting is stable: entries about one line stay in the order of the analysis.
        return [.. warnings.Select(Of).Concat(entries).OrderBy(entry => entry.Origin.File ?? "", StringComparer.Ordinal).ThenBy(entry => entry.Origin.Line)];
    }

    private static LintEntry Of(RuleFinding warning) => new(
        warning.Code == FindingCodes.EmptyApplicationSecurityGroup ? LintKind.EmptyApplicationSecurityGroup : LintKind.NeverMatches,
        LintSeverity.Warning,
        null,
        new RuleOrigin(warning.File, warning.JsonPath, warning.Line),
        [],
        $"{warning.Message} {warning.Remedy}".TrimEnd(),
        null);

    private static bool IsWithin(RuleFinding warning, RuleOrigin rule) =>
        warning.File == rule.File && rule.JsonPath is { Length: > 0 } path
        && (warning.JsonPath == path || warning.JsonPath.StartsWith(path + ".", StringComparison.Ordinal));
}
