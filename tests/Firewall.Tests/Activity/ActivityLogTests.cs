using System.Text.Json;
using Firewall.Activity;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.Activity;

/// <summary>Who did what, in Azure's words, on disk, whatever happens to the disk.</summary>
public sealed class ActivityLogTests : IDisposable
{
    private static readonly ActivityEvent Kill = new(ActivityOperation.KillFlows, true, new ActivityCaller("ana", 1000, 4711), "fw0")
    {
        Description = "2 flows",
        Properties = new Dictionary<string, ActivityValue> { ["filter"] = ActivityValue.Json("{\"port\":22}"), ["note"] = "[plain] {" },
    };

    private static readonly ActivityScope s_scope = new(new Guid("11112222-3333-4444-5555-666677778888"), "rg-edge", "local");

    private readonly TempFolder _folder = new();
    private readonly RecordingLogger _logger = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_newest_entries_are_read_from_the_end_over_all_files()
    {
        // Longer than what is read at once, and a line in the midst that a kill cut short.
        File.WriteAllLines(_folder["log.jsonl.1"], [.. Enumerable.Range(0, 3000).Select(Line), "{\"number\":"]);
        File.WriteAllLines(_folder["log.jsonl"], [Line(3000), Line(3001)]);
        Assert.Equal([3001, 3000, 2999], Numbers(3));
        Assert.Equal(Enumerable.Range(0, 3002).Reverse(), Numbers(5000));
        Assert.Empty(ActivityFiles.ReadNewest(_folder["nothing.jsonl"], 3));

        static string Line(int number) => $$"""{"number":{{number}},"text":"{{new string('x', 100)}}"}""";
        IEnumerable<int> Numbers(int count) => ActivityFiles.ReadNewest(_folder["log.jsonl"], count)
            .Select(entry => JsonDocument.Parse(entry).RootElement.GetProperty("number").GetInt32());
    }

    [Fact]
    public void An_entry_has_the_shape_of_Azures()
    {
        const string group = "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.Network/networkSecurityGroups/nsg";
        using (var log = new ActivityLog(_folder["log.jsonl"], s_scope, new ManualTime(), _logger))
        {
            log.Add(Kill);
            log.Add(new ActivityEvent(ActivityOperation.WriteGroup, false, ActivityCaller.Appliance, group));
        }

        string[] lines = _folder.ReadLines("log.jsonl");
        using JsonDocument first = JsonDocument.Parse(lines[0]);
        JsonElement entry = first.RootElement;
        Assert.Equal("Firewall/flows/kill/action", entry.GetProperty("operationName").GetProperty("value").GetString());
        Assert.Equal("ana", entry.GetProperty("caller").GetString());
        Assert.Equal("1000", entry.GetProperty("claims").GetProperty("uid").GetString());
        Assert.Equal("2026-03-02T10:15:21.0000000Z", entry.GetProperty("eventTimestamp").GetString());
        Assert.Equal(22, entry.GetProperty("properties").GetProperty("filter").GetProperty("port").GetInt32());
        Assert.Equal("[plain] {", entry.GetProperty("properties").GetProperty("note").GetString());
        Assert.Equal("Succeeded", entry.GetProperty("status").GetProperty("value").GetString());
        Assert.Equal("/subscriptions/11112222-3333-4444-5555-666677778888/resourceGroups/rg-edge/providers/Firewall/flows/fw0", entry.GetProperty("resourceId").GetString());
        Assert.Equal(("11112222-3333-4444-5555-666677778888", "rg-edge"), (entry.GetProperty("subscriptionId").GetString(), entry.GetProperty("resourceGroupName").GetString()));
        using JsonDocument second = JsonDocument.Parse(lines[1]);
        Assert.Equal(("s1", "rg1", "Microsoft.Network/networkSecurityGroups", "Failed", "Error"), (
            second.RootElement.GetProperty("subscriptionId").GetString(),
            second.RootElement.GetProperty("resourceGroupName").GetString(),
            second.RootElement.GetProperty("resourceType").GetProperty("value").GetString(),
            second.RootElement.GetProperty("status").GetProperty("value").GetString(),
            second.RootElement.GetProperty("level").GetString()));
    }

