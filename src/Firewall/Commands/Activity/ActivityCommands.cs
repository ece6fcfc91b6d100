using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Firewall.Activity;
using Firewall.Commands.Running;
using Firewall.Control;
using Firewall.Control.Configuration;
using Spectre.Console;

namespace Firewall.Commands.Activity;

/// <summary><c>firewall activity list|follow</c>: who changed what, from the activity log of an appliance, running or not.</summary>
internal static class ActivityCommands
{
    private const int DefaultEntries = 50;
    private static readonly TimeSpan FollowStep = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan RemoteStep = TimeSpan.FromSeconds(1);

    public static Command Create(CommandStreams streams)
    {
        var command = new Command("activity", "The activity log: changes of rules, just-in-time access, ended flows, start and stop")
        {
            CreateList(streams),
            CreateFollow(streams),
        };
        return command;
    }

    private static Command CreateList(CommandStreams streams)
    {
        Option<string?> config = Config();
        Option<string?> file = FileOption();
        Option<OutputFormat> format = Options.Format();
        Option<string?> limit = new("--limit")
        {
            Description = $"Show the newest so many, from 1 to {RemoteActivity.MostEntries} [default: {DefaultEntries}]",
            HelpName = "COUNT",
        };
        SocketOption socket = new();
        var list = new Command("list", "Show the newest entries") { config, file, limit, format };
        socket.AddTo(list);
        list.SetAction(parsed =>
        {
            int count = parsed.GetValue(limit) is { } text ? Count(text) : DefaultEntries;
            IReadOnlyList<string> lines = socket.IsGiven(parsed)
                ? FromAppliance(parsed, socket, config, file, remote => remote.Newest(count))
                : ReadNewest(PathOf(parsed.GetValue(file), parsed.GetValue(config)), count);
            return List(lines, parsed.GetValue(format), streams);
        });
        HelpExamples.Add(
            list, "firewall activity list --config /etc/firewall/firewall.json", "firewall activity list --format json | jq .operationName.value",
            "firewall activity list --admin https://firewall.example.net:9478 --token-file reader.token");
        return list;
    }

    private static Command CreateFollow(CommandStreams streams)
    {
        Option<string?> config = Config();
        Option<string?> file = FileOption();
        Option<OutputFormat> format = Options.Format();
        SocketOption socket = new();
        var follow = new Command("follow", "Show entries as they come, until interrupted") { config, file, format };
        socket.AddTo(follow);
        follow.SetAction((parsed, stop) => socket.IsGiven(parsed)
            ? FromAppliance(parsed, socket, config, file, remote => FollowAsync(remote, parsed.GetValue(format), streams, stop))
            : FollowAsync(PathOf(parsed.GetValue(file), parsed.GetValue(config)), parsed.GetValue(format), streams, stop));
        HelpExamples.Add(follow, "firewall activity follow");
        return follow;
    }

    private static int Count(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count is >= 1 and <= RemoteActivity.MostEntries
            ? count
            : throw new InvalidInputException($"--limit is '{text}', but must be a whole number from 1 to {RemoteActivity.MostEntries}");

    private static Option<string?> Config() => new("--config")
    {
        Description = $"Configuration file of the appliance [default: {RunCommand.DefaultFile}]",
        HelpName = "FILE",
    };

    private static Option<string?> FileOption() => new("--file") { Description = "The activity log itself, instead of the one that the configuration names", HelpName = "FILE" };

    private static string PathOf(string? file, string? config)
    {
        if (file is not null) return Path.GetFullPath(file);
        var loader = new ConfigurationLoader(config ?? RunCommand.DefaultFile, mayBeMissing: config is null, Environment.GetEnvironmentVariables());
        string path = ActivityFiles.Of(loader.Load()) ?? throw new InvalidInputException("Firewall:ActivityLog:File is \"none\": no activity log is written");
        return ActivityFiles.IsPipe(path) ? throw new InvalidInputException($"the activity log goes to {path}, which is no file: only its reader has it") : path;
    }

    private static T FromAppliance<T>(ParseResult parsed, SocketOption socket, Option<string?> config, Option<string?> file, Func<RemoteActivity, T> read)
    {
        if (parsed.GetValue(config) is not null || parsed.GetValue(file) is not null)
            throw new InvalidInputException("--config and --file name a log on this machine, --socket and --admin an appliance; give one of them");
        return read(new RemoteActivity(socket.Connect(parsed)));
    }

    private static IReadOnlyList<string> ReadNewest(string path, int limit)
    {
        IReadOnlyList<string> files = ActivityLog.FilesOf(path);
        if (files.Count == 0) throw new InvalidInputException($"{path}: there is no activity log");
        return [.. files.SelectMany(ReadLines).TakeLast(limit)];
    }

    private static int List(IReadOnlyList<string> lines, OutputFormat format, CommandStreams streams)
    {
        if (format == OutputFormat.Json)
        {
            foreach (string line in lines) streams.Out.WriteLine(line);
            return ExitCode.Done;
        }

        var table = new Table().Border(TableBorder.None).AddColumns("TIME", "CALLER", "OPERATION", "STATUS", "RESOURCE", "WHAT");
        foreach (string line in lines)
        {
            if (Row(line) is { } row) table.AddRow([.. row.Select(cell => new Text(cell))]);
        }

        TerminalConsole.For(streams.Out, streams.OutputIsTerminal).Write(table);
        return ExitCode.Done;
    }

    private static async Task<int> FollowAsync(string path, OutputFormat format, CommandStreams streams, CancellationToken stop)
    {
        using var log = new FollowedActivity(path);
        try
        {
            while (true)
            {
                foreach (string line in log.New()) await WriteAsync(line, format, streams, stop);
                await Task.Delay(FollowStep, stop);
            }
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Done;
        }
    }

    private static async Task<int> FollowAsync(RemoteActivity remote, OutputFormat format, CommandStreams streams, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                foreach (string line in remote.NewIfThere(streams.WriteError)) await WriteAsync(line, format, streams, stop);
                await Task.Delay(RemoteStep, stop);
            }
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Done;
        }
    }

    private static async Task WriteAsync(string line, OutputFormat format, CommandStreams streams, CancellationToken stop)
    {
        if (format == OutputFormat.Json) await streams.Out.WriteLineAsync(line.AsMemory(), stop);
        else if (Row(line) is { } row) await streams.Out.WriteLineAsync(string.Join("  ", row).AsMemory(), stop);
    }

    private static IEnumerable<string> ReadLines(string file)
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0) yield return line;
        }
    }

    // In words; --format json has the ids. A line that a kill cut short is none.
    private static string[]? Row(string line)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement entry = json.RootElement;
            string Words(string name) => entry.GetProperty(name).GetProperty("localizedValue").GetString() ?? "";
            string Text(string name) => entry.GetProperty(name).GetString() ?? "";
            string resource = Text("resourceId");
            return
            [
                Text("eventTimestamp")[..19] + "Z", Text("caller"), Words("operationName"), Words("status"), resource[(resource.LastIndexOf('/') + 1)..],
                Text("description"),
            ];
        }
        catch (Exception damaged) when (damaged is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }
}
