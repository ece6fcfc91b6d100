using Firewall.Control.Watching;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>On real files, by real events; the poll is set so far away that only events can make these tests pass.</summary>
public sealed class FileWatchTests : IDisposable
{
    private const string Missing = "(missing)";
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);
    private static readonly FileWatchTiming EventsOnly = new(TimeSpan.FromMilliseconds(20), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));

    private readonly TempFolder _folder = new();
    private readonly SemaphoreSlim _told = new(0);
    private volatile string _seen = "";

    public void Dispose()
    {
        _folder.Dispose();
        _told.Dispose();
    }

    [Fact]
    public async Task A_write_in_place_is_told()
    {
        string file = _folder.Write("rules.json", "1");
        using FileWatch watch = Watch(file);
        File.WriteAllText(file, "2");
        await Told("2");
    }

    [Fact]
    public async Task A_rename_over_the_file_is_told_again_and_again()
    {
        string file = _folder.Write("rules.json", "1");
        using FileWatch watch = Watch(file);
        for (int i = 0; i < 3; i++)
        {
            File.Move(_folder.Write("rules.json.new", $"{i}"), file, overwrite: true);
            await Told($"{i}");
        }
    }

    [Fact]
    public async Task A_file_that_is_deleted_and_made_anew_is_told()
    {
        string file = _folder.Write("rules.json", "1");
        using FileWatch watch = Watch(file);
        File.Delete(file);
        await Told(Missing);
        _folder.Write("rules.json", "2");
        await Told("2");
    }

    [Fact]
    public async Task A_file_that_did_not_exist_yet_is_told()
    {
        using FileWatch watch = Watch(_folder["rules.json"]);
        _folder.Write("rules.json", "1");
        await Told("1");
    }

    [Fact]
    public async Task A_swapped_link_in_the_middle_of_the_path_is_told_as_Kubernetes_does_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs rename(2) of a symbolic link");
        _folder.Write("..2026_1/rules.json", "1");
        File.CreateSymbolicLink(_folder["..data"], "..2026_1");
        File.CreateSymbolicLink(_folder["rules.json"], "..data/rules.json");
        using FileWatch watch = Watch(_folder["rules.json"]);
        for (int i = 2; i < 5; i++)
        {
            _folder.Write($"..2026_{i}/rules.json", $"{i}");
            File.CreateSymbolicLink(_folder["..data_tmp"], $"..2026_{i}");
            Rename(_folder["..data_tmp"], _folder["..data"]);
            Directory.Delete(_folder[$"..2026_{i - 1}"], recursive: true);
            await Told($"{i}");
        }
    }

    [Fact]
    public async Task A_swapped_link_on_the_file_is_told_and_the_new_target_is_watched()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs rename(2) of a symbolic link");
        _folder.Write("v1/rules.json", "1");
        string second = _folder.Write("v2/rules.json", "2");
        File.CreateSymbolicLink(_folder["rules.json"], "v1/rules.json");
        using FileWatch watch = Watch(_folder["rules.json"]);
        File.CreateSymbolicLink(_folder["next"], "v2/rules.json");
        Rename(_folder["next"], _folder["rules.json"]);
        await Told("2");
        File.WriteAllText(second, "3");
        await Told("3");
    }

    [Fact]
    public async Task A_file_added_to_a_folder_of_rules_is_told()
    {
        using FileWatch watch = Watch(_folder.Path);
        _folder.Write("web.json", "1");
        await Told("1");
    }

    [Fact]
    public void A_burst_of_writes_is_told_once()
    {
        var time = new ManualTime();
        string file = _folder.Write("rules.json", "1");
        int told = 0;
        // The manual clock owns the timers: whatever the file system reports, nothing is told before the clock moves.
        using var watch = new FileWatch([file], () => told++, FileWatchTiming.Default with { Poll = TimeSpan.FromHours(1) }, time);
        for (int i = 0; i < 10; i++)
        {
            File.WriteAllText(file, new string('x', i + 2));
            watch.Poll();
        }

        Assert.Equal(0, told);
        time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.Equal(1, told);
    }

    [Fact]
    public void Writes_that_never_stop_are_told_after_the_longest_wait()
    {
        var time = new ManualTime();
        string file = _folder.Write("rules.json", "1");
        int told = 0;
        using var watch = new FileWatch([file], () => told++, FileWatchTiming.Default with { Poll = TimeSpan.FromHours(1) }, time);
        for (int i = 0; i < 21; i++)
        {
            File.WriteAllText(file, new string('x', i + 2));
            watch.Poll();
            time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.Equal(1, told);
    }

    [Fact]
    public void The_poll_sees_what_no_event_told()
    {
        var time = new ManualTime();
        int told = 0;
        // A folder that does not exist cannot be watched, so only the poll can see the file that comes.
        using var watch = new FileWatch([_folder["later/rules.json"]], () => told++, FileWatchTiming.Default, time);
        time.Advance(FileWatchTiming.Default.Poll * 3);
        Assert.Equal(0, told);
        _folder.Write("later/rules.json", "1");
        time.Advance(FileWatchTiming.Default.Poll + FileWatchTiming.Default.Quiet);
        Assert.Equal(1, told);
    }

    [Fact]
    public async Task After_Follow_the_other_file_is_watched()
    {
        string file = _folder.Write("a/rules.json", "1");
        string other = _folder.Write("b/rules.json", "1");
        using var watch = new FileWatch([file], () => See(other), EventsOnly, TimeProvider.System);
        watch.Follow([other]);
        File.WriteAllText(other, "2");
        await Told("2");
    }

    [Fact]
    public void A_change_between_the_reading_and_Follow_is_told()
    {
        var time = new ManualTime();
        string file = _folder["later/rules.json"];
        int told = 0;
        // A folder that does not exist gives no event, as a watcher that Follow replaces gives none any more.
        using var watch = new FileWatch([file], () => told++, FileWatchTiming.Default with { Poll = TimeSpan.FromHours(1) }, time);
        _folder.Write("later/rules.json", "1");
        watch.Follow([file]);
        time.Advance(FileWatchTiming.Default.Quiet);
        Assert.Equal(1, told);
        watch.Follow([file]);
        time.Advance(FileWatchTiming.Default.Quiet);
        Assert.Equal(1, told);
    }

    [Fact]
    public void A_loop_of_links_does_not_hang()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "whoever makes the second link finds the loop, and Wine makes none");
        File.CreateSymbolicLink(_folder["a"], "b");
        File.CreateSymbolicLink(_folder["b"], "a");
        PathTrace trace = PathTrace.Of([_folder["a"]]);
        Assert.Contains((_folder.Path, "a"), trace.Places);
        Assert.Contains((_folder.Path, "b"), trace.Places);
    }

    // What the callback found in the file tells one change from another: an event that comes late cannot stand for the next change.
    private FileWatch Watch(string path) => new([path], () => See(path), EventsOnly, TimeProvider.System);

    private void See(string path)
    {
        try
        {
            _seen = Directory.Exists(path) ? string.Concat(Directory.GetFiles(path).Select(File.ReadAllText)) : File.ReadAllText(path);
        }
        catch (FileNotFoundException)
        {
            _seen = Missing;
        }

        _told.Release();
    }

    private async Task Told(string content)
    {
        do
        {
            Assert.True(await _told.WaitAsync(Guard), $"the change to '{content}' was not told; last seen: '{_seen}'");
        }
        while (_seen != content);
    }

    // rename(2) itself: the framework's Move wants a file at the end of the link.
    private static void Rename(string from, string to)
    {
        using var move = System.Diagnostics.Process.Start("mv", ["-T", from, to]);
        move.WaitForExit();
        Assert.Equal(0, move.ExitCode);
    }
}
