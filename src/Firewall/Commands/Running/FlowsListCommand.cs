using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Firewall.Admin;
using Firewall.Admin.Flows;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Spectre.Console;

namespace Firewall.Commands.Running;

/// <summary><c>firewall flows list</c>: the connections of now.</summary>
internal static class FlowsListCommand
{
    // A table is drawn when its last row is known; more than this nobody reads.
    private const int DefaultRows = 1000;

    public static Command Create(CommandStreams streams)
    {
        FlowFilterOptions filter = new();
        SocketOption socket = new();
        Option<string?> limit = new("--limit")
        {
            Description = $"The most flows to list [default: {DefaultRows}; no limit with --format json]",
            HelpName = "N",
        };
        Option<OutputFormat> format = Options.Format();
        var command = new Command("list", "List connections; those that fit every condition given");
        filter.AddTo(command);
        command.Options.Add(limit);
        command.Options.Add(format);
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            using AdminClient client = socket.Connect(parsed);
            string? most = parsed.GetValue(limit);
            return parsed.GetValue(format) == OutputFormat.Json
                ? CopyJson(client, filter.Query(parsed, most is null ? [] : [$"limit={Uri.EscapeDataString(most)}"]), streams)
                : DrawTable(client, parsed, filter, most, streams);
        });
        HelpExamples.Add(
            command,
            "firewall flows list",
            "firewall flows list --protocol Tcp --destination 10.0.0.0/24 --state Established",
            "firewall flows list --rule allow-ssh --format json");
        return command;
    }

    private static int CopyJson(AdminClient client, string query, CommandStreams streams)
    {
        using Stream flows = client.Open("/v1/flows" + query);
        flows.CopyTo(streams.Output);
        streams.Output.Flush();
        return ExitCode.Done;
    }

    private static int DrawTable(AdminClient client, ParseResult parsed, FlowFilterOptions filter, string? most, CommandStreams streams)
    {
        int rows = DefaultRows;
        if (most is not null && (!int.TryParse(most, NumberStyles.None, CultureInfo.InvariantCulture, out rows) || rows is 0 or int.MaxValue))
        {
            throw new InvalidInputException([$"--limit is '{most}', but must be a whole number from 1 on"]);
        }

        // One more, to know whether there are more.
        using Stream flows = client.Open("/v1/flows" + filter.Query(parsed, [string.Create(CultureInfo.InvariantCulture, $"limit={rows + 1}")]));
        FlowEntry[] entries = Read(flows);
        var table = new Table { Border = TableBorder.Rounded };
        foreach (string heading in (string[])["protocol", "source", "destination", "state", "rule", "packets", "bytes", "age", "idle", "expires"])
        {
            var column = new TableColumn(heading) { NoWrap = heading is not "rule" };
            if (heading is "packets" or "bytes" or "age" or "idle" or "expires") column.Alignment = Justify.Right;
            table.AddColumn(column);
        }

        foreach (FlowEntry flow in entries.Take(rows)) table.AddRow(Row(flow));
        TerminalConsole.For(streams.Out, streams.OutputIsTerminal).Write(table);
        int shown = Math.Min(entries.Length, rows);
        streams.Out.WriteLine(entries.Length > rows
            ? $"{shown} flows shown, there are more: use --limit, a condition, or --format json"
            : $"{shown} {(shown == 1 ? "flow" : "flows")}");
        return ExitCode.Done;
    }

    private static FlowEntry[] Read(Stream flows)
    {
        try
        {
            return [.. JsonSerializer.DeserializeAsyncEnumerable(flows, AdminJson.Default.FlowEntry).ToBlockingEnumerable().OfType<FlowEntry>()];
        }
        catch (JsonException e)
        {
            throw new IOException("the appliance ended in the midst of its answer", e);
        }
    }

    /// <summary>A flow as a row of a table: protocol, source, destination, state, rule, packets, bytes, age, idle time, expiry; escaped for markup.</summary>
    public static string[] Row(FlowEntry flow) =>
    [
        RuleProtocol.Of(flow.Protocol).ToString() + (flow.IcmpType is { } type ? string.Create(CultureInfo.InvariantCulture, $"/{type}") : ""),
        Endpoint(flow.Source, flow.SourcePort),
        Endpoint(flow.Destination, flow.DestinationPort),
        flow.State,
        Markup.Escape(flow.Rule ?? "-"),
        $"{Figures.Count(flow.PacketsSent)} / {Figures.Count(flow.PacketsReceived)}",
        $"{Figures.Bytes(flow.BytesSent)} / {Figures.Bytes(flow.BytesReceived)}",
        Figures.Seconds(flow.AgeSeconds),
        Figures.Seconds(flow.IdleSeconds),
        Figures.Seconds(flow.ExpiresInSeconds),
    ];

    private static string Endpoint(string address, int? port)
    {
        string host = IpAddress.TryParse(address, out IpAddress parsed) && !parsed.IsIPv4 && port is not null ? $"[{address}]" : address;
        return Markup.Escape(port is null ? host : string.Create(CultureInfo.InvariantCulture, $"{host}:{port}"));
    }
}
