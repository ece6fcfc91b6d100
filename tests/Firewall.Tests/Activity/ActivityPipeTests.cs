using System.Collections;
using System.Text;
using System.Text.Json;
using Firewall.Activity;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Hosting;
using Firewall.Tests.App;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Firewall.Tests.Activity;

/// <summary>An activity log that is a pipe: who reads it gets every entry, and who does not, or is not there, keeps nobody waiting.</summary>
public sealed class ActivityPipeTests : IDisposable
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);

    private readonly TempFolder _folder = new();
    private readonly RecordingLogger _logger = new();

    private string Pipe => _folder["activity"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Its_reader_gets_entries_and_whoever_comes_after_him()
    {
        MakePipe();
        using ActivityLog log = Open();
        using (FileStream reader = Read())
        {
            log.Add(Entry(1));
            log.Add(Entry(2));
            Assert.Equal(["1", "2"], Descriptions(reader, 2));
        }

        log.Add(Entry(3));
        Assert.Equal(1, log.Lost);
        Assert.Contains("EPIPE", Assert.Single(_logger.Lines), StringComparison.Ordinal);
        using (FileStream reader = Read())
        {
            log.Add(Entry(4));
            Assert.Equal(["4"], Descriptions(reader, 1));
        }

        Assert.Equal([Pipe], Directory.EnumerateFiles(_folder.Path)); // nothing beside it
    }

    [Fact]
    public void Without_a_reader_nobody_waits_for_one()
    {
        MakePipe();
        using ActivityLog log = Open();
        log.Add(Entry(1));
        log.Add(Entry(2));
        Assert.Equal(2, log.Lost);
        Assert.Equal($"Error Activity log {Pipe} cannot be written (nobody reads it); what happens meanwhile is missing there", Assert.Single(_logger.Lines));
        Assert.True(ActivityFiles.IsPipe(Pipe));
        using FileStream reader = Read();
        log.Add(Entry(3));
        Assert.Equal(["3"], Descriptions(reader, 1));
    }

    [Fact]
    public void A_reader_who_hangs_loses_entries_and_gets_later_ones_on_lines_of_their_own()
    {
        MakePipe();
        using ActivityLog log = Open();
        using FileStream reader = Read();
        log.Add(Entry(1, 1_000_000)); // more than a pipe holds
        long begin = Environment.TickCount64;
        for (int i = 2; i < 20; i++) log.Add(Entry(i, 1_000_000));
        Assert.InRange(Environment.TickCount64 - begin, 0, 10_000); // only the first one waits
        Assert.Equal(19, log.Lost);
        Assert.Contains("its reader does not read", Assert.Single(_logger.Lines), StringComparison.Ordinal);
        string cut = Take(reader);
        Assert.DoesNotContain('\n', cut);
        log.Add(Entry(100));
        string[] lines = Take(reader).Split('\n');
        Assert.Equal(("", ""), (lines[0], lines[2]));
        Assert.Equal("100", DescriptionOf(lines[1]));
    }

    [Fact]
    public async Task An_appliance_starts_and_stops_without_a_reader_and_says_where_entries_are()
    {
        MakePipe();
        _folder.Write("rules.json", SampleFiles.Allow());
        _folder.Write("firewall.json", """
            {
              "Firewall": {
                "Rules": "rules.json", "Interfaces": ["eth0"], "Admin": { "Socket": "admin.sock" }, "ActivityLog": { "File": "activity" },
                "Logging": { "LogLevel": { "Default": "None" } }
              }
            }
            """);
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        using IHost host = ApplianceHost.Create(loader, loader.Load(), _ => new TestPlatform(), new StartMode(false), new FileWatchTiming(Guard, Guard, Guard));
        await host.StartAsync().WaitAsync(Guard);
        // The socket is there a moment after the start.
        CommandRunner list = CommandRunner.Run("activity", "list", "--socket", _folder["admin.sock"]);
        for (long start = Environment.TickCount64; Environment.TickCount64 - start < Guard.TotalMilliseconds && !list.Error.Contains("activity log", StringComparison.Ordinal); Thread.Sleep(10))
            list = CommandRunner.Run("activity", "list", "--socket", _folder["admin.sock"]);
        Assert.Contains($"the activity log goes to {Pipe}, which is no file: only its reader has it", Assert.Single(list.ErrorLines), StringComparison.Ordinal);
        await host.StopAsync().WaitAsync(Guard);
    }

    [Theory]
    [InlineData("list")]
    [InlineData("follow")]
    public void Commands_do_not_take_entries_away_from_its_reader(string command)
    {
        MakePipe();
        string configuration = _folder.Write("firewall.json", """{ "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0"], "ActivityLog": { "File": "activity" } } }""");
        CommandRunner run = CommandRunner.Run("activity", command, "--config", configuration);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Equal([$"firewall: the activity log goes to {Pipe}, which is no file: only its reader has it"], run.ErrorLines);
    }

    [Fact]
    public void A_file_is_none()
    {
        _folder.Write("activity", "");
        Assert.False(ActivityFiles.IsPipe(Pipe));
        Assert.False(ActivityFiles.IsPipe(_folder["nothing"]));
    }

    private static ActivityEvent Entry(int number, int length = 0) => new(ActivityOperation.KillFlows, true, ActivityCaller.Appliance, "fw0")
    {
        Description = $"{number}",
        Properties = new Dictionary<string, ActivityValue> { ["filter"] = new string('x', length) },
    };

    private static IEnumerable<string?> Descriptions(FileStream reader, int count)
    {
        var text = new StringBuilder();
        while (text.ToString().Count(letter => letter == '\n') < count) text.Append(Take(reader));
        return text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(DescriptionOf);
    }

    private static string? DescriptionOf(string line)
    {
        using JsonDocument entry = JsonDocument.Parse(line);
        return entry.RootElement.GetProperty("description").GetString();
    }

    private static string Take(FileStream reader)
    {
        byte[] bytes = new byte[1 << 20];
        return Encoding.UTF8.GetString(bytes, 0, reader.Read(bytes));
    }

    // For reading and writing: that does not wait for a writer.
    private FileStream Read() => new(Pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);

    private ActivityLog Open() => new(Pipe, new ActivityScope(Guid.Empty, "rg", "local"), TimeProvider.System, _logger);

    private void MakePipe()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "mkfifo");
        using var made = System.Diagnostics.Process.Start("mkfifo", [Pipe]);
        made.WaitForExit();
        Assert.Equal(0, made.ExitCode);
    }
}
