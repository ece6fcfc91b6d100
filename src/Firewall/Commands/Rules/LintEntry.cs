using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;

namespace Firewall.Commands.Rules;

/// <summary>One line of lint: a finding of the analysis, with the words of the reader where that said already why.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Severity">How much it matters.</param>
/// <param name="Rule">The rule it is about; null for the configuration, and where only the place is known.</param>
/// <param name="Origin">Where it stands.</param>
/// <param name="Others">The other rules that have to do with it.</param>
/// <param name="Message">What it is, and what to do.</param>
/// <param name="Witness">A packet that shows it.</param>
/// <param name="Misses">The conditions of the rule that the witness fails; none unless no packet fits the rule.</param>
internal sealed record LintEntry(
    LintKind Kind, LintSeverity Severity, RuleIdentity? Rule, RuleOrigin Origin, IReadOnlyList<RuleIdentity> Others, string Message,
    PacketInfo Witness, RuleConditions Misses)
{
    /// <summary>True for those warnings of reading and compiling that are lint's result.</summary>
    public static bool IsLint(RuleFinding finding) => finding.Code is FindingCodes.EmptyApplicationSecurityGroup or FindingCodes.RuleNeverMatches;

    /// <summary>All entries of a rule set, in the order of the files.</summary>
    public static IReadOnlyList<LintEntry> Of(RuleSet rules)
    {
        List<LintEntry> entries = [];
        HashSet<string> aboutNoRule = [];
        foreach (LintFinding finding in rules.Parts.SelectMany(part => PolicyLint.Lint(part.Policy)))
        {
            // Of the configuration, which all parts share.
            if (finding.Rule is null && !aboutNoRule.Add(finding.Message)) continue;
            // The reader saw why no packet can fit the rule; the analysis only that none does.
            RuleFinding? warning = finding.Kind == LintKind.NeverMatches
                ? rules.Findings.FirstOrDefault(warning => warning.Code == FindingCodes.RuleNeverMatches && IsWithin(warning, finding.Origin))
                : null;
            entries.Add(new LintEntry(
                finding.Kind, finding.Severity, finding.Rule, finding.Origin, finding.Others,
                warning is null ? finding.Message : $"{warning.Message} {warning.Remedy}".TrimEnd(), finding.Witness, finding.Misses));
        }

        // Sorting is stable: entries about one line stay in the order of the analysis.
        return [.. entries.OrderBy(entry => entry.Origin.File ?? "", StringComparer.Ordinal).ThenBy(entry => entry.Origin.Line)];
    }

    private static bool IsWithin(RuleFinding warning, RuleOrigin rule) =>
        warning.File == rule.File && rule.JsonPath is { Length: > 0 } path
        && (warning.JsonPath == path || warning.JsonPath.StartsWith(path + ".", StringComparison.Ordinal));
}
