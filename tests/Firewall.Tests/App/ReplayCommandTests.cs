using System.Text.Json;
using Firewall.Core.Packets;
using Firewall.Devices.Captures;
using Firewall.Tests.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Golden replays: captures made here, and the exact lines that must come out.</summary>
public sealed class ReplayCommandTests : IDisposable
{
    private const string Client = "203.0.113.5:40000";
    private const string Server = "10.0.0.4:22";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_conversation_gets_one_line_for_each_packet()
    {
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw)
            .PcapRecord(1_700_000_000, 0, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, seq: 100))
            .PcapRecord(1_700_000_000, 250, PacketBuilder.Tcp(Server, Client, TcpFlags.Syn | TcpFlags.Ack, seq: 500, ack: 101))
            .PcapRecord(1_700_000_000, 999_999, PacketBuilder.Tcp(Client, Server, TcpFlags.Ack, seq: 101, ack: 501))
            .PcapRecord(1_700_000_001, 0, PacketBuilder.Tcp("203.0.113.5:40001", "10.0.0.4:23", TcpFlags.Syn))
            .PcapRecord(1_700_000_002, 0, PacketBuilder.Udp("10.0.0.4:5353", "10.0.0.9:53"))
            .PcapRecord(1_700_000_003, 0, PacketBuilder.IcmpEcho("10.0.0.4", "203.0.113.5", id: 7))
            .PcapRecord(1_700_000_004, 0, PacketBuilder.Udp("203.0.113.5:1", "198.51.100.1:2"))
            .ToArray();
        CommandRunner run = Replay(capture, SampleFiles.Allow(), "--verdicts", "-");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(
            [
                """{"packet":1,"time":"2023-11-14T22:13:20.000000Z","direction":"Inbound","protocol":6,"source":"203.0.113.5","sourcePort":40000,"destination":"10.0.0.4","destinationPort":22,"access":"Allow","reason":"Rule","rule":"UserRule_allow-ssh"}""",
                """{"packet":2,"time":"2023-11-14T22:13:20.000250Z","direction":"Outbound","protocol":6,"source":"10.0.0.4","sourcePort":22,"destination":"203.0.113.5","destinationPort":40000,"access":"Allow","reason":"Flow","rule":"UserRule_allow-ssh"}""",
                """{"packet":3,"time":"2023-11-14T22:13:20.999999Z","direction":"Inbound","protocol":6,"source":"203.0.113.5","sourcePort":40000,"destination":"10.0.0.4","destinationPort":22,"access":"Allow","reason":"Flow","rule":"UserRule_allow-ssh"}""",
                """{"packet":4,"time":"2023-11-14T22:13:21.000000Z","direction":"Inbound","protocol":6,"source":"203.0.113.5","sourcePort":40001,"destination":"10.0.0.4","destinationPort":23,"access":"Deny","reason":"Rule","rule":"DefaultRule_DenyAllInBound"}""",
                """{"packet":5,"time":"2023-11-14T22:13:22.000000Z","direction":"Intra","protocol":17,"source":"10.0.0.4","sourcePort":5353,"destination":"10.0.0.9","destinationPort":53,"access":"Allow","reason":"Rule","rule":"DefaultRule_AllowVnetInBound"}""",
                """{"packet":6,"time":"2023-11-14T22:13:23.000000Z","direction":"Outbound","protocol":1,"source":"10.0.0.4","sourcePort":0,"destination":"203.0.113.5","destinationPort":0,"access":"Allow","reason":"Rule","rule":"DefaultRule_AllowInternetOutBound"}""",
                """{"packet":7,"time":"2023-11-14T22:13:24.000000Z","direction":"Transit","protocol":17,"source":"203.0.113.5","sourcePort":1,"destination":"198.51.100.1","destinationPort":2,"access":"Deny","reason":"NoSecurityGroup","rule":null}""",
            ],
            run.OutputLines);
        Assert.StartsWith("capture.pcap: 7 IP packets in 7 records", run.ErrorLines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void IPv6_fragments_and_malformed_packets_have_their_lines()
    {
        byte[] truncated = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)[..10];
        byte[] badHeader = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn);
        badHeader[32] = 0x10;
        byte[] laterFragment = PacketBuilder.Udp("203.0.113.5:1000", "10.0.0.4:53", payload: 32);
        laterFragment[7] = 4;
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw)
            .PcapRecord(1_700_000_000, 1, PacketBuilder.Tcp("[2001:db8::5]:40000", "[fd00::4]:22", TcpFlags.Syn))
            .PcapRecord(1_700_000_001, 1, truncated)
            .PcapRecord(1_700_000_002, 1, badHeader)
            .PcapRecord(1_700_000_003, 1, laterFragment)
            .ToArray();
        string[] lines = Replay(capture, SampleFiles.Allow(), "--verdicts", "-").OutputLines;
        Assert.Equal(
            [
                """{"packet":1,"time":"2023-11-14T22:13:20.000001Z","direction":"Inbound","protocol":6,"source":"2001:db8::5","sourcePort":40000,"destination":"fd00::4","destinationPort":22,"access":"Allow","reason":"Rule","rule":"UserRule_allow-ssh"}""",
                """{"packet":2,"time":"2023-11-14T22:13:21.000001Z","direction":null,"protocol":null,"source":null,"sourcePort":null,"destination":null,"destinationPort":null,"access":"Deny","reason":"Malformed","detail":"Truncated","rule":null}""",
                """{"packet":3,"time":"2023-11-14T22:13:22.000001Z","direction":"Inbound","protocol":6,"source":"203.0.113.5","sourcePort":40000,"destination":"10.0.0.4","destinationPort":22,"access":"Deny","reason":"Malformed","detail":"TcpHeader","rule":null}""",
                """{"packet":4,"time":"2023-11-14T22:13:23.000001Z","direction":"Inbound","protocol":17,"source":"203.0.113.5","sourcePort":null,"destination":"10.0.0.4","destinationPort":null,"access":"Deny","reason":"FragmentWithoutFirst","rule":null}""",
            ],
            lines);
    }

    [Fact]
    public void Nanoseconds_are_shown_where_the_capture_has_them()
    {
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw, magic: 0xA1B23C4D)
            .PcapRecord(1_700_000_000, 123_456_789, PacketBuilder.Udp("10.0.0.4:1", "10.0.0.5:2"))
            .PcapRecord(1_700_000_001, 5_000, PacketBuilder.Udp("10.0.0.4:1", "10.0.0.5:2"))
            .ToArray();
        string[] lines = Replay(capture, SampleFiles.NoRules, "--verdicts", "-").OutputLines;
        Assert.Contains("\"time\":\"2023-11-14T22:13:20.123456789Z\"", lines[0], StringComparison.Ordinal);
        Assert.Contains("\"time\":\"2023-11-14T22:13:21.000005", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Frames_without_IP_get_no_line_but_count_as_records()
    {
        byte[] arp = [.. new byte[12], 0x08, 0x06, .. new byte[28]];
        byte[] ethernet = [.. new byte[12], 0x08, 0x00, .. PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)];
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Ethernet).PcapRecord(1, 2, arp).PcapRecord(1, 2, ethernet).PcapRecord(1, 2, arp).ToArray();
        CommandRunner run = Replay(capture, SampleFiles.Allow(), "--format", "json", "--verdicts", _folder["lines"]);
        Assert.StartsWith("{\"packet\":2,", Assert.Single(File.ReadAllLines(_folder["lines"])), StringComparison.Ordinal);
        Assert.Equal(
            """{"packets":1,"allowed":1,"denied":0,"reasons":{"Rule":1},"flows":{"created":1,"peak":1},"records":3,"notIp":2}""",
            Assert.Single(run.OutputLines));
    }

    [Fact]
    public void The_captures_times_are_the_clock_and_it_never_goes_back()
    {
        byte[] request = PacketBuilder.Udp("10.0.0.4:1000", "203.0.113.5:53");
        byte[] answer = PacketBuilder.Udp("203.0.113.5:53", "10.0.0.4:1000");
        // A UDP flow without an answer lives for 30 seconds.
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw)
            .PcapRecord(1000, 0, request)
            .PcapRecord(1029, 0, answer)
            .PcapRecord(900, 0, answer)
            .PcapRecord(5000, 0, answer)
            .ToArray();
        string[] lines = Replay(capture, SampleFiles.NoRules, "--verdicts", "-").OutputLines;
        Assert.Equal(["Rule", "Flow", "Flow", "Rule"], lines.Select(l => Field(l, "reason")));
        Assert.Equal(["Allow", "Allow", "Allow", "Deny"], lines.Select(l => Field(l, "access")));
    }

    [Fact]
    public void Allowed_and_denied_packets_go_to_captures_as_they_came()
    {
        byte[] allowed = [.. new byte[12], 0x08, 0x00, .. PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)];
        byte[] denied = [.. new byte[12], 0x08, 0x00, .. PacketBuilder.Tcp(Client, "10.0.0.4:23", TcpFlags.Syn)];
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Ethernet).PcapRecord(10, 20, allowed).PcapRecord(11, 21, denied).PcapRecord(12, 22, allowed).ToArray();
        Replay(capture, SampleFiles.Allow(), "--allowed", _folder["a.pcap"], "--denied", _folder["d.pcap"]);
        Assert.Equal(new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Ethernet).PcapRecord(11, 21, denied).ToArray()[24..], File.ReadAllBytes(_folder["d.pcap"])[24..]);
        Assert.Equal(
            new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Ethernet).PcapRecord(10, 20, allowed).PcapRecord(12, 22, allowed).ToArray()[24..], File.ReadAllBytes(_folder["a.pcap"])[24..]);
    }

    [Fact]
    public void A_capture_that_is_cut_off_is_told_and_what_was_before_is_whole()
    {
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw)
            .PcapRecord(1, 2, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn))
            .PcapRecord(1, 2, PacketBuilder.Tcp(Client, "10.0.0.4:23", TcpFlags.Syn))
            .ToArray()[..^5];
        CommandRunner run = Replay(
            capture, SampleFiles.Allow(), "--verdicts", _folder["lines"], "--allowed", _folder["a.pcap"], "--format", "json");
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("firewall: capture.pcap: byte ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.EndsWith("\"rule\":\"UserRule_allow-ssh\"}\n", File.ReadAllText(_folder["lines"]), StringComparison.Ordinal);
        Assert.Equal(
            new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw).PcapRecord(1, 2, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)).ToArray()[24..], File.ReadAllBytes(_folder["a.pcap"])[24..]);
        Assert.StartsWith("{\"packets\":1,", Assert.Single(run.OutputLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("this is no capture at all, but long enough")]
    [InlineData("")]
    [InlineData("short")]
    public void A_foreign_file_is_told_and_exits_with_2(string content)
    {
        CommandRunner run = Replay(System.Text.Encoding.ASCII.GetBytes(content), SampleFiles.Allow());
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("firewall: capture.pcap: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public void A_missing_capture_is_told_and_exits_with_2()
    {
        CommandRunner run = CommandRunner.Run("replay", _folder["none.pcap"], "--rules", _folder.Write("nsg.json", SampleFiles.NoRules));
        Assert.Equal(2, run.ExitCode);
        Assert.Equal($"firewall: {_folder["none.pcap"]}: there is no such file.", Assert.Single(run.ErrorLines));
    }

    [Fact]
    public void Standard_input_is_read_where_the_capture_is_a_dash()
    {
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw).PcapRecord(1, 2, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)).ToArray();
        CommandRunner run = CommandRunner.Run(capture, "replay", "-", "--rules", _folder.Write("nsg.json", SampleFiles.Allow()), "--format", "json");
        Assert.Equal(
            """{"packets":1,"allowed":1,"denied":0,"reasons":{"Rule":1},"flows":{"created":1,"peak":1},"records":1,"notIp":0}""",
            Assert.Single(run.OutputLines));
    }

    [Fact]
    public void Outputs_that_cannot_be_written_are_told_and_exit_with_1()
    {
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw).PcapRecord(1, 2, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)).ToArray();
        CommandRunner run = Replay(capture, SampleFiles.Allow(), "--verdicts", _folder["no/such/folder"]);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"firewall: {_folder["no/such/folder"]} cannot be written: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_is_told_and_exits_with_1()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw).PcapRecord(1, 2, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)).ToArray();
        CommandRunner run = Replay(capture, SampleFiles.Allow(), "--verdicts", "/dev/full");
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("firewall: /dev/full cannot be written: No space left on device", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void No_output_may_overwrite_an_input_or_another_output()
    {
        byte[] capture = new CaptureBuilder(bigEndian: false).PcapHeader(LinkType.Raw).PcapRecord(1, 2, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)).ToArray();
        CommandRunner run = Replay(
            capture, SampleFiles.Allow(), "--verdicts", _folder["capture.pcap"], "--allowed", _folder["x"], "--denied", _folder["x"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(
            [$"firewall: --verdicts {_folder["capture.pcap"]} would overwrite the capture", $"firewall: --denied {_folder["x"]} would overwrite --allowed"],
            run.ErrorLines);
        Assert.Equal(capture, File.ReadAllBytes(_folder["capture.pcap"]));
    }

    [Fact]
    public void Real_captures_get_a_line_for_each_IP_packet()
    {
        string rules = _folder.Write("nsg.json", SampleFiles.Allow());
        int replayed = 0;
        foreach (string file in SharedCaptures.RequireAll())
        {
            CommandRunner run = CommandRunner.Run("replay", file, "--rules", rules, "--verdicts", _folder["lines"], "--format", "json");
            // Many of these are damaged on purpose or have link types of other worlds: then an error says so.
            if (run.ExitCode != 0) Assert.NotEmpty(run.ErrorLines);
            if (run.Output.Length == 0) continue;
            using JsonDocument summary = JsonDocument.Parse(run.Output);
            string[] lines = File.ReadAllLines(_folder["lines"]);
            Assert.Equal(summary.RootElement.GetProperty("packets").GetInt32(), lines.Length);
            foreach (string line in lines) JsonDocument.Parse(line).Dispose();
            replayed++;
        }

        Assert.True(replayed > 100, $"only {replayed} captures could be replayed");
    }

    private static string? Field(string line, string name)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        return json.RootElement.GetProperty(name).GetString();
    }

    private CommandRunner Replay(byte[] capture, string rules, params string[] options)
    {
        File.WriteAllBytes(_folder["capture.pcap"], capture);
        CommandRunner run = CommandRunner.Run(["replay", _folder["capture.pcap"], "--rules", _folder.Write("nsg.json", rules), .. options]);
        return run with
        {
            Error = run.Error.Replace(_folder["capture.pcap"] + ":", "capture.pcap:", StringComparison.Ordinal),
        };
    }
}
