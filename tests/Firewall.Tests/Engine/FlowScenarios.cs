using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>What the firewall does to whole conversations, told as packet traces.</summary>
public sealed class FlowScenarios
{
    [Fact]
    public void The_seeds_story()
    {
        using PacketTrace trace = new PacketTrace()
            .With("empty", SampleRules.Empty)
            .With("ssh", SampleRules.AllowSsh)
            .With("flush", SampleRules.EmptyWithFlush);
        trace.Run("""
            # 1 without rules SSH times out
            0.000   203.0.113.5:40000 > 10.0.0.4:22  tcp S   => Deny Rule DefaultRule_DenyAllInBound Inbound
            1.000   203.0.113.5:40000 > 10.0.0.4:22  tcp S   => Deny Rule DefaultRule_DenyAllInBound

            # 2 with the rule it connects
            rules ssh
            10.000  203.0.113.5:40001 > 10.0.0.4:22  tcp S   => Allow Rule UserRule_allow-ssh Inbound
            +0.001  10.0.0.4:22 > 203.0.113.5:40001  tcp SA  => Allow Flow UserRule_allow-ssh Outbound
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp A   => Allow Flow Inbound
            +1.000  10.0.0.4:22 > 203.0.113.5:40001  tcp PA len=48 => Allow Flow

            # 3 the rule is gone: the session goes on, a new one is refused
            rules empty
            +1.000  10.0.0.4:22 > 203.0.113.5:40001  tcp PA len=48 => Allow Flow UserRule_allow-ssh
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp A   => Allow Flow
            +1.000  203.0.113.5:40002 > 10.0.0.4:22  tcp S   => Deny Rule DefaultRule_DenyAllInBound
            flows 1

            # 4 flushConnection cuts it
            rules flush
            +1.000  10.0.0.4:22 > 203.0.113.5:40001  tcp PA len=48 => Deny FlushedConnection DefaultRule_DenyAllInBound
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp A   => Deny NoFlow
            flows 0
            """);
    }

    [Fact]
    public void Flush_connection_leaves_a_flow_that_the_rules_still_allow()
    {
        using PacketTrace trace = new PacketTrace()
            .With("ssh", SampleRules.AllowSsh)
            .With("flush", SampleRules.AllowSsh.Replace("\"securityRules\"", "\"flushConnection\": true, \"securityRules\"", StringComparison.Ordinal));
        trace.Run("""
            0.000   203.0.113.5:40001 > 10.0.0.4:22  tcp S   => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40001  tcp SA  => Allow Flow
            rules flush
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp A   => Allow Flow UserRule_allow-ssh
            """);
    }

    [Fact]
    public void A_segment_without_a_flow_opens_none()
    {
        using PacketTrace trace = new PacketTrace().With("all", SampleRules.AllowAll);
        trace.Run("""
            0.000   203.0.113.5:40000 > 10.0.0.4:22  tcp A   => Deny NoFlow Inbound
            0.001   203.0.113.5:40000 > 10.0.0.4:22  tcp SA  => Deny NoFlow
            0.002   203.0.113.5:40000 > 10.0.0.4:22  tcp R   => Deny NoFlow
            0.003   203.0.113.5:40000 > 10.0.0.4:22  tcp SF  => Deny InvalidTcpFlags
            0.004   203.0.113.5:40000 > 10.0.0.4:22  tcp -   => Deny InvalidTcpFlags
            0.005   203.0.113.5 > 10.0.0.4           reply id=7 => Deny NoFlow
            0.006   203.0.113.5:0 > 10.0.0.4:22      tcp S   => Deny Malformed PortZero
            flows 0
            """);
    }

