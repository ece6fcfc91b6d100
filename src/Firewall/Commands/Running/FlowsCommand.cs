using System.CommandLine;

namespace Firewall.Commands.Running;

/// <summary><c>firewall flows</c>: the connection table of a running appliance.</summary>
internal static class FlowsCommand
{
    public static Command Create(CommandStreams streams)
    {
        var command = new Command("flows", "List and end the connections that a running appliance knows")
        {
            FlowsListCommand.Create(streams),
            FlowsKillCommand.Create(streams),
        };
        HelpExamples.Add(
            command,
            "firewall flows list --port 22",
            "firewall flows kill --address 203.0.113.5 --reset");
        return command;
    }
}
