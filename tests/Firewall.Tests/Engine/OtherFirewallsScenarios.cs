using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// What the tests of other firewalls check, told again as packet traces; each names its origin. Those of the kernel's packetdrill scripts are
/// in <see cref="TcpWindowScenarios"/>, those of fragments in <see cref="OpenVSwitchScenarios"/>, <see cref="PfScenarios"/> and
/// <see cref="NetBirdFragmentScenarios"/>. docs/CONNTRACK-SCENARIOS.md lists them all.
/// </summary>
public sealed class OtherFirewallsScenarios
{
    private const string Handshake = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000              => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001     => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001     => Allow Flow

        """;

    private const string Close = """
        +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001     => Allow Flow
        +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002     => Allow Flow
        +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002     => Allow Flow

        """;

    [Fact]
    public void A_port_is_used_again_behind_a_close_and_behind_a_reset() => // Open vSwitch: conntrack - tcp port reuse; NetBird: TCPPortReuseTimeWait, TCPPortReuseTombstone
        Run(Handshake + Close + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=90000000          => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=70000000 ack=90000001 => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=90000001 ack=70000001 => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp R  seq=70000001          => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=190000000         => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=7 ack=190000001   => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=190000001 ack=8   => Allow Flow
            flows 1
            """);

    [Fact]
    public void What_lies_far_outside_of_the_window_is_refused_both_ways() => // Open vSwitch: conntrack - disable tcp sequence checking (the part that checks)
        Run(Handshake + """
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1000001001 ack=5001 len=10   => Deny OutOfWindow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=1000005001 ack=1001 len=10   => Deny OutOfWindow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=1000005001 len=10   => Deny OutOfWindow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10         => Allow Flow
            """);

    [Fact]
    public void The_middle_of_a_connection_opens_nothing() => // Open vSwitch: conntrack - tcp pick up (see PickUpScenarios for where it does); NetBird: RSTHandling (the part without a connection)
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10  => Deny NoFlow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1011         => Deny NoFlow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1001                  => Deny NoFlow
            flows 0
            """);

    [Fact]
    public void A_reset_from_the_wrong_side_does_not_end_an_attempt() => // NetBird: TCPRstInSynSentWrongDirection
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000              => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=900               => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001     => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001     => Allow Flow
            """);

    [Fact]
    public void A_stray_reset_does_not_end_time_wait() => // NetBird: TCPRstInTimeWaitIgnored; RFC 1337
        Run(Handshake + Close + """
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp R  seq=4000              => Deny OutOfWindow
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=900               => Deny OutOfWindow
            # the last FIN, sent again, still meets its flow
            +60     10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002     => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002     => Allow Flow
            """);

    [Theory]
    [InlineData("SF")]
    [InlineData("SR")]
    [InlineData("FR")]
    [InlineData("F")]
    [InlineData("FPU")]
    [InlineData("U")]
    [InlineData("-")]
    [InlineData("SFRPAU")]
    public void Illegal_flags_are_refused_and_change_nothing(string flags) => // NetBird: TCPIllegalFlagCombos
        Run(Handshake + $"""
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp {flags} seq=1001 ack=5001  => Deny InvalidTcpFlags
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp {flags} seq=5001 ack=1001  => Deny InvalidTcpFlags
            +60     203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10 => Allow Flow
            """);

    [Fact]
    public void A_FIN_sent_again_and_the_senders_own_acknowledgment_leave_the_connection_half_closed() => // NetBird: TCPCloseWaitRetransmittedPeerFIN, TCPFinWait2RetransmittedOwnFIN, TCPFinWait1OwnAckDoesNotAdvance
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5001           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001           => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001           => Allow Flow
            +890    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1002 len=100   => Allow Flow
            """);

    [Fact]
    public void The_last_FIN_waits_for_the_acknowledgment_of_the_other_end() => // NetBird: TCPLastAckDirectionCheck
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001           => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002           => Allow Flow
            # its sender's own, so the FIN may have to be sent again: no new connection yet
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5002 ack=1002           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=90000000                => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002           => Allow Flow
            """);

    [Fact]
    public void Data_goes_on_after_the_other_ends_FIN_and_both_may_close_at_once() => // NetBird: TCPEstablishedPSHACKInFinStates, TCPHalfClosedConnections, TCPAbnormalSequences
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FPA seq=1001 ack=5001 len=10   => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1012 len=100   => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1012 ack=5101           => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FPA seq=5101 ack=1012 len=100  => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1012 ack=5202           => Allow Flow

            +100    203.0.113.5:40001 > 10.0.0.4:22  tcp S  seq=1000                    => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40001  tcp SA seq=5000 ack=1001           => Allow Flow
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp A  seq=1001 ack=5001           => Allow Flow
            +0.1    203.0.113.5:40001 > 10.0.0.4:22  tcp FA seq=1001 ack=5001           => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40001  tcp FA seq=5001 ack=1001           => Allow Flow
            +0.1    203.0.113.5:40001 > 10.0.0.4:22  tcp A  seq=1002 ack=5002           => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40001  tcp A  seq=5002 ack=1002           => Allow Flow
            """);

    [Fact]
    public void A_connection_to_the_outside_is_tracked_like_one_from_it() => // NetBird: TCPInboundInitiatedConnection, TCPStateMachine, RSTHandling
        Run("""
            0       10.0.0.4:40000 > 203.0.113.5:443  tcp S  seq=1000                    => Allow Rule Outbound
            +0.001  10.0.0.4:40000 > 203.0.113.5:443  tcp S  seq=1000                    => Allow Flow
            +0.001  203.0.113.5:443 > 10.0.0.4:40000  tcp SA seq=5000 ack=1001           => Allow Flow Inbound
            +0.001  203.0.113.5:443 > 10.0.0.4:40000  tcp SA seq=5000 ack=1001           => Allow Flow
            +0.001  10.0.0.4:40000 > 203.0.113.5:443  tcp A  seq=1001 ack=5001           => Allow Flow
            +0.001  203.0.113.5:443 > 10.0.0.4:40000  tcp R  seq=5001                    => Allow Flow
            +11     203.0.113.5:443 > 10.0.0.4:40000  tcp R  seq=5001                    => Deny NoFlow
            """);

    [Fact]
    public void A_host_challenges_a_SYN_on_its_connection_and_the_connection_goes_on() => // pf: pf_state/challenge_ack, netpfil/pf tcp (challenge ACK)
        Run(Handshake + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=900000                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            # the SYN was forged, so nobody sends the reset
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10    => Allow Flow
            +3600   10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1011           => Allow Flow
            """);

    [Fact]
    public void A_reset_from_behind_that_acknowledges_nothing_is_not_believed() => // pf: pf_state/fakeack_rst
        Run(Handshake + """
            # an acknowledgment of zero is none, so the sender has shown that it knows neither number
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp RA seq=4294934529 ack=0        => Deny OutOfWindow
            # the server still has the connection: it challenges a new SYN
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1                       => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            +60     203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10    => Allow Flow
            """);

    [Fact]
    public void A_reset_behind_a_forged_acknowledgment_is_not_believed() =>
        Run(Handshake + """
            # acknowledges what was never sent, and would move the number at which a reset is believed
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=31001          => Deny OutOfWindow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=31001                   => Allow Flow
            # contradicted within ten seconds
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            +60     203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10    => Allow Flow
            """);

    [Fact]
    public void A_reset_in_front_of_a_gap_is_believed() => // pf: pf_state/beforegap_rst
        Run(Handshake + """
            # eight bytes behind the gap, then eight in front of it; the server acknowledges as far as it has all
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1017 ack=5001 len=8     => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=8     => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1009           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp RA seq=1009 ack=5001           => Allow Flow
            # it is closed: the port begins anew through the rules
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=16777217                => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=90000 ack=16777218      => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp RA seq=16777218 ack=90001      => Allow Flow
            +11     10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=90001 ack=16777218      => Deny NoFlow
            """);

    [Fact]
    public void An_answer_to_a_new_SYN_after_a_simultaneous_open_begins_anew() => // a conversation in which nf_conntrack was right and we were not
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                    => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=5000                    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=1000 ack=5001           => Allow Flow
            +30     203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=90000000                => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=70000000 ack=90000001   => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=90000001 ack=70000001   => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=90000001 ack=70000001 len=10 => Allow Flow
            """);

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        run.Run(trace);
    }
}
