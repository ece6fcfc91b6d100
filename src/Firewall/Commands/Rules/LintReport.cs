using System.Globalization;
using System.Text.Json;
using Firewall.Control;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;

namespace Firewall.Commands.Rules;

/// <summary>Prints what lint found.</summary>
internal static class LintReport
{
    public static void Write(RuleSet rules, IReadOnlyList<LintEntry> entries, OutputFormat format, CommandStreams streams)
    {
        if (format == OutputFormat.Json) JsonResult.Write(streams, json => WriteJson(json, rules, entries));
        else WriteText(streams.Out, rules, entries);
    }

    private static void WriteText(TextWriter writer, RuleSet rules, IReadOnlyList<LintEntry> entries)
    {
        foreach (LintEntry entry in entries)
        {
            writer.WriteLine($"{Place(rules, entry.Origin)}: {SeverityOf(entry)} {entry.Kind}: {entry.Message}");
            writer.WriteLine(entry.Misses == RuleConditions.None
                ? $"    for example {WitnessText.Of(entry.Witness)}"
                : $"    nearest packet {WitnessText.Of(entry.Witness)}: the rule misses it by its {string.Join(" and ", NamesOf(entry.Misses))}, {entry.Others[0].ResourceName} decides it");
        }

        int warnings = entries.Count(entry => entry.Severity == LintSeverity.Warning);
        string found = entries.Count == 0 ? "no findings" : PolicyChanges.Count(warnings, "warning");
        if (entries.Count > warnings) found += $" and {entries.Count - warnings} for information";
        writer.WriteLine($"{rules.Name}: {found} in {rules.Size}");
    }

    private static IEnumerable<string> NamesOf(RuleConditions conditions) => Enum.GetValues<RuleConditions>()
        .Where(condition => condition != RuleConditions.None && conditions.HasFlag(condition)).Select(condition => condition.ToString().ToLowerInvariant());

    private static string SeverityOf(LintEntry entry) => entry.Severity == LintSeverity.Warning ? "warning" : "information";

    private static string Place(RuleSet rules, RuleOrigin origin) => string.IsNullOrEmpty(origin.File)
        ? rules.Name
        : origin.Line > 0 ? string.Create(CultureInfo.InvariantCulture, $"{origin.File}:{origin.Line}") : origin.File;

    private static void WriteJson(Utf8JsonWriter json, RuleSet rules, IReadOnlyList<LintEntry> entries)
    {
        json.WriteStartObject();
        json.WriteNumber("securityGroups"u8, rules.Groups.Count);
        json.WriteNumber("securityRules"u8, rules.Groups.Sum(group => group.SecurityRules.Count));
        json.WriteStartArray("findings"u8);
        foreach (LintEntry entry in entries)
        {
            json.WriteStartObject();
            json.WriteString("kind"u8, entry.Kind.ToString());
            json.WriteString("severity"u8, SeverityOf(entry));
            JsonResult.WriteOrigin(json, entry.Origin);
            if (entry.Rule is { } rule) WriteRule(json, rule);
            json.WriteString("message"u8, entry.Message);
            json.WriteStartArray("others"u8);
            foreach (RuleIdentity other in entry.Others)
            {
                json.WriteStartObject();
                WriteRule(json, other);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            JsonResult.WriteWitness(json, entry.Witness);
            json.WriteStartArray("misses"u8);
            foreach (string condition in NamesOf(entry.Misses)) json.WriteStringValue(condition);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteRule(Utf8JsonWriter json, RuleIdentity rule)
    {
        json.WriteString("securityGroup"u8, rule.SecurityGroup);
        json.WriteString("direction"u8, rule.Direction.ToString());
        json.WriteString("rule"u8, rule.ResourceName);
    }
}
