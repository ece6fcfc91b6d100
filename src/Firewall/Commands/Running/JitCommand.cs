using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Firewall.JustInTime;
using Spectre.Console;

namespace Firewall.Commands.Running;

/// <summary><c>firewall jit</c>: just-in-time access to a running appliance's machines.</summary>
internal static class JitCommand
{
    public static Command Create(CommandStreams streams)
    {
        var command = new Command("jit", "Ask for access to a closed port for a time, list what is open, take it back")
        {
            CreateRequest(streams),
            CreateList(streams),
            CreateRevoke(streams),
        };
        HelpExamples.Add(command, "firewall jit request --vm vm-web1 --port 22 --source 203.0.113.5 --duration 3h --justification \"ticket 4711\"");
        return command;
    }

    private static Command CreateRequest(CommandStreams streams)
    {
        Option<string> machine = new("--vm") { Description = "Id, name or private address of the machine", HelpName = "NAME", Required = true };
        Option<string> port = new("--port") { Description = "The port", HelpName = "PORT", Required = true };
        Option<string?> protocol = new("--protocol") { Description = "Tcp, Udp or *; needed where a policy has the port with several", HelpName = "PROTOCOL" };
        Option<string> source = new("--source") { Description = "Address or prefix from where; * for everywhere", HelpName = "PREFIX", Required = true };
        Option<string?> duration = new("--duration") { Description = "For how long, such as 15m or 3h [default: as long as the policy allows]", HelpName = "TIME" };
        Option<string?> justification = new("--justification") { Description = "Why; it stands in the activity log", HelpName = "TEXT" };
        Option<OutputFormat> format = Options.Format();
        SocketOption socket = new();
        var command = new Command("request", "Ask for access; it is given at once if a policy allows it") { machine, port, protocol, source, duration, justification, format };
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            (string Key, string? Value)[] words =
            [
                ("vm", parsed.GetValue(machine)), ("port", parsed.GetValue(port)), ("protocol", parsed.GetValue(protocol)), ("source", parsed.GetValue(source)),
                ("duration", parsed.GetValue(duration)), ("justification", parsed.GetValue(justification)),
            ];
            string query = string.Join('&', words.Where(w => w.Value is not null).Select(w => $"{w.Key}={Uri.EscapeDataString(w.Value!)}"));
            using AdminClient client = socket.Connect(parsed);
            JitRequest granted = client.Post("/v1/jit/initiate?" + query, JitJson.Default.JitRequest);
            streams.Out.WriteLine(parsed.GetValue(format) == OutputFormat.Json
                ? JsonSerializer.Serialize(granted, JitJson.Default.JitRequest)
                : $"{granted.MachineName} port {granted.Port} is open from {granted.Source} until {Time(granted.EndTimeUtc)}; request {granted.Id}");
            return ExitCode.Done;
        });
        HelpExamples.Add(
            command,
            "firewall jit request --vm vm-web1 --port 22 --source 203.0.113.5",
            "firewall jit request --vm 10.0.0.4 --port 3389 --source 198.51.100.0/24 --duration 30m --justification \"ticket 4711\"");
        return command;
    }

    private static Command CreateList(CommandStreams streams)
    {
        Option<bool> all = new("--all") { Description = "Also those that have ended" };
        Option<OutputFormat> format = Options.Format();
        SocketOption socket = new();
        var command = new Command("list", "List the requests that are in force") { all, format };
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            using AdminClient client = socket.Connect(parsed);
            IReadOnlyList<JitRequest> requests = client.Get("/v1/jit/requests" + (parsed.GetValue(all) ? "?all=true" : ""), JitJson.Default.IReadOnlyListJitRequest);
            if (parsed.GetValue(format) == OutputFormat.Json)
            {
                streams.Out.WriteLine(JsonSerializer.Serialize(requests, JitJson.Default.IReadOnlyListJitRequest));
                return ExitCode.Done;
            }

            var table = new Table { Border = TableBorder.Rounded }.AddColumns("machine", "port", "protocol", "source", "until", "state", "asked by", "why", "request");
            foreach (JitRequest request in requests) table.AddRow([.. Row(request).Select(cell => new Text(cell))]);
            TerminalConsole.For(streams.Out, streams.OutputIsTerminal).Write(table);
            return ExitCode.Done;
        });
        HelpExamples.Add(command, "firewall jit list", "firewall jit list --all --format json");
        return command;
    }

    private static Command CreateRevoke(CommandStreams streams)
    {
        Argument<string> id = new("request") { Description = "The request, as `firewall jit list` shows it" };
        SocketOption socket = new();
        var command = new Command("revoke", "Take access back before its time; connections go on unless the policy ends them") { id };
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            using AdminClient client = socket.Connect(parsed);
            JitRequest ended = client.Post("/v1/jit/revoke?id=" + Uri.EscapeDataString(parsed.GetValue(id)!), JitJson.Default.JitRequest);
            streams.Out.WriteLine($"{ended.MachineName} port {ended.Port} is closed again for {ended.Source}");
            return ExitCode.Done;
        });
        HelpExamples.Add(command, "firewall jit revoke 3f2504e0-4f89-41d3-9a0c-0305e82c3301");
        return command;
    }

    private static string[] Row(JitRequest request) =>
    [
        request.MachineName, request.Port.ToString(CultureInfo.InvariantCulture), request.Protocol, request.Source, Time(request.EndTimeUtc),
        request.IsActive ? "open" : $"ended, {request.StatusReason}", request.Requestor, request.Justification, request.Id.ToString(),
    ];

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