    [Fact]
    public void Inside_to_outside_is_allowed_by_default_and_the_answers_come_back()
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty);
        trace.Run("""
            0.000   10.0.0.4:50000 > 198.51.100.9:443  tcp S   => Allow Rule DefaultRule_AllowInternetOutBound Outbound
            +0.010  198.51.100.9:443 > 10.0.0.4:50000  tcp SA  => Allow Flow Inbound
            +0.010  10.0.0.4:50001 > 198.51.100.9:53   udp len=30 => Allow Rule DefaultRule_AllowInternetOutBound
            +0.010  198.51.100.9:53 > 10.0.0.4:50001   udp len=99 => Allow Flow
            +0.010  10.0.0.4 > 198.51.100.9            echo id=5  => Allow Rule
            +0.010  198.51.100.9 > 10.0.0.4            reply id=5 => Allow Flow
            flows 3
            """);
    }

    [Fact]
    public void Inside_to_inside_needs_both_chains_and_transit_has_no_group()
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty);
        trace.Run("""
            0.000   10.0.0.4:50000 > 10.0.1.5:443         tcp S      => Allow Rule DefaultRule_AllowVnetInBound Intra
            +0.010  10.0.1.5:443 > 10.0.0.4:50000         tcp SA     => Allow Flow Intra
            +0.010  198.51.100.9:1000 > 203.0.113.5:2000  udp len=30 => Deny NoSecurityGroup Transit
            +0.010  198.51.100.9:1000 > 203.0.113.5:2000  tcp A      => Deny NoSecurityGroup Transit
            """);
    }

    [Fact]
    public void Transit_passes_where_it_is_configured()
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty, new PolicyOptions { Transit = Access.Allow });
        trace.Run("""
            0.000   198.51.100.9:1000 > 203.0.113.5:2000  tcp S   => Allow Transit
            +0.010  203.0.113.5:2000 > 198.51.100.9:1000  tcp SA  => Allow Flow Transit
            +0.010  198.51.100.9:1000 > 203.0.113.5:2001  tcp A   => Deny NoFlow Transit
            """);
    }

    [Fact]
    public void An_echo_request_against_the_direction_of_a_ping_is_not_its_answer()
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty);
        trace.Run("""
            0.000   10.0.0.4 > 198.51.100.9  echo id=5  => Allow Rule Outbound
            +0.010  198.51.100.9 > 10.0.0.4  echo id=5  => Deny Rule DefaultRule_DenyAllInBound
            +0.010  198.51.100.9 > 10.0.0.4  reply id=6 => Deny NoFlow
            +0.010  198.51.100.9 > 10.0.0.4  reply id=5 => Allow Flow
            """);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(65528)]
    [InlineData(0)]
    public void No_identifier_of_a_ping_makes_a_request_its_answer(int id)
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty);
        trace.Run($"""
            0.000   10.0.0.4 > 198.51.100.9  echo id={id}  => Allow Rule Outbound
            +0.010  198.51.100.9 > 10.0.0.4  echo id={id}  => Deny Rule DefaultRule_DenyAllInBound
            +0.010  198.51.100.9 > 10.0.0.4  echo id={(ushort)(id + 8)}  => Deny Rule DefaultRule_DenyAllInBound
            +0.010  198.51.100.9 > 10.0.0.4  echo id={(ushort)(id - 8)}  => Deny Rule DefaultRule_DenyAllInBound
            +0.010  198.51.100.9 > 10.0.0.4  reply id={id} => Allow Flow
            +0.010  fd00::4 > 2001:db8::9    echo id=128   => Allow Rule Outbound
            +0.010  2001:db8::9 > fd00::4    echo id=128   => Deny Rule DefaultRule_DenyAllInBound
            +0.010  2001:db8::9 > fd00::4    reply id=128  => Allow Flow
            """);
    }

    [Fact]
    public void A_half_open_connection_expires_although_its_syn_is_sent_again()
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        trace.Run("""
            0     203.0.113.5:40000 > 10.0.0.4:22  tcp S  => Allow Rule
            +60   203.0.113.5:40000 > 10.0.0.4:22  tcp S  => Allow Flow
            +59   10.0.0.4:22 > 203.0.113.5:40000  tcp A  => Allow Flow
            flows 1
            +3    10.0.0.4:22 > 203.0.113.5:40000  tcp SA => Deny NoFlow
            flows 0
            """);
    }

    [Fact]
    public void Every_state_has_its_own_idle_time()
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        trace.Run("""
            0      203.0.113.5:40000 > 10.0.0.4:22  tcp S  => Allow Rule
            +1     10.0.0.4:22 > 203.0.113.5:40000  tcp SA => Allow Flow
            +1     203.0.113.5:40000 > 10.0.0.4:22  tcp A  => Allow Flow
            # 2 hours and 4 minutes, less a second
            +7439  10.0.0.4:22 > 203.0.113.5:40000  tcp A  => Allow Flow
            +1     203.0.113.5:40000 > 10.0.0.4:22  tcp FA => Allow Flow
            +1     10.0.0.4:22 > 203.0.113.5:40000  tcp A  => Allow Flow
            # half-closed, the server goes on for a long time
            +899   10.0.0.4:22 > 203.0.113.5:40000  tcp PA len=10 => Allow Flow
            +899   10.0.0.4:22 > 203.0.113.5:40000  tcp FA => Allow Flow
            +29    203.0.113.5:40000 > 10.0.0.4:22  tcp A  => Allow Flow
            +129   203.0.113.5:40000 > 10.0.0.4:22  tcp A  => Allow Flow
            +131   203.0.113.5:40000 > 10.0.0.4:22  tcp A  => Deny NoFlow
            flows 0
            """);
    }

    [Fact]
    public void A_port_used_again_after_the_close_is_judged_as_a_new_connection()
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh).With("empty", SampleRules.Empty);
        trace.Run("""
            0      203.0.113.5:40000 > 10.0.0.4:22  tcp S  => Allow Rule
            +1     10.0.0.4:22 > 203.0.113.5:40000  tcp RA ack=2 => Allow Flow
            +1     203.0.113.5:40000 > 10.0.0.4:22  tcp S  => Allow Rule
            +1     10.0.0.4:22 > 203.0.113.5:40000  tcp RA ack=2 => Allow Flow
            rules empty
            +1     203.0.113.5:40000 > 10.0.0.4:22  tcp S  => Deny Rule DefaultRule_DenyAllInBound
            flows 0
            """);
    }

    [Fact]
    public void Udp_lives_longer_once_it_was_answered()
    {
        using PacketTrace trace = new PacketTrace().With("dns", SampleRules.AllowDns);
        trace.Run("""
            0    203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Rule UserRule_allow-dns
            +31  203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Rule
            +1   10.0.0.4:53 > 203.0.113.5:40000  udp => Allow Flow
            +170 203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Flow
            +181 10.0.0.4:53 > 203.0.113.5:40000  udp => Allow Rule DefaultRule_AllowInternetOutBound
            """);
    }

    [Fact]
    public void An_icmp_error_about_an_answer_that_was_not_given_is_about_no_flow()
    {
        using PacketTrace trace = new PacketTrace().With("dns", SampleRules.AllowDns);
        trace.Run("""
            # of an older flow, with which it is over
            0       10.0.0.4:53 > 203.0.113.5:4000  udp len=30             => Allow Rule
            +40     203.0.113.5:4000 > 10.0.0.4:53  udp len=30             => Allow Rule
            +0.1    192.0.2.1 > 10.0.0.4  icmp type=3 code=1 about=1       => Deny NoFlow
            +0.1    192.0.2.1 > 203.0.113.5  icmp type=3 code=1 about=2    => Allow Related
            +0.1    10.0.0.4:53 > 203.0.113.5:4000  udp len=30             => Allow Flow
            +0.1    192.0.2.1 > 10.0.0.4  icmp type=3 code=1 about=1       => Allow Related
            """);
    }

    [Fact]
    public void An_icmp_error_comes_back_only_to_the_sender_of_a_packet_of_a_flow()
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty);
        trace.Run("""
            0.000   10.0.0.4:50000 > 198.51.100.9:53   udp len=30 => Allow Rule
            0.001   10.0.0.4:50001 > 198.51.100.10:53  udp len=30 => Allow Rule
            +0.010  192.0.2.1 > 10.0.0.4   icmp type=3 code=3 about=1 => Allow Related DefaultRule_AllowInternetOutBound Inbound
            +0.010  192.0.2.1 > 10.0.0.4   icmp type=11 code=0 about=2 => Allow Related
            # told to somebody else
            +0.010  192.0.2.1 > 10.0.0.5   icmp type=3 code=3 about=1 => Deny NoFlow
            # a redirect is not for a router to forward
            +0.010  192.0.2.1 > 10.0.0.4   icmp type=5 code=1 about=1 => Deny NoFlow
            # errors do not keep the flow alive
            30.005  192.0.2.1 > 10.0.0.4   icmp type=3 code=3 about=1 => Deny NoFlow
            """);
    }

    [Fact]
    public void Protocols_without_ports_are_tracked_by_their_addresses()
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty);
        trace.Run("""
            0.000   10.0.0.4 > 198.51.100.9  proto 47 => Allow Rule DefaultRule_AllowInternetOutBound
            +0.010  198.51.100.9 > 10.0.0.4  proto 47 => Allow Flow
            +0.010  198.51.100.9 > 10.0.0.4  proto 50 => Deny Rule DefaultRule_DenyAllInBound
            """);
    }

    [Fact]
    public void IPv6_is_judged_like_IPv4()
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        trace.Run("""
            0.000   [2001:db8::5]:40000 > [fd00::4]:22  tcp S   => Allow Rule UserRule_allow-ssh Inbound
            +0.001  [fd00::4]:22 > [2001:db8::5]:40000  tcp SA  => Allow Flow Outbound
            +0.001  [2001:db8::5]:40000 > [fd00::4]:23  tcp S   => Deny Rule DefaultRule_DenyAllInBound
            +0.001  fd00::4 > 2001:db8::5               echo id=3 => Allow Rule DefaultRule_AllowInternetOutBound
            +0.001  2001:db8::5 > fd00::4               reply id=3 => Allow Flow
            """);
    }

    [Fact]
    public void A_full_table_keeps_what_was_answered_and_lets_go_of_what_was_not()
    {
        using PacketTrace trace = new PacketTrace(maxFlows: 2).With("dns", SampleRules.AllowDns);
        trace.Run("""
            0.000   203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Rule
            0.001   10.0.0.4:53 > 203.0.113.5:40000  udp => Allow Flow
            0.002   203.0.113.5:40001 > 10.0.0.4:53  udp => Allow Rule
            # 40001 has no answer and makes room
            0.003   203.0.113.5:40002 > 10.0.0.4:53  udp => Allow Rule
            0.004   203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Flow
            0.005   10.0.0.4:53 > 203.0.113.5:40002  udp => Allow Flow
            # both are answered now
            0.006   203.0.113.5:40003 > 10.0.0.4:53  udp => Deny TableFull UserRule_allow-dns
            0.007   203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Flow
            200     203.0.113.5:40003 > 10.0.0.4:53  udp => Allow Rule
            """);
        Assert.Equal(1, trace.Counters.Denied(VerdictReason.TableFull));
    }

    [Fact]
    public void One_source_cannot_take_more_flows_than_it_may()
    {
        using PacketTrace trace = new PacketTrace(new FlowLimits { MaxFlows = 100, MaxFlowsPerSource = 2 }).With("dns", SampleRules.AllowDns);
        trace.Run("""
            0.000   203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Rule
            0.001   203.0.113.5:40001 > 10.0.0.4:53  udp => Allow Rule
            0.002   203.0.113.5:40002 > 10.0.0.4:53  udp => Deny SourceLimit UserRule_allow-dns
            0.003   203.0.113.6:40002 > 10.0.0.4:53  udp => Allow Rule
            # time gives them back
            31      203.0.113.5:40002 > 10.0.0.4:53  udp => Allow Rule
            31.001  203.0.113.5:40003 > 10.0.0.4:53  udp => Allow Rule
            31.002  203.0.113.5:40004 > 10.0.0.4:53  udp => Deny SourceLimit
            # a network of 64 bits is one source: a host takes of its addresses as many as it likes
            31.003  [2001:db8::5]:40000 > [fd00::4]:53  udp => Allow Rule
            31.004  [2001:db8::6]:40000 > [fd00::4]:53  udp => Allow Rule
            31.005  [2001:db8::7:0:0:1]:40000 > [fd00::4]:53  udp => Deny SourceLimit
            31.006  [2001:db8:0:1::5]:40000 > [fd00::4]:53  udp => Allow Rule
            """);
    }

    [Fact]
    public void Nobody_makes_room_for_a_source_that_has_its_fill()
    {
        using PacketTrace trace = new PacketTrace(new FlowLimits { MaxFlows = 3, MaxFlowsPerSource = 2, HalfOpenPercent = 100, AdaptiveStartPercent = 100 }).With("dns", SampleRules.AllowDns);
        trace.Run("""
            0.000   203.0.113.6:40000 > 10.0.0.4:53  udp => Allow Rule
            0.001   203.0.113.5:40000 > 10.0.0.4:53  udp => Allow Rule
            0.002   203.0.113.5:40001 > 10.0.0.4:53  udp => Allow Rule
            0.003   203.0.113.5:40002 > 10.0.0.4:53  udp => Deny SourceLimit
            0.004   10.0.0.4:53 > 203.0.113.6:40000  udp => Allow Flow
            """);
    }

    [Fact]
    public void In_a_flood_of_connection_requests_a_SYN_has_to_be_sent_again()
    {
        // Ten half-open flows are allowed, and on top of them two requests in each 128 ms.
        using PacketTrace trace = new PacketTrace(new FlowLimits { MaxFlows = 100, HalfOpenPercent = 10, HandshakesPerSecond = 16 })
            .With("ssh", SampleRules.AllowSsh);
        trace.Run("""
            # a connection that is under way
            0.000   203.0.113.5:40000 > 10.0.0.4:22  tcp S seq=1  => Allow Rule
            0.001   10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=1 ack=2  => Allow Flow
            0.002   203.0.113.5:40000 > 10.0.0.4:22  tcp A seq=2 ack=2  => Allow Flow
            """);
        for (int i = 0; i < 12; i++) trace.Run($"1.28  198.18.0.{i}:1000 > 10.0.0.4:22  tcp S => Allow Rule");
        trace.Run("""
            1.29    198.18.1.1:1000 > 10.0.0.4:22    tcp S seq=7  => Deny SynFlood UserRule_allow-ssh Inbound
            1.30    203.0.113.9:1000 > 10.0.0.4:22   tcp S seq=7  => Deny SynFlood
            # nobody sends again as soon as that
            1.40    203.0.113.9:1000 > 10.0.0.4:22   tcp S seq=7  => Deny SynFlood
            1.50    203.0.113.5:40000 > 10.0.0.4:22  tcp A seq=2 ack=2 len=10  => Allow Flow
            2.27    198.18.1.2:1000 > 10.0.0.4:22    tcp S seq=7  => Deny SynFlood
            2.27    198.18.1.3:1000 > 10.0.0.4:22    tcp S seq=7  => Deny SynFlood
            2.28    203.0.113.9:1000 > 10.0.0.4:22   tcp S seq=7  => Allow Rule
            2.281   10.0.0.4:22 > 203.0.113.9:1000   tcp SA seq=1 ack=8  => Allow Flow
            # a second after the flood nobody has to
            3.29    203.0.113.10:1000 > 10.0.0.4:22  tcp S seq=7  => Allow Rule
            """);
        Assert.Equal(5, trace.Counters.Denied(VerdictReason.SynFlood));
    }

    [Fact]
    public void A_filling_table_shortens_the_time_of_idle_flows()
    {
        using PacketTrace trace = new PacketTrace(new FlowLimits { MaxFlows = 10, HalfOpenPercent = 100, AdaptiveStartPercent = 20 })
            .With("dns", SampleRules.AllowDns);
        for (int i = 0; i < 8; i++) trace.Run($"0.00{i} 203.0.113.5:4000{i} > 10.0.0.4:53  udp => Allow Rule");

        // Each flow above two takes a twelfth off the 30 s: the eighth lives 15 s, the seventh 17.5, the sixth 20, the fifth 22.5.
        trace.Run("""
            22.4  203.0.113.9:1 > 10.0.0.4:54     udp => Deny Rule
            flows 5
            31.9  203.0.113.9:1 > 10.0.0.4:54     udp => Deny Rule
            flows 0
            """);
    }

    [Fact]
    public void A_flow_is_told_ten_errors_a_second_and_no_forged_one()
    {
        using PacketTrace trace = new PacketTrace().With("empty", SampleRules.Empty);
        trace.Run("""
            0.000   10.0.0.4:50000 > 198.51.100.9:443  tcp S  seq=1000           => Allow Rule
            0.010   198.51.100.9:443 > 10.0.0.4:50000  tcp SA seq=5000 ack=1001  => Allow Flow
            0.020   10.0.0.4:50000 > 198.51.100.9:443  tcp A  seq=1001 ack=5001  => Allow Flow
            # quoted by somebody who guesses
            0.030   10.0.0.4:50000 > 198.51.100.9:443  tcp PA seq=900000 ack=5001 len=100 => Deny OutOfWindow
            0.040   192.0.2.1 > 10.0.0.4  icmp type=3 code=4 about=4             => Deny OutOfWindow
            """);
        for (int i = 0; i < 10; i++) trace.Run("1.5 192.0.2.1 > 10.0.0.4 icmp type=3 code=4 about=3 => Allow Related");
        trace.Run("""
            1.5     192.0.2.1 > 10.0.0.4  icmp type=3 code=4 about=3             => Deny ErrorRate
            2.5     192.0.2.1 > 10.0.0.4  icmp type=3 code=4 about=3             => Allow Related
            """);
    }

    [Fact]
    public void Azures_flow_timeout_takes_the_place_of_the_idle_times()
    {
        using PacketTrace trace = new PacketTrace(timeouts: new FlowTimeouts().WithFlowTimeout(TimeSpan.FromMinutes(4))).With("ssh", SampleRules.AllowSsh);
        trace.Run("""
            0     203.0.113.5:40000 > 10.0.0.4:22  tcp S  => Allow Rule
            +1    10.0.0.4:22 > 203.0.113.5:40000  tcp SA => Allow Flow
            +1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  => Allow Flow
            +239  203.0.113.5:40000 > 10.0.0.4:22  tcp A  => Allow Flow
            +240  203.0.113.5:40000 > 10.0.0.4:22  tcp A  => Deny NoFlow
            """);
    }
}
