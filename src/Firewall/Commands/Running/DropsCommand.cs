using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Firewall.Admin;
using Firewall.Admin.Drops;
using Firewall.Devices.Captures;

namespace Firewall.Commands.Running;

/// <summary><c>firewall drops</c>: packets that a running appliance denied.</summary>
internal static class DropsCommand
{
    public static Command Create(CommandStreams streams)
    {
        var command = new Command("drops", "See which packets are denied, and why") { Follow(streams), Save(streams) };
        HelpExamples.Add(command, "firewall drops follow", "firewall drops follow --reason NoFlow --per-second 100 --format json", "firewall drops save drops.pcapng");
        return command;
    }

    private static Command Follow(CommandStreams streams)
    {
        SocketOption socket = new();
        Option<string?> perSecond = new("--per-second")
        {
            Description = $"The most packets a second to show for each reason; the rest is counted [default: {DropsApi.DefaultPerSecond}]",
            HelpName = "N",
        };
        Option<string?> reason = new("--reason") { Description = "Only packets that were denied for this reason (docs/DROP-REASONS.md)", HelpName = "REASON" };
        Option<OutputFormat> format = Options.Format();
        var command = new Command("follow", "Show denied packets as they happen, until interrupted") { perSecond, reason, format };
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            List<string> query = [];
            if (parsed.GetValue(perSecond) is { } most) query.Add($"perSecond={Uri.EscapeDataString(most)}");
            if (parsed.GetValue(reason) is { } why) query.Add($"reason={Uri.EscapeDataString(why)}");
            using AdminClient client = socket.Connect(parsed);
            using var lines = new StreamReader(client.Open($"/v1/drops/follow?{string.Join('&', query)}"));
            bool isJson = parsed.GetValue(format) == OutputFormat.Json;
            while (lines.ReadLine() is { } line) streams.Out.WriteLine(isJson ? line : Describe(line));
            return ExitCode.Done;
        });
        return command;
    }

    private static Command Save(CommandStreams streams)
    {
        SocketOption socket = new();
        Argument<string> file = new("FILE") { Description = "A pcapng file, which Wireshark reads; the reason stands in each packet's comment. \"-\": standard output" };
        var command = new Command("save", "Save the last denied packets as a capture") { file };
        socket.AddTo(command);
        command.SetAction(parsed =>
        {
            using AdminClient client = socket.Connect(parsed);
            // All of it before a file is opened: half an answer takes the place of no older capture.
            byte[] capture = client.GetFile("/v1/drops/capture");
            string path = parsed.GetValue(file)!;
            if (path == "-")
            {
                streams.Output.Write(capture);
                streams.Output.Flush();
                return ExitCode.Done;
            }

            try
            {
                File.WriteAllBytes(path, capture);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new IOException($"{path} cannot be written ({e.Message.TrimEnd('.')}); name a file in a folder that exists and is yours to write to, or - for standard output", e);
            }

            using CaptureReader reader = CaptureReader.OpenFile(path);
            long packets = 0;
            while (reader.TryReadNext(out _)) packets++;
            streams.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {packets} denied {(packets == 1 ? "packet" : "packets")}"));
            return ExitCode.Done;
        });
        return command;
    }

    private static string Describe(string line)
    {
        DropEntry drop = JsonSerializer.Deserialize(line, AdminJson.Default.DropEntry)!;
        string time = drop.Time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        if (drop.Suppressed is { } more) return string.Create(CultureInfo.InvariantCulture, $"{time} … {more} more ({drop.Reason})");
        string rule = drop.Rule is null ? "" : $" by {drop.Rule} of {drop.SecurityGroup}";
        string detail = drop.Malformed is null ? "" : $": {drop.Malformed}";
        string direction = drop.Direction is null or "Unknown" ? "" : $" {drop.Direction}";
        return $"{time} {drop.Summary}{direction}{rule} ({drop.Reason}{detail})";
    }
}
