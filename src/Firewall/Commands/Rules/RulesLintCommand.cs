using System.CommandLine;
using Firewall.Core.Rules.Analysis;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules lint</c>: rules that are valid, but do nothing, contradict each other, or open too much.</summary>
internal static class RulesLintCommand
{
    public static Command Create(CommandStreams streams)
    {
        Argument<string> file = RuleSetOptions.File("FILE", "The rules");
        RuleSetOptions common = new();
        Option<OutputFormat> format = Options.Format();
        var command = new Command(
            "lint",
            "Find rules that are never reached, redundant or contradictory, and doors that stand open to the internet; exact, each with a packet that shows it. "
            + RulesExitCode.Describe("there is no finding, or only such that are for information", "there are warnings"))
        {
            file,
        };
        common.AddTo(command);
        command.Options.Add(format);
        command.SetAction(parsed => Run(common.Load(parsed, parsed.GetRequiredValue(file)), parsed.GetValue(format), streams));
        HelpExamples.Add(
            command,
            "firewall rules lint nsg.json",
            "firewall rules lint rules/ --vnet 10.20.0.0/16 --service-tags ServiceTags_Public.json",
            "firewall rules lint nsg.json --format json | jq -r '.findings[].kind'");
        return command;
    }

    private static int Run(RuleSet rules, OutputFormat format, CommandStreams streams)
    {
        IReadOnlyList<LintEntry> entries = LintEntry.Of(rules.OrThrow(streams, LintEntry.IsLint));
        LintReport.Write(rules, entries, format, streams);
        return entries.Any(entry => entry.Severity == LintSeverity.Warning) ? RulesExitCode.Findings : ExitCode.Done;
    }
}
