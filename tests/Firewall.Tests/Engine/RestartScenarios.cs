using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// A SYN may pass on the flow of an older connection on the same two ports, for a host to challenge or to take. What it opens is a connection like any
/// other: the rules of then are asked, not those that had opened the old one.
/// </summary>
public sealed class RestartScenarios
{
    private const string Handshake = """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                      => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001             => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001             => Allow Flow

        """;

    private const string Close = """
        +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp FA seq=1001 ack=5001             => Allow Flow
        +0.1    10.0.0.4:22 > 203.0.113.5:40000  tcp FA seq=5001 ack=1002             => Allow Flow
        +0.1    203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1002 ack=5002             => Allow Flow

        """;

    [Fact]
    public void A_finished_connection_is_no_way_around_a_rule_that_is_gone() => Run(Handshake + Close + """
        rules empty
        # shortly below the old numbers, as a late copy would be
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=500 len=100               => Deny Rule DefaultRule_DenyAllInBound Inbound
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=70000000 ack=501          => Deny InvalidState
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=501 ack=70000001 len=100  => Deny OutOfWindow
        """);

    [Fact]
    public void Neither_is_one_that_was_reset() => Run(Handshake + """
        rules empty
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp RA seq=1001 ack=5001             => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=500                       => Deny Rule
        """);

    [Fact]
    public void Neither_is_one_that_only_its_server_has_forgotten() => Run(Handshake + """
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=90000000                  => Allow Flow
        rules empty
        # the rule goes between the SYN and its answer
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=70000000 ack=90000001     => Deny InvalidState UserRule_allow-ssh Outbound
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=90000000                  => Deny Rule
        # the session that was there goes on
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp PA seq=5001 ack=1001 len=10      => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5011             => Allow Flow
        flows 1
        """);

    [Fact]
    public void The_answering_end_of_a_finished_connection_opens_what_the_rules_let_it_open() => Run("""
        0       10.0.0.4:50000 > 203.0.113.5:443  tcp S  seq=1000                     => Allow Rule
        +0.001  203.0.113.5:443 > 10.0.0.4:50000  tcp SA seq=5000 ack=1001            => Allow Flow
        +0.001  10.0.0.4:50000 > 203.0.113.5:443  tcp FA seq=1001 ack=5001            => Allow Flow
        +0.001  203.0.113.5:443 > 10.0.0.4:50000  tcp FA seq=5001 ack=1002            => Allow Flow
        +0.001  10.0.0.4:50000 > 203.0.113.5:443  tcp A  seq=1002 ack=5002            => Allow Flow
        +1      203.0.113.5:443 > 10.0.0.4:50000  tcp S  seq=4000 len=100             => Deny Rule DefaultRule_DenyAllInBound Inbound
        """);

    [Fact]
    public void What_begins_is_a_flow_of_its_own_with_the_rule_of_now() => Run(Handshake + Close + """
        rules all
        +1      203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=500                       => Allow Flow UserRule_allow-ssh
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=70000000 ack=501          => Allow Rule UserRule_allow-all Outbound
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp PA seq=501 ack=70000001 len=100  => Allow Flow UserRule_allow-all Inbound
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=70000001 ack=601          => Allow Flow UserRule_allow-all Outbound
        flows 1
        """);

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("ssh", SampleRules.AllowSsh).With("empty", SampleRules.Empty).With("all", SampleRules.AllowAll);
        run.Run("rules ssh\n" + trace);
    }
}
