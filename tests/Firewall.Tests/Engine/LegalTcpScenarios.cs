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

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        run.Run(trace);
    }
}
