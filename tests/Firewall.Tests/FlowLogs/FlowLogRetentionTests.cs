using Firewall.FlowLogs;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.FlowLogs;

/// <summary>Flow logs go when they were kept long enough or are too large, the oldest first; nothing else goes.</summary>
public sealed class FlowLogRetentionTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new(); // 2026-03-02T10:15:21Z
    private readonly RecordingLogger _logger = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_goes_so_many_days_behind_the_end_of_its_hour_and_its_empty_folders_with_it()
    {
        string over = Write("y=2026/m=02/d=28/h=09/m=00", 10);
        string justNot = Write("y=2026/m=02/d=28/h=10/m=00", 10);
        string stranger = Path.Combine(_folder["logs"], "notes", "PT1H.json");
        Directory.CreateDirectory(Path.GetDirectoryName(stranger)!);
        File.WriteAllText(stranger, "{}");
        Retention(days: 2, bytes: 0).Remove();
        Assert.False(File.Exists(over));
        Assert.False(Directory.Exists(Path.GetFullPath(Path.Combine(over, "../../.."))), "an empty folder is left");
        Assert.True(File.Exists(justNot) && File.Exists(stranger));
        Assert.Contains(_logger.Lines, line => line.Contains("1 files were kept long enough", StringComparison.Ordinal));
        _time.Advance(TimeSpan.FromHours(1));
        Retention(days: 2, bytes: 0).Remove();
        Assert.False(File.Exists(justNot));
    }

    [Fact]
    public void While_all_together_are_too_large_the_oldest_go_but_never_this_hours()
    {
        string[] files = [.. Enumerable.Range(7, 4).Select(hour => Write($"y=2026/m=03/d=02/h={hour:00}/m=00", 100))];
        Retention(days: 0, bytes: 250).Remove();
        Assert.Equal([false, false, true, true], files.Select(File.Exists));
        Retention(days: 0, bytes: 1).Remove();
        Assert.Equal([false, false, false, true], files.Select(File.Exists));
    }

    [Fact]
    public void What_cannot_be_removed_is_told()
    {
        Write("y=2025/m=02/d=28/h=09/m=00", 10);
        Directory.CreateDirectory(Path.Combine(_folder["logs"], ".lock"));
        Retention(days: 1, bytes: 0).Remove();
        Assert.Contains(_logger.Lines, line => line.StartsWith("Error Flow logs in ", StringComparison.Ordinal));
    }

    private FlowLogRetention Retention(int days, long bytes) => new(_folder["logs"], TimeSpan.FromDays(days), bytes, _time, _logger);

    private string Write(string hour, int length)
    {
        string path = Path.Combine(_folder["logs"], "insights-logs-flowlogflowevent", "flowLogResourceID=", "0_NETWORKWATCHERRG", "FW0", hour, "macAddress=000000000000", "PT1H.json");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, new byte[length]);
        return path;
    }
}
