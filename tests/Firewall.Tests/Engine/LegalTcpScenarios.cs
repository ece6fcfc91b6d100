using Firewall.Core.Flows;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// Unusual conversations that TCP allows, as suites for hosts have them (google/packetdrill, gVisor's packetimpact), told again from what
/// they are about: whatever passes through an empty forwarder has to pass here. Fast Open, probes, keepalives, wraps and simultaneous opens
/// are in <see cref="TcpWindowScenarios"/> and <see cref="TcpStragglerScenarios"/>.
/// </summary>
public sealed class LegalTcpScenarios
{
    private const string Handshake = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=65535 ws=14           => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=65535 ws=14  => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=65535        => Allow Flow

        """;

    [Fact]
    public void ECN_is_agreed_on_and_signalled()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp SEW seq=1000             => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SAE seq=5000 ack=1001    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PAW seq=1001 ack=5001 len=10  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp AE seq=5001 ack=1011     => Allow Flow
            # and a SYN that gives up on it
            0       203.0.113.5:40001 > 10.0.0.4:22  tcp SEW seq=1000             => Allow Rule
            +1      203.0.113.5:40001 > 10.0.0.4:22  tcp S   seq=1000             => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40001  tcp SA  seq=5000 ack=1001    => Allow Flow
            """);
    }

    [Fact]
    public void Urgent_data_may_come_with_every_kind_of_segment()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp SU  seq=1000             => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA  seq=5000 ack=1001    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp AU  seq=1001 ack=5001 len=1  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PAU seq=1002 ack=5001 len=5  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp FPAU seq=1007 ack=5001 len=1  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A   seq=5001 ack=1009    => Allow Flow
            """);
    }

    [Fact]
    public void The_largest_scale_lets_a_gigabyte_be_on_its_way()
    {
        Run(Handshake + """
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=1448        => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2449 win=65535       => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=536871913 ack=5001 len=1448   => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1073700000 ack=5001 len=1448  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2449 ack=5001 len=1448        => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1073701448           => Allow Flow
            """);
    }

    [Fact]
    public void A_receiver_may_take_back_its_window_and_what_it_acknowledged_selectively()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 ws=0                         => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=20000 ws=0      => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=1000            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2001 ack=5001 len=1000            => Allow Flow
            # the second came, the first did not; then the buffer is needed for something else
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=20000 sackfrom=2001 sackto=3001  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=500             => Allow Flow
            +0.3    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=1000            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001 win=0               => Allow Flow
            +0.3    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2001 ack=5001 len=1000            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=3001 win=20000           => Allow Flow
            """);
    }

    [Fact]
    public void A_window_may_stay_closed_for_long_and_probes_keep_the_connection()
    {
        Run(Handshake + """
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000 win=65535  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001 win=0               => Allow Flow
            +7000   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2000 ack=5001 win=65535           => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001 win=0               => Allow Flow
            +7000   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2001 ack=5001 len=1 win=65535     => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2002 win=65535           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=2002 ack=5001 len=5000 win=65535  => Allow Flow
            """);
    }

    [Fact]
    public void A_host_that_closes_with_something_unread_resets()
    {
        Run(Handshake + """
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp RA seq=5001 ack=2001                     => Allow Flow
            # what was on its way meanwhile is answered by a reset without acknowledgment
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=2001 ack=5001 len=1000            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp R  seq=5001                              => Allow Flow
            """);
    }

    [Fact]
    public void Data_may_come_with_the_last_part_of_the_handshake_and_before_it()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S   seq=1000                     => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA  seq=5000 ack=1001            => Allow Flow
            # the acknowledgment is lost, its data goes on, and the SYN/ACK comes again
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA  seq=1001 ack=5001 len=100    => Allow Flow
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp SA  seq=5000 ack=1001            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1101 ack=5001            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp FPA seq=5001 ack=1101 len=100    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp FA  seq=1101 ack=5102            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A   seq=5102 ack=1102            => Allow Flow
            """);
    }

    [Fact]
    public void A_syn_of_either_end_on_an_open_connection_is_challenged() // packetdrill's and FreeBSD's suites, RFC 5961 section 4
    {
        Run(Handshake + """
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=900000                         => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=65535        => Allow Flow
            # a peer that has started anew resets what it knows nothing of
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp R  seq=5001                           => Allow Flow
            """);
        Run(Handshake + """
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=900000                         => Allow Flow
            # a SYN/ACK for something of this connection is challenged
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=700000 ack=5001                => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=900000                         => Allow Flow
            # who has it no more takes the SYN for a new connection: the rules are asked, and allow it
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=700000 ack=900001              => Allow Rule DefaultRule_AllowInternetOutBound Inbound
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=900001 ack=700001              => Allow Flow DefaultRule_AllowInternetOutBound Outbound
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=700001 ack=900001 len=100      => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=900001 ack=700101              => Allow Flow
            # it has the old one's place
            flows 1
            """);
        // An inside host's connection, turned by an outside one to whom the rules allow nothing.
        Run("""
            0       10.0.0.4:50000 > 203.0.113.5:443  tcp S  seq=1000                          => Allow Rule
            +0.001  203.0.113.5:443 > 10.0.0.4:50000  tcp SA seq=5000 ack=1001                 => Allow Flow
            +0.001  10.0.0.4:50000 > 203.0.113.5:443  tcp A  seq=1001 ack=5001                 => Allow Flow
            +1      203.0.113.5:443 > 10.0.0.4:50000  tcp S  seq=900000                        => Allow Flow
            +0.001  10.0.0.4:50000 > 203.0.113.5:443  tcp SA seq=700000 ack=900001             => Deny InvalidState DefaultRule_AllowInternetOutBound
            # neither by one whose number may be this connection's, when something has come in between that the inside host drops
            +0.001  203.0.113.5:443 > 10.0.0.4:50000  tcp S  seq=4000                          => Allow Flow
            +0.001  203.0.113.5:443 > 10.0.0.4:50000  tcp A  seq=5001 ack=1001 len=1 badsum    => Allow Flow
            +0.001  10.0.0.4:50000 > 203.0.113.5:443  tcp SA seq=700000 ack=4001               => Deny InvalidState
            +0.001  10.0.0.4:50000 > 203.0.113.5:443  tcp SA seq=700000 ack=990001             => Deny InvalidState
            # and the old one goes on
            +0.001  203.0.113.5:443 > 10.0.0.4:50000  tcp A  seq=5001 ack=1001 len=10          => Allow Flow
            +0.001  10.0.0.4:50000 > 203.0.113.5:443  tcp A  seq=1001 ack=5011                 => Allow Flow
            """);
    }

    [Fact]
    public void Data_beyond_the_window_does_not_keep_the_receivers_answers_from_being_heard() // the kernel's tcp_rcv_wnd_shrink_nomem
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 ws=2                      => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 ws=8             => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=60000        => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=4000         => Allow Flow
            # a million bytes may be sent; the receiver drops what lies beyond
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=2026000 ack=5001 len=1000 win=60000 => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1001 len=500 win=4000 => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5501 len=1000 win=60000 => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5501 ack=2001 win=4000         => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=2001 ack=5501 len=1000 win=60000 => Allow Flow
            # and of what is sent again, a router may say that it is too long
            +0.001  10.0.0.1 > 203.0.113.5           icmp type=3 code=4 mtu=900 quote=28 about=9 => Allow Related
            """);
    }

    [Fact]
    public void A_syn_ack_for_an_older_syn_is_not_believed() // the same port again within a quarter of a second
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=60000                          => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=777000 ack=30001               => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=30001                          => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=780000 ack=60001               => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=60001 ack=780001               => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=60001 ack=780001 len=10        => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=780001 ack=60011               => Allow Flow
            """);
    }

    [Fact]
    public void A_reset_by_the_opener_that_acknowledges_nothing_is_not_taken_for_a_refusal()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                           => Allow Rule
            # for a segment of an older connection
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp RA seq=300 ack=0                      => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001                  => Allow Flow
            """);
    }

    [Fact]
    public void A_fast_open_syn_on_a_finished_connection_may_be_sent_again_without_its_data() // found by the simulation
    {
        Run(Handshake + """
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1001                  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5002                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5002 ack=1002                  => Allow Flow
            # so near to the old numbers that it may be a copy
            +10     203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=900 len=50                     => Allow Flow
            +0.3    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=900                            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=88000000 ack=951               => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=951 ack=88000001               => Allow Flow
            """);
    }

    [Fact]
    public void The_last_fin_meets_its_flow_however_late_a_host_sends_it_again() // RFC 6298; Linux doubles up to 120 s
    {
        Run(Handshake + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001                  => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002                  => Allow Flow
            +16     10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002                  => Allow Flow
            +32     10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002                  => Allow Flow
            +64     10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002                  => Allow Flow
            +120    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002                  => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002                  => Allow Flow
            """);
    }

    [Fact]
    public void The_last_fin_meets_its_flow_also_if_something_else_was_acknowledged_behind_it()
    {
        Run(Handshake + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001                  => Allow Flow
            +0.01   10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002 len=1000         => Allow Flow
            +0      10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=6001 ack=1002                  => Allow Flow
            # it was on its way before the FIN came
            +0.01   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=6001                  => Allow Flow
            +64     10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=6001 ack=1002                  => Allow Flow
            +120    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=6001 ack=1002                  => Allow Flow
            +120    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=6001 ack=1002                  => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=6002                  => Allow Flow
            """);
    }

    [Fact]
    public void A_syn_of_the_answering_end_is_challenged_while_the_connection_closes()
    {
        Run(Handshake + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=900000                         => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5001                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=900000                         => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5001                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=900000                         => Allow Flow
            # the challenge is not the acknowledgment of the FIN: the flow has LAST_ACK's 130 seconds, not TIME_WAIT's ten
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5001                  => Allow Flow
            +125    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002                  => Allow Flow
            """, new FlowTimeouts { TcpTimeWait = TimeSpan.FromSeconds(10) });
    }

    [Fact]
    public void A_syn_ack_for_what_was_never_sent_is_reset_and_the_right_one_is_taken() // RFC 9293 section 3.10.7.3
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                           => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=777000 ack=888000              => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=888000                         => Allow Flow
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                           => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001                  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001                  => Allow Flow
            """);
    }

    [Fact]
    public void A_syn_ack_may_acknowledge_data_of_a_syn_whose_flow_is_gone() // RFC 7413; found by the simulation
    {
        const string Opening = """
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S   seq=1000 len=400 ws=8                     => Allow Rule
            # lost behind the firewall, and the SYN comes again after the half-open flow's time, without its data
            +130    203.0.113.5:40000 > 10.0.0.4:22  tcp S   seq=1000 ws=8                             => Allow Rule
            # the first one arrives after all
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA  seq=5000 ack=1401 win=65535 ws=4          => Allow Flow

            """;
        Run(Opening + """
            # its acknowledgment is lost, and so is the first data
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA  seq=1901 ack=5001 len=500 win=256         => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A   seq=5001 ack=1401 win=8192                => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA  seq=1401 ack=5001 len=500 win=256         => Allow Flow
            # scaled windows: 8192 by sixteen
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A   seq=5001 ack=2401 win=8192                => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA  seq=130000 ack=5001 len=500 win=256       => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA  seq=900000 ack=5001 len=500 win=256       => Deny OutOfWindow
            """);
        Run(Opening + """
            # all in one segment, its end too
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp FPA seq=1401 ack=5001 len=500 win=256         => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp FA  seq=5001 ack=1902 win=8192                => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1902 ack=5002 win=256                 => Allow Flow
            """);
        Run(Opening + """
            # nobody who has not seen the SYN/ACK opens it
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1401 ack=5000 win=256                 => Deny InvalidState
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1401 ack=99000 win=256                => Deny InvalidState
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=999000 ack=5001 win=256               => Deny InvalidState
            """);
        Run(Opening + """
            # of data that follows it the first part is lost
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA  seq=5501 ack=1401 len=500 win=8192        => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1401 ack=5001 win=256 sackfrom=5501 sackto=6001 => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA  seq=5001 ack=1401 len=500 win=8192        => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1401 ack=6001 win=256                 => Allow Flow
            """);
        Run(Opening + """
            # data follows it at once
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA  seq=5001 ack=1401 len=900 win=8192        => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1401 ack=5901 win=256                 => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA  seq=5901 ack=1401 len=900 win=8192        => Allow Flow
            """);
        Run(Opening + """
            # the challenge of an end that has an older connection, and the reset that answers it
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A   seq=990000 ack=330000 win=8192            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R   seq=330000                                => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A   seq=1401 ack=5001 win=256                 => Deny InvalidState
            """);
        // One that sent nothing with its SYN resets it, and the right one is taken.
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                           => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=777000 ack=1002                => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1002                           => Allow Flow
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                           => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001                  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001                  => Allow Flow
            """);
    }

    [Fact]
    public void A_fin_that_answers_a_syn_is_reset_or_ignored()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                           => Allow Rule
            # the end of a connection before, which this end knows nothing about any more
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=7000 ack=9000                  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=9000                           => Allow Flow
            # one that acknowledges the SYN but brings none is left lying
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5000 ack=1001                  => Allow Flow
            +0.5    10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001                  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001                  => Allow Flow
            """);
    }

    [Fact]
    public void A_reset_behind_data_that_went_a_little_too_far_is_not_lost()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=65535                 => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=1000         => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=65535        => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=1000         => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2001 ack=5001 len=600          => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2601 ack=5001 len=300          => Allow Flow
            # a host that takes more than it announced expects this number, and one further on is a guess
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=2902                           => Deny OutOfWindow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=2901                           => Allow Flow
            """);
    }

    private static void Run(string trace, FlowTimeouts? timeouts = null)
    {
        using PacketTrace run = new PacketTrace(timeouts: timeouts).With("ssh", SampleRules.AllowSsh);
        run.Run(trace);
    }
}
