using System.CommandLine;

namespace Firewall.Commands.Rules;

/// <summary><c>firewall rules</c>: tools for people who write and review rules. None of them touches the network.</summary>
internal static class RulesCommand
{
    public static Command Create(CommandStreams streams)
    {
        var command = new Command("rules", "Check, show, compare and test rules")
        {
            RulesValidateCommand.Create(streams),
            RulesShowCommand.Create(streams),
            RulesLintCommand.Create(streams),
            RulesDiffCommand.Create(streams),
            RulesTestCommand.Create(streams),
        };
        HelpExamples.Add(
            command,
            "firewall rules validate nsg.json",
            "firewall rules lint nsg.json --service-tags ServiceTags_Public.json",
            "firewall rules diff old.json new.json",
            "firewall rules test cases.yaml --rules nsg.json --junit results.xml");
        return command;
    }
}
