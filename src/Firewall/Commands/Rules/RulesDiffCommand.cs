using System.CommandLine;
using Firewall.Control;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules diff</c>: what traffic changes its verdict between two policies, or the proof that none does.</summary>
internal static class RulesDiffCommand
{
    public static Command Create(CommandStreams streams)
    {
        Argument<string> old = RuleSetOptions.File("OLD", "The rules before");
        Argument<string> next = RuleSetOptions.File("NEW", "The rules after");
        RuleSetOptions common = new();
        Option<string?> oldTags = new("--old-service-tags")
        {
            Description = "Service tag file for OLD, if it is another than --service-tags: what a new tag file changes",
            HelpName = "FILE",
        };
        Option<OutputFormat> format = Options.Format();
        var command = new Command(
            "diff",
            "Tell what traffic is judged differently by two sets of rules, as disjoint regions with a packet that shows each, or that none is; exact. "
            + RulesExitCode.Describe("there is no difference", "there is one"))
        {
            old, next,
        };
        common.AddTo(command);
        command.Options.Add(oldTags);
        command.Options.Add(format);
        command.SetAction(parsed =>
        {
            string? tags = common.ServiceTagsOf(parsed);
            return Run(
                RuleSet.Load(parsed.GetRequiredValue(old), parsed.GetValue(oldTags) ?? tags, common.NetworkOf(parsed)),
                common.Load(parsed, parsed.GetRequiredValue(next)), parsed.GetValue(format), streams);
        });
        HelpExamples.Add(
            command,
            "firewall rules diff old.json new.json",
            "git show main:nsg.json | firewall rules diff /dev/stdin nsg.json",
            "firewall rules diff nsg.json nsg.json --old-service-tags ServiceTags_Public_old.json --service-tags ServiceTags_Public_new.json --format json");
        return command;
    }

    private static int Run(RuleSet old, RuleSet next, OutputFormat format, CommandStreams streams)
    {
        if (old.HasErrors || next.HasErrors) throw InvalidInputException.Of([.. old.Findings, .. next.Findings]);
        // The same warning of the same file twice tells no more.
        foreach (string warning in old.Findings.Concat(next.Findings).Select(finding => finding.ToString()).Distinct()) streams.WriteError(warning);
        RuleSetDifference difference = RuleSetDifference.Between(old, next);
        DiffReport.Write(difference, format, streams);
        return difference.Changes.Count > 0 ? RulesExitCode.Findings : ExitCode.Done;
    }
}
