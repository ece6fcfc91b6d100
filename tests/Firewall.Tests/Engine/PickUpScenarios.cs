using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>TCP connections whose beginning the firewall has not seen, where it is told to pick them up (docs/decisions/0021-mid-stream-pickup.md).</summary>
public sealed class PickUpScenarios
{
    // Made like a window of a large scale that nobody has told us of.
    private const string PickedUp = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 win=501 len=100  => Allow Rule UserRule_allow-ssh Inbound
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1101 win=501 len=100  => Allow Flow UserRule_allow-ssh Outbound

        """;

    [Fact]
    public void An_ack_that_the_rules_allow_opens_a_flow_and_one_that_they_deny_does_not() // Open vSwitch: conntrack - tcp pick up
    {
        using PacketTrace trace = Trace(new FlowLimits());
        trace.Run(PickedUp + """
            # nobody knows the scale of the windows, so far ahead is not too far
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=901101 ack=5101 len=1000  => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:23  tcp A  seq=1001 ack=5001  => Deny Rule DefaultRule_DenyAllInBound
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp SA seq=1001 ack=5001  => Deny NoFlow Inbound
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp FA seq=1001 ack=5001  => Deny NoFlow
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp R  seq=1001           => Deny NoFlow
            +0.001  203.0.113.5:40001 > 10.0.0.4:22  tcp RA seq=1001 ack=5001  => Deny NoFlow
            flows 1
            """);
    }

    [Fact]
    public void Without_an_answer_the_flow_has_the_time_of_a_half_open_one_and_its_sender_cannot_prolong_it()
    {
        using PacketTrace trace = Trace(new FlowLimits());
        trace.Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001          => Allow Rule
            +100    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001 len=100  => Allow Flow
            +19     203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1101 ack=5001 len=100  => Allow Flow
            flows 1
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1201 ack=5001 len=100  => Allow Rule
            +1      10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1301          => Allow Flow
            # now it has that of an established one
            +7439   203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1301 ack=5001          => Allow Flow
            flows 1
            """);
    }

    [Fact]
    public void Unanswered_ones_make_room_and_answered_ones_stay()
    {
        using PacketTrace trace = Trace(new FlowLimits { MaxFlows = 2, HalfOpenPercent = 100, AdaptiveStartPercent = 100 });
        trace.Run(PickedUp + """
            +0.001  203.0.113.6:40001 > 10.0.0.4:22  tcp A seq=1 ack=1        => Allow Rule
            +0.001  203.0.113.6:40002 > 10.0.0.4:22  tcp A seq=1 ack=1        => Allow Rule
            +0.001  203.0.113.6:40003 > 10.0.0.4:22  tcp A seq=1 ack=1        => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A seq=1101 ack=5101  => Allow Flow
            flows 2
            """);
    }

    [Fact]
    public void A_flood_of_acks_meets_the_gate_of_a_flood_of_syns()
    {
        using PacketTrace trace = Trace(new FlowLimits { MaxFlows = 100, HalfOpenPercent = 10, HandshakesPerSecond = 16 });
        for (int i = 0; i < 12; i++) trace.Run($"1.28  198.18.0.{i}:1000 > 10.0.0.4:22  tcp A => Allow Rule");
        trace.Run("1.29  198.18.1.1:1000 > 10.0.0.4:22  tcp A => Deny SynFlood UserRule_allow-ssh Inbound");
    }

    [Fact]
    public void Resets_are_judged_as_on_any_other_flow()
    {
        using PacketTrace trace = Trace(new FlowLimits());
        trace.Run(PickedUp + """
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1101 ack=5101 => Allow Flow
            # below what was acknowledged
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=900           => Deny OutOfWindow
            # in doubt: the host's challenge contradicts, and the flow stays
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=3000          => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5101 ack=1101 => Allow Flow
            +60     203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1101 ack=5101 => Allow Flow
            # exact
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1101          => Allow Flow
            +11     203.0.113.5:40000 > 10.0.0.4:22  tcp R  seq=1101          => Deny NoFlow
            """);
    }

    [Fact]
    public void A_keepalive_and_its_answer_pick_up_a_silent_connection() // nf_conntrack: an answer one above what is known
    {
        using PacketTrace trace = Trace(new FlowLimits());
        trace.Run("""
            0       203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1000 ack=5001          => Allow Rule
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001          => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=1001 ack=5001 len=100  => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1101          => Allow Flow
            """);
    }

    [Fact]
    public void A_new_connection_on_its_ports_whose_handshake_is_seen_is_held_to_its_windows()
    {
        using PacketTrace trace = Trace(new FlowLimits());
        trace.Run(PickedUp + """
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=90000000                        => Allow Flow
            +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=70000000 ack=90000001           => Allow Rule
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=90000001 ack=70000001           => Allow Flow
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=95000000 ack=70000001 len=10    => Deny OutOfWindow
            """);
    }

    [Fact]
    public void What_was_flushed_is_judged_by_the_rules_of_now()
    {
        using PacketTrace trace = Trace(new FlowLimits()).With("flush", SampleRules.EmptyWithFlush);
        trace.Run(PickedUp + """
            rules flush
            +1      203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1101 ack=5101 => Deny FlushedConnection
            +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1101 ack=5101 => Deny Rule DefaultRule_DenyAllInBound
            flows 0
            """);
    }

    private static PacketTrace Trace(FlowLimits limits) =>
        new PacketTrace(limits, options: new EngineOptions { PicksUpMidStream = true }).With("ssh", SampleRules.AllowSsh);
}
