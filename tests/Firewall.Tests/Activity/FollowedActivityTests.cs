using Firewall.Activity;
using Firewall.Commands.Activity;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.Activity;

/// <summary>Who follows the activity log sees every entry, once, however its files are moved.</summary>
public sealed class FollowedActivityTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private int _entries;

    private string Log => _folder["log.jsonl"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_stood_there_is_not_told_and_what_comes_is_told_in_whole_lines()
    {
        Add(2);
        using var followed = new FollowedActivity(Log);
        Assert.Empty(followed.New());
        Add(1);
        File.AppendAllText(Log, "half");
        Assert.Equal(["entry 2"], followed.New());
        File.AppendAllText(Log, " a line\n");
        Assert.Equal(["half a line"], followed.New());
    }

    [Fact]
    public void A_log_that_is_not_there_yet_is_told_from_its_begin()
    {
        using var followed = new FollowedActivity(_folder["later/log.jsonl"]);
        Assert.Empty(followed.New());
        _folder.Write("later/log.jsonl", "entry\n");
        Assert.Equal(["entry"], followed.New());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 100)] // the new file is longer than the old one was
    [InlineData(3, 1)]
    [InlineData(3, 100)]
    [InlineData(ActivityLog.KeptFiles, 2)]
    public void What_came_before_and_after_files_were_moved_aside_is_told(int moves, int more)
    {
        Add(10);
        using var followed = new FollowedActivity(Log);
        Assert.Empty(followed.New());
        for (int i = 0; i < moves; i++)
        {
            Add(more);
            MoveAside();
        }

        Add(more);
        Assert.Equal(Enumerable.Range(10, _entries - 10).Select(number => $"entry {number}"), followed.New());
        Assert.Empty(followed.New());
        Add(1);
        Assert.Equal([$"entry {_entries - 1}"], followed.New());
    }

    [Fact]
    public void Between_the_move_and_the_new_file_nothing_is_told_twice()
    {
        Add(10);
        using var followed = new FollowedActivity(Log);
        Assert.Empty(followed.New());
        Add(1);
        MoveAside();
        Assert.Equal(["entry 10"], followed.New());
        Assert.Empty(followed.New());
        File.WriteAllText(Log, "");
        Assert.Empty(followed.New());
        Add(1);
        Assert.Equal(["entry 11"], followed.New());
    }

    [Fact]
    public void A_file_that_others_emptied_or_took_away_is_told_from_its_begin()
    {
        Add(10);
        using var followed = new FollowedActivity(Log);
        Assert.Empty(followed.New());
        File.WriteAllText(Log, "");
        Add(1);
        Assert.Equal(["entry 10"], followed.New());
        File.Move(Log, _folder["elsewhere"]);
        Add(2);
        Assert.Equal(["entry 11", "entry 12"], followed.New());
    }

    [Fact]
    public async Task While_the_log_itself_moves_files_every_entry_is_told_once()
    {
        using var log = new ActivityLog(Log, new ActivityScope(Guid.Empty, "rg", "local"), TimeProvider.System, new RecordingLogger());
        using var followed = new FollowedActivity(Log);
        log.Add(Entry(-1));
        Assert.Empty(followed.New());
        const int Entries = 300;
        Task writing = Task.Run(() =>
        {
            for (int i = 0; i < Entries; i++) log.Add(Entry(i));
        });
        List<string> told = [];
        while (!writing.IsCompleted) told.AddRange(followed.New());
        await writing;
        told.AddRange(followed.New());
        told.AddRange(followed.New());
        Assert.True(ActivityLog.FilesOf(Log).Count > 3, "no file was moved aside");
        Assert.Equal(Enumerable.Range(0, Entries), told.Select(line => int.Parse(
            System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("description").GetString()!, System.Globalization.CultureInfo.InvariantCulture)));

        // So long that some are a file.
        static ActivityEvent Entry(int number) => new(ActivityOperation.KillFlows, true, ActivityCaller.Appliance, "fw0")
        {
            Description = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{number}"),
            Properties = new Dictionary<string, ActivityValue> { ["filter"] = new string('x', 200_000) },
        };
    }

    // The first look at a new file may find it empty, and the next one not.
    [Fact]
    public async Task A_file_that_gets_its_first_line_while_it_is_looked_at_is_told_once()
    {
        const int Files = 1_000;
        Assert.SkipWhen(OperatingSystem.IsWindows(), "an open file cannot be moved over");
        Add(1);
        using var followed = new FollowedActivity(Log);
        Assert.Empty(followed.New());
        List<string> told = [];
        int count = 0;
        Task writing = Task.Run(() =>
        {
            for (int file = 1; file <= Files; file++)
            {
                // As many are kept as there is time for the reader to be behind.
                SpinWait.SpinUntil(() => Volatile.Read(ref count) >= file - 2, TimeSpan.FromSeconds(10));
                MoveAside();
                using var next = new FileStream(Log, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
                Thread.SpinWait(file % 200 * 10);
                next.Write(System.Text.Encoding.UTF8.GetBytes($"entry {file}\n"));
            }
        });
        while (!writing.IsCompleted)
        {
            told.AddRange(followed.New());
            Volatile.Write(ref count, told.Count);
        }

        await writing;
        for (int look = 0; look < 3; look++) told.AddRange(followed.New());
        Assert.Equal(Enumerable.Range(1, Files).Select(static file => $"entry {file}"), told);
    }

    private void Add(int count)
    {
        for (int i = 0; i < count; i++) File.AppendAllText(Log, $"entry {_entries++}\n");
    }

    private void MoveAside()
    {
        for (int number = ActivityLog.KeptFiles - 1; number >= 1; number--)
        {
            if (File.Exists($"{Log}.{number}")) File.Move($"{Log}.{number}", $"{Log}.{number + 1}", overwrite: true);
        }

        File.Move(Log, $"{Log}.1");
    }
}
