using System.CommandLine;
using System.Globalization;
using Firewall.Admin;
using Spectre.Console;

namespace Firewall.Commands.Running;

/// <summary><c>firewall status</c>: how a running appliance is, on one screen.</summary>
internal static class StatusCommand
{
    public static Command Create(CommandStreams streams)
    {
        SocketOption socket = new();
        Option<OutputFormat> format = Options.Format();
        var command = new Command("status", "Show how a running appliance is: policy, flows, packets, drops by reason") { format };
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            using AdminClient client = socket.Connect(parsed);
            if (parsed.GetValue(format) == OutputFormat.Json)
            {
                using Stream status = client.Open("/v1/status");
                status.CopyTo(streams.Output);
                streams.Output.WriteByte((byte)'\n');
                streams.Output.Flush();
            }
            else
            {
                Draw(client.Get("/v1/status", AdminJson.Default.StatusReport), streams);
            }

            return ExitCode.Done;
        });
        HelpExamples.Add(command, "firewall status", "firewall status --format json");
        return command;
    }

    private static void Draw(StatusReport status, CommandStreams streams)
    {
        IAnsiConsole console = TerminalConsole.For(streams.Out, streams.OutputIsTerminal);
        var grid = new Grid();
        grid.AddColumn(new GridColumn { NoWrap = true });
        grid.AddColumn();
        string interfaces = status.Interfaces.Count == 0 ? "all but lo" : string.Join(", ", status.Interfaces);
        Row("firewall", $"{status.Version}, process {status.Process}, up {Figures.Seconds(status.UptimeSeconds)}, {Figures.Bytes(status.ResidentBytes)} resident");
        Row("mode", $"{status.Mode} on {interfaces}; {status.Device}, {status.Queues} {(status.Queues == 1 ? "queue" : "queues")}");
        Row("policy", $"{status.Policy.Version}, in force for {Figures.Seconds(status.Policy.AgeSeconds)}: "
            + $"{status.Policy.SecurityGroups} security groups, {status.Policy.SecurityRules} rules beside the default ones"
            + (status.Policy.FlushConnection ? ", flushConnection" : ""));
        Row("reloads", $"{status.Reloads.Changed} changed, {status.Reloads.Unchanged} unchanged, {status.Reloads.Refused} refused"
            + (status.Reloads.LastResult == "Refused" ? "; the last was refused: see the log" : ""));
        double fill = 100.0 * status.Flows.Count / status.Flows.Maximum;
        Row("flows", string.Create(
            CultureInfo.InvariantCulture,
            $"{status.Flows.Count:N0} of {status.Flows.Maximum:N0} ({fill:0.0} %), {status.Flows.Assured:N0} assured, peak {status.Flows.Peak:N0}"));
        Row("", string.Create(
            CultureInfo.InvariantCulture,
            $"{status.Flows.Created:N0} created, {status.Flows.Expired:N0} expired, {status.Flows.Evicted:N0} evicted, {status.Flows.Killed:N0} killed"));
        Row("allowed", $"{Figures.Count(status.Packets.Allowed)} packets, {Figures.Bytes(status.Packets.AllowedBytes)}{Reasons(status.Packets.AllowedByReason)}");
        Row("denied", $"{Figures.Count(status.Packets.Denied)} packets, {Figures.Bytes(status.Packets.DeniedBytes)}{Reasons(status.Packets.DeniedByReason)}");
        if (status.Packets.DropEventsLost > 0) Row("", $"{Figures.Count(status.Packets.DropEventsLost)} denied packets came too fast for the log");
        console.Write(grid);

        void Row(string name, string value) => grid.AddRow(Markup.Escape(name), Markup.Escape(value));
    }

    private static string Reasons(IReadOnlyDictionary<string, long> reasons) => reasons.Count == 0
        ? ""
        : ": " + string.Join(", ", reasons.OrderByDescending(r => r.Value).Select(r => $"{r.Key} {Figures.Count(r.Value)}"));
}
