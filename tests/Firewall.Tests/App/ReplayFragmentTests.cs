using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Devices.Captures;
using Firewall.Tests.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Replays of fragments that wait: each packet has one line, in the order of the capture.</summary>
public sealed class ReplayFragmentTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Lines_keep_the_order_of_the_capture_and_frames_have_the_order_of_the_wire()
    {
        byte[][] ssh = PacketBuilder.Fragments(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn, payload: 100), 64, 7);
        byte[][] telnet = PacketBuilder.Fragments(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:23", TcpFlags.Syn, payload: 100), 64, 8);
        byte[] other = PacketBuilder.Udp("10.0.0.4:5353", "10.0.0.9:53");
        byte[] capture = Capture((1, ssh[1]), (2, telnet[1]), (3, other), (4, ssh[0]), (5, other), (6, telnet[0]), (7, other));
        CommandRunner run = Replay(capture, "--verdicts", "-", "--allowed", _folder["a.pcap"], "--denied", _folder["d.pcap"]);
        Assert.Equal(
            [
                "1 Allow Fragment UserRule_allow-ssh", "2 Deny FragmentOfDenied DefaultRule_DenyAllInBound", "3 Allow Rule DefaultRule_AllowVnetInBound",
                "4 Allow Rule UserRule_allow-ssh", "5 Allow Flow DefaultRule_AllowVnetInBound", "6 Deny Rule DefaultRule_DenyAllInBound",
                "7 Allow Flow DefaultRule_AllowVnetInBound",
            ],
            Lines(run));
        Assert.Equal(Capture((3, other), (4, ssh[0]), (1, ssh[1]), (5, other), (7, other))[24..], File.ReadAllBytes(_folder["a.pcap"])[24..]);
        Assert.Equal(Capture((6, telnet[0]), (2, telnet[1]))[24..], File.ReadAllBytes(_folder["d.pcap"])[24..]);
    }

    [Fact]
    public void Fragments_whose_first_one_never_comes_have_a_line_all_the_same()
    {
        byte[][] ssh = PacketBuilder.Fragments(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn, payload: 100), 64, 7);
        byte[][] telnet = PacketBuilder.Fragments(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:23", TcpFlags.Syn, payload: 100), 64, 8);
        byte[] other = PacketBuilder.Udp("10.0.0.4:5353", "10.0.0.9:53");
        CommandRunner run = Replay(Capture((1, ssh[1]), (2, other), (7, other), (8, telnet[1]), (9, other)), "--verdicts", "-");
        Assert.Equal(
            [
                "1 Deny FragmentTimeout ", "2 Allow Rule DefaultRule_AllowVnetInBound", "3 Allow Flow DefaultRule_AllowVnetInBound",
                "4 Deny FragmentWithoutFirst ", "5 Allow Flow DefaultRule_AllowVnetInBound",
            ],
            Lines(run));
        Assert.Contains("  denied   2", run.ErrorLines);
    }

    [Fact]
    public void What_waits_at_the_end_of_a_damaged_capture_has_its_line()
    {
        byte[][] ssh = PacketBuilder.Fragments(PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn, payload: 100), 64, 7);
        CommandRunner run = Replay(Capture((1, ssh[1]), (2, ssh[0]))[..^3], "--verdicts", "-");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(["1 Deny FragmentWithoutFirst "], Lines(run));
    }

    private static IEnumerable<string> Lines(CommandRunner run) => run.OutputLines.Select(static line =>
    {
        using JsonDocument json = JsonDocument.Parse(line);
        JsonElement root = json.RootElement;
        return $"{root.GetProperty("packet")} {root.GetProperty("access")} {root.GetProperty("reason")} {root.GetProperty("rule")}";
    });

    private static byte[] Capture(params (uint Second, byte[] Packet)[] records)
    {
        CaptureBuilder builder = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw);
        foreach ((uint second, byte[] packet) in records) builder.PcapRecord(second, 0, packet);
        return builder.ToArray();
    }

    private CommandRunner Replay(byte[] capture, params string[] options)
    {
        File.WriteAllBytes(_folder["capture.pcap"], capture);
        return CommandRunner.Run(["replay", _folder["capture.pcap"], "--rules", _folder.Write("nsg.json", SampleFiles.Allow()), .. options]);
    }
}
