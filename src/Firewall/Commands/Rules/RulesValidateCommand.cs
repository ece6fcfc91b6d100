using System.CommandLine;
using System.Text.Json;
using Firewall.Control;
using Firewall.Core.Rules;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules validate</c>: would Azure take these rules, and can they be run here? All that is wrong, at once.</summary>
internal static class RulesValidateCommand
{
    public static Command Create(CommandStreams streams)
    {
        Argument<string> file = RuleSetOptions.File("FILE", "The rules");
        RuleSetOptions common = new();
        Option<OutputFormat> format = Options.Format();
        var command = new Command(
            "validate",
            "Tell everything that is wrong with rules, with its place, Azure's error code and how to mend it. "
            + "Exit code 0 if there is no error (warnings do not count), 2 if there is one.")
        {
            file,
        };
        common.AddTo(command);
        command.Options.Add(format);
        command.SetAction(parsed => Run(common.Load(parsed, parsed.GetRequiredValue(file), isForUse: false), parsed.GetValue(format), streams));
        HelpExamples.Add(
            command,
            "firewall rules validate nsg.json",
            "firewall rules validate rules/ --service-tags ServiceTags_Public.json --format json",
            "az network nsg show -g shop -n nsg-web | firewall rules validate /dev/stdin");
        return command;
    }

    private static int Run(RuleSet rules, OutputFormat format, CommandStreams streams)
    {
        // Errors first, then from top to bottom, as one mends them.
        RuleFinding[] findings =
        [
            .. rules.Findings.OrderBy(finding => !finding.IsError).ThenBy(finding => finding.File, StringComparer.Ordinal).ThenBy(finding => finding.Line),
        ];
        int errors = findings.Count(finding => finding.IsError);
        if (format == OutputFormat.Json) JsonResult.Write(streams, json => WriteJson(json, rules, findings, errors));
        else WriteText(streams.Out, rules, findings, errors);
        return errors > 0 ? ExitCode.Invalid : ExitCode.Done;
    }

    private static void WriteText(TextWriter writer, RuleSet rules, RuleFinding[] findings, int errors)
    {
        foreach (RuleFinding finding in findings) writer.WriteLine(finding.ToString());
        string warnings = findings.Length > errors ? $", {PolicyChanges.Count(findings.Length - errors, "warning")}" : "";
        writer.WriteLine(errors > 0
            ? $"{rules.Name}: not valid: {PolicyChanges.Count(errors, "error")}{warnings}"
            : $"{rules.Name}: valid: {rules.Size}{warnings}");
    }

    private static void WriteJson(Utf8JsonWriter json, RuleSet rules, RuleFinding[] findings, int errors)
    {
        json.WriteStartObject();
        json.WriteBoolean("valid"u8, errors == 0);
        json.WriteNumber("securityGroups"u8, rules.Groups.Count);
        json.WriteNumber("securityRules"u8, rules.Groups.Sum(group => group.SecurityRules.Count));
        json.WriteNumber("errors"u8, errors);
        json.WriteNumber("warnings"u8, findings.Length - errors);
        json.WriteStartArray("findings"u8);
        foreach (RuleFinding finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("severity"u8, finding.IsError ? "error"u8 : "warning"u8);
            json.WriteString("code"u8, finding.Code);
            JsonResult.WriteOrigin(json, new RuleOrigin(finding.File, finding.JsonPath, finding.Line));
            json.WriteString("message"u8, finding.Message);
            json.WriteString("remedy"u8, finding.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
