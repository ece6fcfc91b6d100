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

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lines_begin_anew_behind_one_that_was_cut_off()
    {
        string path = _folder.Write("flows.jsonl", "{\"a\":1}\n{\"a\":");
        LineFile.Append(path, Line(3));
        Assert.Equal(["{\"a\":1}", "{\"a\":", "{\"a\":3}"], File.ReadAllLines(path));
    }

    [Fact]
    public void A_pipe_gets_lines_as_well()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a pipe has a path in /proc");
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        LineFile.Append($"/proc/self/fd/{pipe.ClientSafePipeHandle.DangerousGetHandle()}", Line(1));
        byte[] read = new byte[100];
        Assert.Equal("{\"a\":1}\n", Encoding.UTF8.GetString(read, 0, pipe.Read(read)));
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
            for (int i = 0; i < Pieces; i++) LineFile.Append(path, Line(first + i));
        });
    }

    [Fact]
    public void Where_no_lock_can_be_had_lines_are_written_all_the_same()
    {
        Directory.CreateDirectory(_folder[".flows.jsonl.lock"]);
        LineFile.Append(_folder["flows.jsonl"], Line(1));
        Assert.Equal(["{\"a\":1}"], File.ReadAllLines(_folder["flows.jsonl"]));
    }

    private static byte[] Line(int number) => Encoding.UTF8.GetBytes($"{{\"a\":{number}}}\n");
}
