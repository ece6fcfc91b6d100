using System.CommandLine;
using System.Text.Json;
using Firewall.Admin;
using Firewall.Admin.Flows;

namespace Firewall.Commands.Running;

/// <summary><c>firewall flows kill</c>: ends connections.</summary>
internal static class FlowsKillCommand
{
    public static Command Create(CommandStreams streams)
    {
        FlowFilterOptions filter = new();
        SocketOption socket = new();
        Option<bool> reset = new("--reset") { Description = "TCP: tell both ends by a RST, so that they do not wait for a timeout" };
        Option<bool> all = new("--all") { Description = "Every flow; instead of a condition" };
        Option<OutputFormat> format = Options.Format();
        var command = new Command(
            "kill",
            "End connections; those that fit every condition given. Their later packets belong to no flow: TCP is denied, and what may open "
            + "a flow is judged by the rules of now");
        filter.AddTo(command);
        command.Options.Add(reset);
        command.Options.Add(all);
        command.Options.Add(format);
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            List<string> more = [];
            if (parsed.GetValue(reset)) more.Add("reset=true");
            if (parsed.GetValue(all)) more.Add("all=true");
            using AdminClient client = socket.Connect(parsed);
            FlowKillResult result = client.Post("/v1/flows/kill" + filter.Query(parsed, more), AdminJson.Default.FlowKillResult);
            streams.Out.WriteLine(parsed.GetValue(format) == OutputFormat.Json
                ? JsonSerializer.Serialize(result, AdminJson.Default.FlowKillResult)
                : $"{Figures.Count(result.Killed)} {(result.Killed == 1 ? "flow" : "flows")} killed");
            return ExitCode.Done;
        });
        HelpExamples.Add(
            command,
            "firewall flows kill --address 203.0.113.5 --reset",
            "firewall flows kill --rule allow-ssh --source 203.0.113.0/24",
            "firewall flows kill --all");
        return command;
    }
}
