using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Firewall.Core.Packets;
using Firewall.Devices.Captures;
using Firewall.Tests.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>How a command ends that would go on: by its reader, who goes, and by Ctrl+C. In processes of their own, with pipes and signals.</summary>
public sealed class CommandEndTests : IDisposable
{
    private const int BrokenPipe = 141;
    private const int EndedBySigint = 130;
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(60);

    // Denied where there are no rules.
    private static readonly byte[] s_record =
        new CaptureBuilder(bigEndian: false).PcapRecord(1_700_000_000, 0, PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn)).ToArray();

    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _patience = new(Guard);
    private Socket? _appliance;
    private Process? _process;

    private string SocketPath => _folder["admin.sock"];

    public void Dispose()
    {
        if (_process is { HasExited: false }) _process.Kill();
        _process?.Dispose();
        _appliance?.Dispose();
        _patience.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("application/x-ndjson", """{"time":"2026-03-02T10:15:21Z","reason":"Rule","suppressed":1}""", "drops", "follow", "--format", "json")]
    [InlineData("application/x-ndjson", """{"time":"2026-03-02T10:15:21Z","reason":"Rule","suppressed":1}""", "drops", "follow")]
    [InlineData("application/json", "[", "flows", "list", "--format", "json")]
    public async Task A_command_ends_quietly_when_nobody_reads_it_any_more(string type, string line, params string[] command)
    {
        Listen();
        Task answering = AnswerWithoutEndAsync(type, line);
        Process process = Start([.. command, "--socket", SocketPath]);
        Assert.NotNull(await process.StandardOutput.ReadLineAsync(_patience.Token));
        process.StandardOutput.Dispose();
        await EndsAsync(process, BrokenPipe);
        await answering;
    }

    [Fact]
    public async Task An_activity_log_is_followed_as_long_as_somebody_reads()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pipes");
        string file = _folder.Write("activity.jsonl", "");
        Process process = Start("activity", "follow", "--format", "json", "--file", file);
        Task<string?> first = process.StandardOutput.ReadLineAsync(_patience.Token).AsTask();
        while (!first.IsCompleted) await EntryAsync();
        Assert.Equal("{}", await first);
        process.StandardOutput.Dispose();
        while (!process.HasExited) await EntryAsync();
        await EndsAsync(process, BrokenPipe);

        async Task EntryAsync()
        {
            await File.AppendAllTextAsync(file, "{}\n", _patience.Token);
            await Task.Delay(10, _patience.Token);
        }
    }

    [Fact]
    public async Task A_replay_that_nobody_reads_any_more_leaves_whole_captures()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pipes");
        Process process = StartReplay("--denied", _folder["denied.pcap"]);
        process.StandardOutput.Dispose();
        try
        {
            while (true) await WritePacketAsync(process);
        }
        catch (IOException)
        {
            // It does not read any more either.
        }

        await EndsAsync(process, BrokenPipe);
        Assert.Equal(0, CommandRunner.Run("replay", _folder["denied.pcap"], "--rules", _folder["rules.json"]).ExitCode);
    }

    [Fact]
    public async Task Top_ends_by_one_interruption_while_the_appliance_says_nothing()
    {
        Listen();
        Process process = Start("top", "--socket", SocketPath);
        using Socket asked = await _appliance!.AcceptAsync(_patience.Token);
        await InterruptAsync(process);
        await EndsAsync(process, 0);
    }

    [Fact]
    public async Task A_replay_ends_by_a_second_interruption_while_nothing_comes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals");
        Process process = StartReplay();
        Task<string?> first = process.StandardOutput.ReadLineAsync(_patience.Token).AsTask();
        while (!first.IsCompleted)
        {
            await WritePacketAsync(process);
            await Task.Delay(10, _patience.Token);
        }

        // Two at once may be one.
        while (!process.HasExited)
        {
            await InterruptAsync(process);
            await Task.Delay(50, _patience.Token);
        }

        await EndsAsync(process, EndedBySigint);
    }

    private void Listen()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Unix sockets, pipes and signals");
        _appliance = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _appliance.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _appliance.Listen();
    }

    private Process Start(params string[] command)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pipes and signals");
        // Behind '&' in a script SIGINT is ignored, by whoever is started there too.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", Path.Combine(AppContext.BaseDirectory, "firewall"), .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return _process = Process.Start(start)!;
    }

    private Process StartReplay(params string[] more)
    {
        string rules = _folder.Write("rules.json", SampleFiles.NoRules);
        Process process = Start(["replay", "-", "--rules", rules, "--verdicts", "-", .. more]);
        process.StandardInput.BaseStream.Write(new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw).ToArray());
        return process;
    }

    private async Task WritePacketAsync(Process process)
    {
        await process.StandardInput.BaseStream.WriteAsync(s_record, _patience.Token);
        await process.StandardInput.BaseStream.FlushAsync(_patience.Token);
    }

    private async Task AnswerWithoutEndAsync(string type, string line)
    {
        using Socket asked = await _appliance!.AcceptAsync(_patience.Token);
        await asked.ReceiveAsync(new byte[4096], SocketFlags.None, _patience.Token);
        await asked.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nConnection: close\r\n\r\n"), _patience.Token);
        try
        {
            while (true) await asked.SendAsync(Encoding.ASCII.GetBytes(line + "\n"), _patience.Token);
        }
        catch (SocketException)
        {
            // It has gone, as it should.
        }
    }

    private async Task InterruptAsync(Process process)
    {
        using var kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(_patience.Token);
    }

    private async Task EndsAsync(Process process, int code)
    {
        string error = await process.StandardError.ReadToEndAsync(_patience.Token);
        await process.WaitForExitAsync(_patience.Token);
        Assert.Equal((code, ""), (process.ExitCode, error));
    }
}
