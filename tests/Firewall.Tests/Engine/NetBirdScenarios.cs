using Firewall.Core.Engine;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// NetBird's cases about retransmissions, idle times and full tables (client/firewall/uspfilter/conntrack: tcp_test.go, tcp_state_bugs_test.go,
/// cap_test.go), told again as packet traces. Those about resets, closes and ports that are used again are in <see cref="OtherFirewallsScenarios"/>.
/// </summary>
public sealed class NetBirdScenarios
{
    private const string Handshake = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000              => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001     => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001     => Allow Flow

        """;

    [Fact]
    public void Whatever_is_sent_again_changes_nothing() => Run("""
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000              => Allow Rule
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000              => Allow Flow
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001     => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001     => Allow Flow
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001     => Allow Flow
        # established: it has far more than a minute
        +7000   203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001     => Allow Flow
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001     => Allow Flow
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002     => Allow Flow
        # half-closed: the other end has a quarter of an hour
        +890    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1002 len=10  => Allow Flow
        flows 1
        """); // TCPRetransmissions

    [Fact]
    public void Data_both_ways_is_counted() // TCPDataTransfer
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        trace.Run(Handshake + """
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001           => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=2001 len=1460  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2001 ack=6461           => Allow Flow
            flows 1
            """);
        Assert.Equal(7, trace.Counters.AllowedPackets);
        Assert.Equal(1000 + 1460 + 7 * 40, trace.Counters.AllowedBytes);
        Assert.Equal(0, trace.Counters.DeniedPackets);
    }

    [Fact]
    public void A_reset_without_acknowledgment_does_not_end_an_attempt_and_one_with_it_does() => Run("""
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000              => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp R  seq=0                 => Allow Flow
        flows 1
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp RA seq=0 ack=1001        => Allow Flow
        flows 0
        """); // TCPAbnormalSequences

    [Fact]
    public void A_late_acknowledgment_opens_nothing() => Run(Handshake + """
        +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp RA seq=5001 ack=1001     => Allow Flow
        +11     203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001     => Deny NoFlow
        +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001     => Deny NoFlow
        flows 0
        """); // TCPPortReuseTombstone

    [Theory]
    [InlineData(7439, true)]
    [InlineData(7441, false)]
    public void An_established_connection_ends_when_its_idle_time_does(int seconds, bool lives) => Run(Handshake + $"""
        +{seconds}  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001  => {(lives ? "Allow Flow" : "Deny NoFlow")}
        """); // TCPTimeoutHandling

    [Theory]
    [InlineData(129, true)]
    [InlineData(131, false)]
    public void A_closed_connection_ends_when_its_idle_time_does(int seconds, bool lives) => Run(Handshake + $"""
        +0.1        203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001  => Allow Flow
        +0.1        10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002  => Allow Flow
        +0.1        10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002  => Allow Flow
        +0.1        203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002  => Allow Flow
        +{seconds}  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002  => {(lives ? "Allow Flow" : "Deny NoFlow")}
        """); // TCPTimeoutHandling

    [Fact]
    public void Connections_that_close_are_forgotten_each_at_the_time_of_its_state() => Run("""
        # FIN_WAIT: 15 minutes
        0       203.0.113.5:1001 > 10.0.0.4:22  tcp S  seq=1000               => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:1001  tcp SA seq=5000 ack=1001      => Allow Flow
        +0.001  203.0.113.5:1001 > 10.0.0.4:22  tcp A  seq=1001 ack=5001      => Allow Flow
        +0.001  203.0.113.5:1001 > 10.0.0.4:22  tcp FA seq=1001 ack=5001      => Allow Flow
        # CLOSE_WAIT: 15 minutes
        0       203.0.113.5:1002 > 10.0.0.4:22  tcp S  seq=1000               => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:1002  tcp SA seq=5000 ack=1001      => Allow Flow
        +0.001  203.0.113.5:1002 > 10.0.0.4:22  tcp A  seq=1001 ack=5001      => Allow Flow
        +0.001  10.0.0.4:22 > 203.0.113.5:1002  tcp FA seq=5001 ack=1001      => Allow Flow
        +0.001  203.0.113.5:1002 > 10.0.0.4:22  tcp A  seq=1001 ack=5002      => Allow Flow
        # LAST_ACK: 130 seconds
        0       203.0.113.5:1003 > 10.0.0.4:22  tcp S  seq=1000               => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:1003  tcp SA seq=5000 ack=1001      => Allow Flow
        +0.001  203.0.113.5:1003 > 10.0.0.4:22  tcp A  seq=1001 ack=5001      => Allow Flow
        +0.001  10.0.0.4:22 > 203.0.113.5:1003  tcp FA seq=5001 ack=1001      => Allow Flow
        +0.001  203.0.113.5:1003 > 10.0.0.4:22  tcp FA seq=1001 ack=5002      => Allow Flow
        flows 3
        129     198.51.100.1:1 > 10.0.0.4:99    udp                           => Deny Rule
        flows 3
        131     198.51.100.1:1 > 10.0.0.4:99    udp                           => Deny Rule
        flows 2
        899     198.51.100.1:1 > 10.0.0.4:99    udp                           => Deny Rule
        flows 2
        902     198.51.100.1:1 > 10.0.0.4:99    udp                           => Deny Rule
        flows 0
        """); // TCPPerStateTeardownTimeouts

    [Fact]
    public void A_thousand_connection_requests_are_tracked_and_forgotten() // SynFlood
    {
        using PacketTrace trace = new PacketTrace(maxFlows: 2000).With("ssh", SampleRules.AllowSsh);
        for (int i = 0; i < 1000; i++) trace.Run($"0  203.0.113.5:{10_000 + i} > 10.0.0.4:22  tcp S  => Allow Rule");
        trace.Run("""
            flows 1000
            119  198.51.100.1:1 > 10.0.0.4:99  udp  => Deny Rule
            flows 1000
            122  198.51.100.1:1 > 10.0.0.4:99  udp  => Deny Rule
            flows 0
            """);
    }

    [Theory]
    [InlineData(4, 10, "tcp S", "tcp SA ack=2", "203.0.113.5:{0}", "10.0.0.4:22")]
    [InlineData(5, 12, "udp", "udp", "203.0.113.5:{0}", "10.0.0.4:53")]
    [InlineData(3, 8, "echo id={0}", "reply id={0}", "203.0.113.5", "10.0.0.4")]
    public void A_full_table_takes_the_newest_and_lets_go_of_one_that_nobody_answered( // TCPCapEvicts, UDPCapEvicts, ICMPCapEvicts
        int most, int opened, string request, string answer, string source, string destination)
    {
        using PacketTrace trace = new PacketTrace(maxFlows: most).With("empty", SampleRules.Empty);
        for (int i = 0; i < opened; i++)
            trace.Run($"0.0{i:00}  {string.Format(null, destination)} > {string.Format(null, source, 10_000 + i)}  {string.Format(null, request, i)} => Allow Rule");
        trace.Run($"flows {most}");

        // The newest is there, and of the others so many as have room.
        trace.Run($"0.5  {string.Format(null, source, 10_000 + opened - 1)} > {destination}  {string.Format(null, answer, opened - 1)} => Allow Flow");
        for (int i = 0; i < opened - 1; i++)
            trace.Run($"0.5  {string.Format(null, source, 10_000 + i)} > {destination}  {string.Format(null, answer, i)} =>");
        Assert.Equal(most, trace.Counters.Allowed(VerdictReason.Flow));
        Assert.Equal(opened - most, trace.Counters.DeniedPackets);
    }

    [Fact]
    public void An_attempt_that_was_refused_makes_room_before_ones_that_may_be_answered() // TCPCapPrefersTombstonedForEviction
    {
        using PacketTrace trace = new PacketTrace(maxFlows: 3).With("ssh", SampleRules.AllowSsh);
        trace.Run("""
            0     203.0.113.5:20000 > 10.0.0.4:22  tcp S seq=1          => Allow Rule
            0     203.0.113.5:20001 > 10.0.0.4:22  tcp S seq=1          => Allow Rule
            0     203.0.113.5:20002 > 10.0.0.4:22  tcp S seq=1          => Allow Rule
            0.1   10.0.0.4:22 > 203.0.113.5:20001  tcp RA seq=0 ack=2   => Allow Flow
            0.2   203.0.113.5:29999 > 10.0.0.4:22  tcp S seq=1          => Allow Rule
            0.3   10.0.0.4:22 > 203.0.113.5:20000  tcp SA seq=7 ack=2   => Allow Flow
            0.3   10.0.0.4:22 > 203.0.113.5:20002  tcp SA seq=7 ack=2   => Allow Flow
            0.3   10.0.0.4:22 > 203.0.113.5:29999  tcp SA seq=7 ack=2   => Allow Flow
            flows 3
            """);
    }

    [Fact]
    public void A_connection_that_was_reset_makes_room_in_a_table_full_of_live_ones() // TCPCapPrefersTombstonedForEviction, where all are established
    {
        using PacketTrace trace = new PacketTrace(maxFlows: 3).With("ssh", SampleRules.AllowSsh);
        for (int port = 20_000; port < 20_003; port++)
        {
            trace.Run($"""
                0       203.0.113.5:{port} > 10.0.0.4:22  tcp S  seq=1        => Allow Rule
                +0.001  10.0.0.4:22 > 203.0.113.5:{port}  tcp SA seq=7 ack=2  => Allow Flow
                +0.001  203.0.113.5:{port} > 10.0.0.4:22  tcp A  seq=2 ack=8  => Allow Flow
                """);
        }

        trace.Run("""
            0.1   203.0.113.5:29998 > 10.0.0.4:22  tcp S  seq=1         => Deny TableFull
            0.2   10.0.0.4:22 > 203.0.113.5:20001  tcp R  seq=8         => Allow Flow
            0.3   203.0.113.5:29999 > 10.0.0.4:22  tcp S  seq=1         => Allow Rule
            0.4   10.0.0.4:22 > 203.0.113.5:20001  tcp A  seq=8 ack=2   => Deny NoFlow
            0.4   203.0.113.5:20000 > 10.0.0.4:22  tcp A  seq=2 ack=8   => Allow Flow
            0.4   203.0.113.5:20002 > 10.0.0.4:22  tcp A  seq=2 ack=8   => Allow Flow
            flows 3
            """);
    }

    [Fact]
    public void So_does_one_that_is_closed_when_all_is_acknowledged() // TCPCapPrefersTombstonedForEviction, where all are established
    {
        using PacketTrace trace = new PacketTrace(maxFlows: 2).With("ssh", SampleRules.AllowSsh);
        for (int port = 20_000; port < 20_002; port++)
        {
            trace.Run($"""
                0       203.0.113.5:{port} > 10.0.0.4:22  tcp S  seq=1        => Allow Rule
                +0.001  10.0.0.4:22 > 203.0.113.5:{port}  tcp SA seq=7 ack=2  => Allow Flow
                +0.001  203.0.113.5:{port} > 10.0.0.4:22  tcp FA seq=2 ack=8  => Allow Flow
                """);
        }

        trace.Run("""
            # data that the client has not acknowledged may have to be sent again
            +0.001  10.0.0.4:22 > 203.0.113.5:20000  tcp FA seq=8 ack=3 len=10   => Allow Flow
            +0.001  203.0.113.5:20000 > 10.0.0.4:22  tcp A  seq=3 ack=8          => Allow Flow
            +0.001  203.0.113.5:29998 > 10.0.0.4:22  tcp S  seq=1                => Deny TableFull
            +0.001  10.0.0.4:22 > 203.0.113.5:20001  tcp FA seq=8 ack=3          => Allow Flow
            +0.001  203.0.113.5:20001 > 10.0.0.4:22  tcp A  seq=3 ack=9          => Allow Flow
            +0.001  203.0.113.5:29999 > 10.0.0.4:22  tcp S  seq=1                => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:20000  tcp FA seq=8 ack=3 len=10   => Allow Flow
            flows 2
            """);
    }

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        run.Run(trace);
    }
}