    [Theory]
    [InlineData("default", "/subscriptions/11112222-3333-4444-5555-666677778888/resourceGroups/rg-edge/providers/Microsoft.Security/locations/local/jitNetworkAccessPolicies/default")]
    [InlineData("a/b", "/subscriptions/11112222-3333-4444-5555-666677778888/resourceGroups/rg-edge/providers/Microsoft.Security/locations/local/jitNetworkAccessPolicies/a.b")]
    [InlineData("/subscriptions/s/resourceGroups/g/providers/x/y/z", "/subscriptions/s/resourceGroups/g/providers/x/y/z")]
    public void What_has_no_id_gets_one_of_its_type(string resource, string id)
    {
        Assert.Equal(id, s_scope.IdOf(ActivityOperation.InitiateJit, resource));
        Assert.Equal(id, s_scope.IdOf(ActivityOperation.ExpireJit, resource));
    }

    [Fact]
    public void A_long_file_is_moved_aside_and_only_so_many_are_kept()
    {
        string path = _folder["log.jsonl"];
        File.WriteAllText($"{path}.{ActivityLog.KeptFiles}", "oldest\n");
        using ActivityLog log = Open(path);
        log.Add(Kill);
        for (int moved = 1; moved < ActivityLog.KeptFiles; moved++)
        {
            Grow(path);
            log.Add(Kill);
            Assert.Single(_folder.ReadLines("log.jsonl"));
            // As long as there is room the oldest stays.
            string[] expected = [$"{path}.{ActivityLog.KeptFiles}", .. Enumerable.Range(1, moved).Reverse().Select(number => $"{path}.{number}"), path];
            Assert.Equal(expected, ActivityLog.FilesOf(path));
        }

        Assert.Equal("oldest\n", File.ReadAllText($"{path}.{ActivityLog.KeptFiles}"));
        IReadOnlyList<string> all = ActivityLog.FilesOf(path);
        Grow(path);
        log.Add(Kill);
        Assert.Equal(all, ActivityLog.FilesOf(path));
        Assert.NotEqual("oldest", _folder.ReadLines($"log.jsonl.{ActivityLog.KeptFiles}")[0]); // it made room
        Assert.Empty(_logger.Lines);
    }

    [Theory]
    [InlineData(1)] // the live file itself
    [InlineData(5)]
    [InlineData(ActivityLog.Places)] // the oldest
    public void Where_a_file_cannot_be_moved_none_is_lost_and_the_log_goes_on_in_the_same(int place)
    {
        string path = _folder["log.jsonl"];
        for (int number = 1; number <= ActivityLog.KeptFiles; number++) File.WriteAllText($"{path}.{number}", $"{number}\n");
        string blocked = ActivityLog.Aside(path, place);
        File.Delete(blocked);
        Directory.CreateDirectory(Path.Combine(blocked, "something"));
        string[] before = Archives();
        using ActivityLog log = Open(path);
        log.Add(Kill);
        Grow(path);
        for (int i = 0; i < 3; i++) log.Add(Kill);
        Assert.Equal(5, _folder.ReadLines("log.jsonl").Length); // the fourth is what it grew by
        Assert.Equal(before, Archives());
        Assert.Equal(0, log.Lost);
        Assert.StartsWith($"Warning Activity log {path} is long, and its files cannot all be moved aside (", Assert.Single(_logger.Lines), StringComparison.Ordinal);

        Directory.Delete(blocked, recursive: true);
        string[] after = [.. before.Append(_folder.ReadLines("log.jsonl")[0]).TakeLast(ActivityLog.KeptFiles)];
        log.Add(Kill);
        Assert.Single(_folder.ReadLines("log.jsonl"));
        Assert.Equal(after, Archives());

        // What they hold, the oldest first, by whatever name.
        string[] Archives() => [.. ActivityLog.FilesOf(path).Where(file => file != path).Select(file => File.ReadLines(file).First())];
    }

