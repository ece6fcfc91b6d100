using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// What a bad network and somebody who guesses do to connections: segments that come late, twice, or from nobody. Most of these were found
/// by the simulation (Firewall.Tests.Simulation); nf_conntrack loses the connection in nearly all of them.
/// </summary>
public sealed class TcpStragglerScenarios
{
    private const string Handshake = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240            => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=65160   => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=64240   => Allow Flow

        """;

    private const string HalfClosed = Handshake + """
        +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001             => Allow Flow
        +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002             => Allow Flow

        """;

    [Fact]
    public void A_reset_of_the_connection_before_does_not_spoil_the_new_ones_handshake()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=900000                   => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1234                     => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp R  seq=77                       => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=900001          => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=900001 ack=5001          => Allow Flow
            +7000   203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=900001 ack=5001 len=10   => Allow Flow
            """);
    }

    [Fact]
    public void A_reset_that_proves_itself_ends_the_handshake()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                     => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp RA seq=0 ack=1001               => Allow Flow
            flows 0
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=2000                     => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=2001                     => Allow Flow
            +11     10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=2001            => Deny NoFlow
            """);
    }

    [Fact]
    public void A_challenge_and_its_reset_leave_the_new_connection_being_opened()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                     => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=7000 ack=9000            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=9000                     => Allow Flow
            # a copy of the SYN was faster than the RST's effect
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001            => Allow Flow
            +7000   10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001            => Allow Flow
            """);
    }

    [Fact]
    public void A_reset_that_guesses_does_not_end_a_half_closed_connection()
    {
        Run(HalfClosed + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=900000                   => Deny OutOfWindow
            # in the window: the host is asked, and contradicts
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1500                     => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002            => Allow Flow
            +800    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1002 len=100    => Allow Flow
            """);
    }

    [Fact]
    public void A_late_refusal_of_a_syn_does_not_end_a_half_closed_connection() // found by the simulation
    {
        // The numbers wrap around 0, so that the refusal's lies in the window.
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                             => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=4294967000 ack=1001              => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=4294967001              => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=4294967001 ack=1002 len=1000     => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=705                     => Allow Flow
            +3      10.0.0.4:22 > 203.0.113.5:40000  tcp RA seq=0 ack=1001                       => Allow Flow
            +100    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=705 ack=1002 len=100             => Allow Flow
            """);
    }

    [Fact]
    public void A_forged_syn_and_its_forged_refusal_do_not_end_a_connection()
    {
        Run(Handshake + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=700000                   => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp RA seq=0 ack=700001             => Allow Flow
            # the host's own answer to the SYN
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001            => Allow Flow
            +3600   203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10     => Allow Flow
            """);
    }

    [Fact]
    public void A_reset_moves_no_bounds()
    {
        Run(Handshake + """
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=65160  => Allow Flow
            # one in the window, one beyond it
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=66000                    => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=120000                   => Deny OutOfWindow
            # an acknowledgment of what the guess would have us believe was sent
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=66000           => Deny OutOfWindow
            """);
    }

    [Fact]
    public void An_old_copy_of_a_syn_that_meets_a_host_while_it_is_opening_does_not_keep_its_own_connection_out()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                           => Allow Rule
            # the host had sent its own SYN, which its answer to the other one overtakes
            +0.05   10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000000 ack=1001               => Allow Flow
            +0.01   10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=5000000                        => Allow Flow
            # from the TIME_WAIT of the connection before, whose SYN the first was
            +0.05   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=1000                  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=9000000 ack=5000001            => Allow Rule
            +0.05   10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5000001 ack=9000001            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5000001 ack=9000001 len=100    => Allow Flow
            +0.05   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=9000001 ack=5000101            => Allow Flow
            """);
    }

    [Fact]
    public void A_fin_sent_again_leaves_the_connection_half_closed()
    {
        Run(HalfClosed + """
            +0.2    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001            => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002            => Allow Flow
            # far longer than LAST_ACK or TIME_WAIT last
            +800    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1002 len=100    => Allow Flow
            """);
    }

    [Fact]
    public void Late_copies_of_the_handshake_forget_nothing()
    {
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000   => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001            => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240           => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=65160  => Allow Flow
            # the windows of before count
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=60000 ack=5001 len=1000  => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1500                     => Deny OutOfWindow
            """);
    }

    [Fact]
    public void A_late_copy_of_its_syn_does_not_end_a_connection_that_has_something_left_to_send()
    {
        Run(HalfClosed + """
            # the server's data is lost behind us, its FIN is not
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1002 len=100    => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5101 ack=1002            => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5001            => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                     => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=800000                   => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1002 len=100    => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5102            => Allow Flow
            # now it has nothing left
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                     => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=800000                   => Allow Rule
            """);
    }

    [Fact]
    public void Data_that_overtakes_the_acknowledgment_that_allows_it_is_not_forgotten()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240           => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=65160  => Allow Flow
            # the client's ACK was lost before us, or is late: we do not know yet how much the server may send
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=7001 ack=1001 len=1000   => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=6001 ack=1001 len=1000   => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=8001            => Allow Flow
            """);
    }

    [Fact]
    public void A_fast_open_syn_sent_again_without_its_data_does_not_take_the_data_back()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 len=400             => Allow Rule
            +0.3    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                     => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1401            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1401 ack=5001            => Allow Flow
            """);
    }

    [Fact]
    public void After_a_simultaneous_open_the_originators_syn_ack_may_be_sent_again()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                     => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=5000                     => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=1000 ack=5001            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001            => Allow Flow
            # both of the server's were lost behind us
            +0.3    203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=1000 ack=5001            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001            => Allow Flow
            # one with another number is challenged, and changes nothing
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=900000 ack=5001          => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10     => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=900001 ack=5001 len=10   => Deny OutOfWindow
            """);
    }

    [Fact]
    public void A_simultaneous_open_of_which_both_syn_acks_were_lost_before_us_goes_on()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240           => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=5000 win=65160           => Allow Flow
            # nobody answers with these numbers
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5002 len=10     => Deny InvalidState
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=900001 ack=5001 len=10   => Deny InvalidState
            # a copy of the client's SYN, which the server has answered
            +0.2    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240           => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=6001 ack=5001 len=10     => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=6011            => Allow Flow
            # sent again by both, it changes nothing
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp SA seq=1000 ack=5001            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=6011            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=6011 ack=5002            => Allow Flow
            """);
    }

    [Fact]
    public void After_a_reset_the_other_end_may_connect_if_the_rules_allow_it()
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        trace.Run(Handshake + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1001                     => Allow Flow
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp S  seq=900000                   => Allow Rule DefaultRule_AllowInternetOutBound
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp RA seq=0 ack=900001             => Allow Flow
            flows 0
            """);
    }

    [Fact]
    public void A_stale_attempt_from_one_side_does_not_stop_the_other_side()
    {
        Run("""
            0       10.0.0.4:22 > 203.0.113.5:22     tcp S  seq=1000                     => Allow Rule
            +60     203.0.113.5:22 > 10.0.0.4:22     tcp S  seq=700000                   => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:22     tcp SA seq=900000 ack=700001        => Allow Flow
            +0.001  203.0.113.5:22 > 10.0.0.4:22     tcp A  seq=700001 ack=900001        => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:22     tcp PA seq=900001 ack=700001 len=10 => Allow Flow
            """);
    }

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        run.Run(trace);
    }
}
