using Firewall.Core.Engine;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// Sequence numbers and windows, told as packet traces. The ones that name a kernel script re-tell it from its description (Linux
/// tools/testing/selftests/net/netfilter/packetdrill).
/// </summary>
public sealed class TcpWindowScenarios
{
    private const string Handshake = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240            => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=65160   => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=64240   => Allow Flow

        """;

    private const string ScaledHandshake = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240 ws=7           => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=65160 ws=7  => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=502         => Allow Flow

        """;

    [Fact]
    public void Data_that_is_sent_again_because_its_acknowledgment_was_lost_passes() // conntrack_ack_loss_stall
    {
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000  => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001           => Allow Flow
            # the acknowledgment was lost behind us; the client sends again and again
            +0.2    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000  => Allow Flow
            +0.4    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000  => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001           => Allow Flow
            """);
    }

    [Fact]
    public void An_inexact_reset_is_believed_once_the_connection_is_closing() // conntrack_inexact_rst
    {
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001           => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1010                    => Allow Flow
            # 10 seconds later the record is gone
            +11     10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002           => Deny NoFlow
            """);
    }

    [Fact]
    public void A_reset_below_the_highest_acknowledgment_is_refused_and_an_exact_one_closes() // conntrack_rst_invalid
    {
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=1000  => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=0                       => Deny OutOfWindow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=42                      => Deny OutOfWindow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=2000                    => Deny OutOfWindow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1000000                 => Deny OutOfWindow
            +60     10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=2001                    => Allow Flow
            +11     10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=2001           => Deny NoFlow
            """);
    }

    [Fact]
    public void A_reset_in_the_window_but_not_exact_passes_and_ends_the_flow_only_if_nobody_answers()
    {
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1500                    => Allow Flow
            # the host challenges (RFC 5961) and the flow goes on
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            +3600   203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=10    => Allow Flow
            # here the host is gone
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1500                    => Allow Flow
            +11     203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1011 ack=5001 len=10    => Deny NoFlow
            """);
    }

    [Fact]
    public void A_host_that_still_has_the_old_connection_challenges_the_new_syn() // conntrack_syn_challenge_ack
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                    => Allow Rule
            # from a connection that we know nothing about any more
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=7000 ack=9000           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=9000                    => Allow Flow
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                    => Allow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001           => Allow Flow
            +7000   10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            """);
    }

    [Fact]
    public void An_old_syn_ack_is_not_believed_and_the_right_one_after_it_is_taken() // conntrack_synack_old
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                    => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=777000 ack=888000       => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=100   => Allow Flow
            """);
    }

    [Fact]
    public void A_syn_on_an_established_connection_is_challenged_and_reset_and_then_works() // conntrack_synack_reuse
    {
        Run(Handshake + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=700000                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1001                    => Allow Flow
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=700000                  => Allow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=90000 ack=700001        => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=700001 ack=90001        => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=700001 ack=90001 len=10 => Allow Flow
            """);
    }

    [Fact]
    public void A_stale_record_heals_when_the_host_takes_the_new_syn()
    {
        Run(Handshake + """
            # the server was restarted and knows nothing; its SYN/ACK makes the record new
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=700000                  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=90000 ack=700001        => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=700001 ack=90001        => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=700001 ack=90001 len=10 => Allow Flow
            # and the old numbers no longer fit
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1001                    => Deny OutOfWindow
            """);
    }

    [Fact]
    public void A_challenge_in_last_ack_is_not_the_last_acknowledgment()
    {
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001           => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=700000                  => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5002 ack=1002           => Allow Flow
            # still LAST_ACK: its 130 seconds count, not TIME_WAIT's 120
            +125    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002           => Allow Flow
            """);
    }

    [Fact]
    public void Data_beyond_the_announced_window_is_refused_but_a_little_more_is_left_to_the_receiver()
    {
        Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=66161 ack=5001 len=100  => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=66162 ack=5001 len=100  => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=900000 ack=5001 len=100 => Deny OutOfWindow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=9999 len=100   => Deny OutOfWindow
            """);
    }

    [Fact]
    public void A_scaled_window_counts_in_full_and_only_if_both_scale()
    {
        Run(ScaledHandshake + """
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=501           => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=65000 ack=5001 len=64 win=502   => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=900000 ack=5001 len=64 win=502  => Deny OutOfWindow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=65064 win=8000         => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=900000 ack=5001 len=64 win=502  => Allow Flow
            """);
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240 ws=7       => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=8000    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=64240   => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=8000    => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=200000 ack=5001 len=64    => Deny OutOfWindow
            """);
    }

    [Fact]
    public void A_scale_that_answers_none_does_not_widen_the_window_it_came_with()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=64240            => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=1024 ws=14 => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 win=64240   => Allow Flow
            # allowed is up to 2025; a segment may reach beyond by less than the largest window, which is 1,024 and not 16,384
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2985 ack=5001 len=64      => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2986 ack=5001 len=64      => Deny OutOfWindow
            """);
    }

    [Fact]
    public void The_window_of_a_SYN_counts_as_it_stands_there_whatever_its_scale()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 win=1024 ws=14          => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001 win=64240 ws=7 => Allow Flow
            # nothing is allowed before the acknowledgment, and beyond it no more than 1,024, where in units of 16,384 it would be more
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5961 ack=1001 win=502 len=64 => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5962 ack=1001 win=502 len=64 => Deny OutOfWindow
            """);
    }

    [Fact]
    public void A_selective_acknowledgment_reaches_as_far_as_its_blocks()
    {
        Run(ScaledHandshake + """
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=501            => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=1000 win=502   => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=2001 ack=5001 len=1000 win=502   => Allow Flow
            # the first segment was lost behind us
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=501 sackfrom=2001 sackto=3001  => Allow Flow
            # blocks for data that was never sent
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=501 sackfrom=8001 sackto=9001  => Deny OutOfWindow
            """);
    }

    [Fact]
    public void A_probe_of_a_closed_window_passes()
    {
        Run(Handshake + """
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=0     => Allow Flow
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=1     => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 win=0     => Allow Flow
            +2      203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=1     => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1002 win=5000  => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5001 len=1000  => Allow Flow
            """);
    }

    [Fact]
    public void Keepalives_pass_with_and_without_their_byte()
    {
        Run(Handshake + """
            +7000   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1000 ack=5001           => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001           => Allow Flow
            +7000   10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5000 ack=1001 len=1     => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001           => Allow Flow
            +7000   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1000 ack=5001           => Allow Flow
            """);
    }

    [Fact]
    public void Sequence_numbers_wrap()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=4294967290                          => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=4294967295 ack=4294967291           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=4294967291 ack=0                    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=4294967291 ack=0 len=100            => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=0 ack=95                            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=95 ack=0 len=100                    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=4294967291                          => Deny OutOfWindow
            """);
    }

    [Fact]
    public void Fast_open_data_counts_from_the_syn_on()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 len=500             => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1501 len=100    => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1501 ack=5101            => Allow Flow
            """);
        Run("""
            # the server did not take the data
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000 len=500             => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001            => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=500    => Allow Flow
            """);
    }

    [Fact]
    public void A_client_that_uses_its_port_again_may_send_another_syn_before_the_answer()
    {
        Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                     => Allow Rule
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=880000                   => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=880001          => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=880001 ack=5001          => Allow Flow
            """);
    }

    [Fact]
    public void A_syn_in_time_wait_opens_a_new_connection_through_the_rules()
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh).With("empty", SampleRules.Empty);
        trace.Run(Handshake + """
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001            => Allow Flow
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002            => Allow Flow
            +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002            => Allow Flow
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=700000                   => Allow Rule
            +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp RA seq=0 ack=700001             => Allow Flow
            flows 0
            rules empty
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=800000                   => Deny Rule
            """);
        Assert.Equal(1, trace.Counters.Denied(VerdictReason.Rule));
    }

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        run.Run(trace);
    }
}