    [Fact]
    public void Two_processes_write_to_one_log_whichever_of_them_moves_it()
    {
        string path = _folder["log.jsonl"];
        using ActivityLog old = Open(path), next = Open(path);
        old.Add(Numbered(0));
        next.Add(Numbered(1));
        old.Add(Numbered(2));
        Grow(path);
        next.Add(Numbered(3));
        old.Add(Numbered(4));
        Grow(path);
        old.Add(Numbered(5));
        next.Add(Numbered(6));
        Assert.Equal([6, 5, 4, 3, 2, 1, 0], NumbersIn(path));
        Assert.Equal([$"{path}.2", $"{path}.1", path], ActivityLog.FilesOf(path));
        Assert.Equal(2, _folder.ReadLines("log.jsonl").Length);
    }

    [Fact]
    public async Task Two_processes_that_write_at_once_overwrite_nothing()
    {
        const int Entries = 100;
        string path = _folder["log.jsonl"];
        await Task.WhenAll(Write(0), Write(Entries));
        Assert.InRange(ActivityLog.FilesOf(path).Count, 3, ActivityLog.KeptFiles);
        Assert.Equal(Enumerable.Range(0, 2 * Entries), NumbersIn(path).Order());
        Assert.Empty(_logger.Lines);

        Task Write(int first) => Task.Run(() =>
        {
            using ActivityLog log = Open(path);
            for (int i = 0; i < Entries; i++) log.Add(Numbered(first + i, 200_000));
        });
    }

    [Fact]
    public void Where_no_lock_can_be_had_entries_are_written_all_the_same()
    {
        Directory.CreateDirectory(_folder[".log.jsonl.lock"]);
        using ActivityLog log = Open(_folder["log.jsonl"]);
        log.Add(Kill);
        Assert.Single(_folder.ReadLines("log.jsonl"));
    }

    private ActivityLog Open(string path) => new(path, s_scope, new ManualTime(), _logger);

    private static ActivityEvent Numbered(int number, int length = 0) => Kill with { Description = $"{number}", Properties = new Dictionary<string, ActivityValue> { ["filter"] = new string('x', length) } };

    private static IEnumerable<int> NumbersIn(string path) => ActivityFiles.ReadNewest(path, int.MaxValue)
        .Select(entry => int.Parse(JsonDocument.Parse(entry).RootElement.GetProperty("description").GetString()!, System.Globalization.CultureInfo.InvariantCulture));

    private static void Grow(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        file.SetLength(ActivityLog.LongestFile);
    }

    [Fact]
    public void Behind_a_line_that_a_kill_cut_short_a_new_one_begins()
    {
        File.WriteAllText(_folder["log.jsonl"], "{\"half\":");
        using var log = new ActivityLog(_folder["log.jsonl"], s_scope, new ManualTime(), _logger);
        log.Add(Kill);
        string[] lines = _folder.ReadLines("log.jsonl");
        Assert.Equal("{\"half\":", lines[0]);
        JsonDocument.Parse(lines[1]).Dispose();
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_told_once_and_mended_by_itself()
    {
        File.WriteAllText(_folder["not-a-folder"], "");
        string path = Path.Combine(_folder["not-a-folder"], "log.jsonl");
        using var log = new ActivityLog(path, s_scope, new ManualTime(), _logger);
        log.Add(Kill);
        log.Add(Kill);
        Assert.Equal(2, log.Lost);
        Assert.Single(_logger.Lines);
        File.Delete(_folder["not-a-folder"]);
        log.Add(Kill);
        Assert.Single(_folder.ReadLines(Path.Combine("not-a-folder", "log.jsonl")));
    }
}
