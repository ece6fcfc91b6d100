using System.CommandLine;
using Firewall.Commands.Running;
using Firewall.Control;
using Firewall.Core.Rules;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules show</c>: the effective security rules, with tags and application security groups expanded.</summary>
internal static class RulesShowCommand
{
    public static Command Create(CommandStreams streams)
    {
        Argument<string> file = RuleSetOptions.File("FILE", "The rules");
        RuleSetOptions common = new();
        file.Arity = ArgumentArity.ZeroOrOne;
        Option<OutputFormat> format = Options.Format();
        Option<bool> hits = new("--hits") { Description = "Instead of a file: how often each rule of the running appliance decided, and when last" };
        SocketOption socket = new();
        var command = new Command(
            "show",
            "Show the rules as they apply, default rules included, with service tags and application security groups expanded; "
            + "with --format json as Azure's effective security rules")
        {
            file,
        };
        common.AddTo(command);
        command.Options.Add(format);
        command.Options.Add(hits);
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(hits))
            {
                if (parsed.GetValue(file) is not null || common.AreGiven(parsed))
                    throw new InvalidInputException("--hits shows the rules of the running appliance: leave FILE, --vnet and --service-tags away, or --hits");
                using AdminClient client = socket.Connect(parsed);
                return RuleHitsTable.Show(client, parsed.GetValue(format), streams);
            }

            if (socket.IsGiven(parsed)) throw new InvalidInputException("--socket and --admin name an appliance, of which rules show knows the hits alone: add --hits, or leave them away");
            string rules = parsed.GetValue(file) ?? throw new InvalidInputException("rules show needs a FILE, or --hits for the running appliance");
            return Run(common.Load(parsed, rules), parsed.GetValue(format), streams);
        });
        HelpExamples.Add(
            command,
            "firewall rules show nsg.json",
            "firewall rules show nsg.json --vnet 10.20.0.0/16 --service-tags ServiceTags_Public.json",
            "firewall rules show rules/ --format json",
            "firewall rules show --hits");
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
