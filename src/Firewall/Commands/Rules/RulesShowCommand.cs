using System.CommandLine;
using Firewall.Core.Rules;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules show</c>: the effective security rules, with tags and application security groups expanded.</summary>
internal static class RulesShowCommand
{
    public static Command Create(CommandStreams streams)
    {
        Argument<string> file = RuleSetOptions.File("FILE", "The rules");
        RuleSetOptions common = new();
        Option<OutputFormat> format = Options.Format();
        var command = new Command(
            "show",
            "Show the rules as they apply, default rules included, with service tags and application security groups expanded; "
            + "with --format json as Azure's effective security rules")
        {
            file,
        };
        common.AddTo(command);
        command.Options.Add(format);
        command.SetAction(parsed => Run(common.Load(parsed, parsed.GetRequiredValue(file)), parsed.GetValue(format), streams));
        HelpExamples.Add(
            command,
            "firewall rules show nsg.json",
            "firewall rules show nsg.json --vnet 10.20.0.0/16 --service-tags ServiceTags_Public.json",
            "firewall rules show rules/ --format json");
        return command;
    }

    private static int Run(RuleSet rules, OutputFormat format, CommandStreams streams)
    {
        IReadOnlyList<EffectiveGroup> groups = [.. rules.OrThrow(streams).Parts.SelectMany(part => EffectiveRules.Of(part.Policy))];
        if (format == OutputFormat.Json) JsonResult.Write(streams, json => EffectiveRules.WriteJson(json, groups));
        else EffectiveRulesTable.Write(groups, streams);
        return ExitCode.Done;
    }
}
