using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Logs;
using Xunit;

namespace Firewall.Tests.App;

public class DropLogTests
{
    private readonly ManualTime _time = new();
    private readonly RecordingLogger _logger = new();
    private readonly RuleCatalog _catalog = new();
    private readonly int _denyAll;
    private readonly DropLog _log;

    public DropLogTests()
    {
        _denyAll = _catalog.Add(new RuleIdentity("nsg", "DenyAllInBound", IsDefault: true, RuleDirection.Inbound));
        _log = new DropLog(_logger, _catalog, _time);
    }

    [Fact]
    public void The_first_denied_packet_is_told_at_once_with_its_rule()
    {
        _log.Add(Denied("203.0.113.5", 40000, "10.0.0.4", 22));
        Assert.Equal(
            ["Information Denied Tcp 203.0.113.5:40000 -> 10.0.0.4:22 [S] Inbound by DefaultRule_DenyAllInBound (Rule)"], _logger.Lines);
    }

    [Fact]
    public void An_IPv6_endpoint_stands_in_brackets()
    {
        _log.Add(Denied("2001:db8::5", 40000, "fd00::4", 22));
        Assert.Equal(
            ["Information Denied Tcp [2001:db8::5]:40000 -> [fd00::4]:22 [S] Inbound by DefaultRule_DenyAllInBound (Rule)"], _logger.Lines);
    }

    [Fact]
    public void Repeats_are_counted_and_told_once_at_the_end_of_the_window()
    {
        for (ushort port = 40000; port < 40007; port++) _log.Add(Denied("203.0.113.5", port, "10.0.0.4", 22));
        Assert.Single(_logger.Lines);
        _log.Tick(0);
        Assert.Single(_logger.Lines);
        _time.Advance(DropLog.Window);
        _log.Tick(0);
        Assert.Equal(
            "Information Denied Tcp 203.0.113.5:40006 -> 10.0.0.4:22 [S] Inbound by DefaultRule_DenyAllInBound (Rule), 6 more in 10 s",
            _logger.Lines[1]);
        Assert.Equal(2, _logger.Lines.Count);
    }

    [Fact]
    public void What_goes_on_for_long_is_one_line_a_window()
    {
        for (int second = 0; second < 100; second++)
        {
            _log.Add(Denied("203.0.113.5", 40000, "10.0.0.4", 22));
            _time.Advance(TimeSpan.FromSeconds(1));
            _log.Tick(0);
        }

        Assert.Equal(1 + 10, _logger.Lines.Count);
    }

    [Fact]
    public void After_a_quiet_window_the_same_packet_is_news_again()
    {
        _log.Add(Denied("203.0.113.5", 40000, "10.0.0.4", 22));
        _time.Advance(DropLog.Window);
        _log.Tick(0);
        _log.Add(Denied("203.0.113.5", 40001, "10.0.0.4", 22));
        Assert.Equal(2, _logger.Lines.Count);
        Assert.EndsWith("(Rule)", _logger.Lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_flood_of_ever_new_endpoints_cannot_flood_the_log()
    {
        for (int i = 0; i < 100_000; i++) _log.Add(Denied($"198.51.{i / 256 % 256}.{i % 256}", 40000, "10.0.0.4", (ushort)(1 + (i % 60_000))));
        Assert.Equal(DropLog.LinesPerWindow, _logger.Lines.Count);
        _time.Advance(DropLog.Window);
        _log.Tick(lost: 5);
        string last = _logger.Lines[^1];
        Assert.StartsWith("Information Suppressed ", last, StringComparison.Ordinal);
        Assert.EndsWith(" Rule, 5 not recorded", last, StringComparison.Ordinal);
        Assert.True(_logger.Lines.Count <= (2 * DropLog.LinesPerWindow) + 1, $"{_logger.Lines.Count} lines");
    }

    [Fact]
    public void Suppressed_packets_are_counted_by_reason_and_none_is_forgotten()
    {
        for (int i = 0; i < 1000; i++) _log.Add(Denied($"198.51.{i / 256}.{i % 256}", 40000, "10.0.0.4", 22));
        _log.Flush(lost: 0);
        Assert.Equal("Information Suppressed 900 denied packets in 10 s: 900 Rule", _logger.Lines[^1]);
    }

    [Fact]
    public void A_malformed_packet_without_addresses_is_told_by_what_is_wrong_with_it()
    {
        var verdict = new Verdict(Access.Deny, VerdictReason.Malformed, malformed: MalformedReason.Truncated);
        _log.Add(new DropEvent(0, verdict, default));
        Assert.Equal(["Information Denied packet (Malformed: Truncated)"], _logger.Lines);
    }

    [Fact]
    public void A_protocol_without_a_name_is_told_by_number_and_without_ports()
    {
        DropEvent drop = Denied("203.0.113.5", 0, "10.0.0.4", 0);
        PacketInfo packet = drop.Packet;
        packet.Protocol = 47;
        _log.Add(drop with { Packet = packet });
        Assert.Equal(
            ["Information Denied Protocol 47 203.0.113.5 -> 10.0.0.4 Inbound by DefaultRule_DenyAllInBound (Rule)"], _logger.Lines);
    }

    private DropEvent Denied(string source, ushort sourcePort, string destination, ushort destinationPort)
    {
        Assert.True(IpAddress.TryParse(source, out IpAddress from));
        Assert.True(IpAddress.TryParse(destination, out IpAddress to));
        var packet = new PacketInfo
        {
            Source = from,
            Destination = to,
            SourcePort = sourcePort,
            DestinationPort = destinationPort,
            Protocol = IpProtocol.Tcp,
            TcpFlags = TcpFlags.Syn,
        };
        return new DropEvent(0, new Verdict(Access.Deny, VerdictReason.Rule, _denyAll, TrafficDirection.Inbound), packet);
    }
}
