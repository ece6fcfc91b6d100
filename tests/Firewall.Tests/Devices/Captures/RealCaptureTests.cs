using System.Diagnostics;
using System.Globalization;
using Firewall.Core.Packets;
using Firewall.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Devices.Captures;

/// <summary>The captures that tcpdump tests itself with: every protocol, many link types, many files broken on purpose.</summary>
public class RealCaptureTests
{
    [Fact]
    public void Every_capture_is_read_or_refused_with_a_reason()
    {
        int read = 0;
        foreach (string path in SharedCaptures.RequireAll())
        {
            string? fault = ReadAll(path, (in CapturedPacket _) => { }, out _);
            if (fault is null) read++;
            else Assert.StartsWith($"{path}: byte ", fault, StringComparison.Ordinal);
        }

        Assert.True(read > 0, "Not one capture was read to its end.");
    }

    [Fact]
    public void Both_readers_understand_captured_packets_alike()
    {
        int compared = 0;
        foreach (string path in SharedCaptures.RequireAll())
        {
            ReadAll(
                path,
                (in CapturedPacket packet) =>
                {
                    if (!packet.IsIp || PacketParser.Parse(packet.Packet, packet.WireLength, out PacketInfo info) != MalformedReason.None) return;
                    PacketReaderPropertyTests.AssertAgreement(packet.Packet, packet.WireLength, in info);
                    compared++;
                },
                out _);
        }

        Assert.True(compared > 1000, $"Only {compared} packets were compared.");
    }

    [Fact]
    public void The_number_of_packets_is_the_one_that_tcpdump_counts()
    {
        IReadOnlyList<string> files = SharedCaptures.RequireAll();
        Assert.SkipWhen(CountByTcpdump(files[0]) is null, "tcpdump is not installed.");
        List<string> differences = [];
        int compared = 0;
        foreach (string path in files)
        {
            if (ReadAll(path, (in CapturedPacket _) => { }, out long count) is not null) continue;
            long? expected = CountByTcpdump(path);
            if (expected is null or -1) continue;
            compared++;
            if (expected != count) differences.Add($"{path}: {count} here, {expected} in tcpdump");
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
        Assert.True(compared > 0, "tcpdump counted no file.");
    }

    private delegate void PacketAction(in CapturedPacket packet);

    private static string? ReadAll(string path, PacketAction action, out long count)
    {
        count = 0;
        try
        {
            using CaptureReader reader = CaptureReader.OpenFile(path);
            while (reader.TryReadNext(out CapturedPacket packet))
            {
                count = packet.Number;
                action(in packet);
            }

            return null;
        }
        catch (CaptureException e)
        {
            return e.Message;
        }
    }

    // Null if there is no tcpdump, -1 if it refuses the file.
    private static long? CountByTcpdump(string path)
    {
        ProcessStartInfo start = new("tcpdump", ["-r", path, "--count"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Environment.UserName == "root") start.ArgumentList.Insert(0, "-Zroot");
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string text = process.StandardOutput.ReadToEnd() + errors.Result;
            process.WaitForExit();
            string? line = text.Split('\n').FirstOrDefault(l => l.EndsWith(" packets", StringComparison.Ordinal) || l.EndsWith(" packet", StringComparison.Ordinal));
            return process.ExitCode == 0 && line is not null ? long.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture) : -1;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
