using System.Diagnostics;
using System.IO.Pipes;
using System.Text;
using Firewall.FlowLogs;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.FlowLogs;

/// <summary>Lines are whole and in their order, whoever else writes to the same file, and whatever the path leads to.</summary>
public sealed class LineFileTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LineFile _lines = new();

    public void Dispose()
    {
        _lines.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Lines_begin_anew_behind_one_that_was_cut_off()
    {
        string path = _folder.Write("flows.jsonl", "{\"a\":1}\n{\"a\":");
        _lines.Append(path, Line(3));
        Assert.Equal(["{\"a\":1}", "{\"a\":", "{\"a\":3}"], File.ReadAllLines(path));
    }

    [Fact]
    public void A_pipe_gets_lines_as_well()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a pipe has a path in /proc");
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        _lines.Append($"/proc/self/fd/{pipe.ClientSafePipeHandle.DangerousGetHandle()}", Line(1));
        byte[] read = new byte[100];
        Assert.Equal("{\"a\":1}\n", Encoding.UTF8.GetString(read, 0, pipe.Read(read)));
    }

    [Fact]
    public async Task Who_reads_a_named_pipe_to_its_end_gets_all_pieces()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "mkfifo");
        string path = _folder["lines"];
        using (Process made = Process.Start("mkfifo", path)) await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        for (int reader = 1; reader <= 2; reader++)
        {
            Task<string> read = Task.Run(() => File.ReadAllText(path)); // its opening waits for the writer's, and the other way round
            using var lines = new LineFile();
            for (int i = 1; i <= 3; i++) lines.Append(path, Line(i));
            lines.Dispose();
            Assert.Equal("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", await read.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public void A_link_is_locked_where_it_leads_to_and_a_device_is_not()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "links and devices");
        File.WriteAllText(_folder["flows.jsonl"], "");
        File.CreateSymbolicLink(_folder["link"], _folder["flows.jsonl"]);
        _lines.Append(_folder["link"], Line(1));
        Assert.True(File.Exists(_folder[".flows.jsonl.lock"]));
        Assert.False(File.Exists(_folder[".link.lock"]));
        _lines.Append("/dev/null", Line(1));
        Assert.False(File.Exists("/dev/.null.lock"));
    }

    [Fact]
    public async Task Two_processes_that_write_at_once_overwrite_nothing()
    {
        const int Pieces = 300;
        string path = _folder["flows.jsonl"];
        await Task.WhenAll(Write(0), Write(Pieces));
        Assert.Equal(Enumerable.Range(0, 2 * Pieces).Select(number => $"{{\"a\":{number}}}"), File.ReadAllLines(path).OrderBy(line => line.Length).ThenBy(line => line, StringComparer.Ordinal));

        Task Write(int first) => Task.Run(() =>
        {
            using var lines = new LineFile();
            for (int i = 0; i < Pieces; i++) lines.Append(path, Line(first + i));
        });
    }

    [Fact]
    public void Where_no_lock_can_be_had_lines_are_written_all_the_same()
    {
        Directory.CreateDirectory(_folder[".flows.jsonl.lock"]);
        _lines.Append(_folder["flows.jsonl"], Line(1));
        Assert.Equal(["{\"a\":1}"], File.ReadAllLines(_folder["flows.jsonl"]));
    }

    private static byte[] Line(int number) => Encoding.UTF8.GetBytes($"{{\"a\":{number}}}\n");
}
