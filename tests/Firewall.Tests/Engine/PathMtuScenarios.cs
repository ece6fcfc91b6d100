using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// Path MTU discovery through the firewall, and checksums, told as packet traces: a router's word that a packet was too large reaches its
/// sender, whatever the rules say of ICMP. Nothing that passes is changed (<see cref="PacketTrace"/> looks at every packet), which pf's tests want
/// of checksums in what such an error quotes.
/// </summary>
public sealed class PathMtuScenarios
{
    // OpenBSD regress pf_fragment: ping_mtu_1300, ping6_mtu_1300. A ping of 1400 bytes meets a link of 1300.
    [Theory]
    [InlineData("203.0.113.5", "10.0.0.4", "10.0.0.1", "type=3 code=4", 28, 1372, 1272)]
    [InlineData("2001:db8::5", "fd00::4", "fd00::1", "type=2 code=0", 1232, 1352, 1252)]
    public void A_ping_that_is_too_large_is_told_the_mtu(string outside, string inside, string router, string kind, int quote, int large, int small) =>
        RunWith(SampleRules.AllowPing.Replace("\"Icmp\"", "\"*\"", StringComparison.Ordinal), $"""
            0      {outside} > {inside}  echo id=7 len={large}                          => Allow Rule Inbound
            +0.01  {router} > {outside}  icmp {kind} mtu=1300 quote={quote} about=1     => Allow Related Outbound
            +0.01  {outside} > {inside}  echo id=7 len={small}                          => Allow Flow
            +0.01  {inside} > {outside}  reply id=7 len={small}                         => Allow Flow
            """);

    // OpenBSD regress pf_forward: ping_mtu, ping6_mtu. Any MTU, and where no rule allows ICMP from there.
    [Theory]
    [InlineData(1500)]
    [InlineData(1400)]
    [InlineData(1300)]
    [InlineData(1280)]
    [InlineData(576)]
    [InlineData(68)]
    public void The_mtu_of_a_link_outside_comes_in_although_nothing_else_does(int mtu) => RunWith(SampleRules.Empty, $"""
        0      10.0.0.4 > 198.51.100.9      echo id=7 len=1452                                 => Allow Rule Outbound
        +0.01  192.0.2.1 > 10.0.0.4         icmp type=3 code=4 mtu={mtu} quote=28 about=1      => Allow Related Inbound
        +0.01  fd00::4 > 2001:db8::9        echo id=7 len=1452                                 => Allow Rule Outbound
        +0.01  2001:db8:1::1 > fd00::4      icmp type=2 code=0 mtu={mtu} quote=1232 about=3    => Allow Related Inbound
        # but not about a ping that nobody sent, and not told to somebody else
        +0.01  203.0.113.5 > 10.0.0.4       echo id=9                                          => Deny Rule
        +0.01  192.0.2.1 > 203.0.113.5      icmp type=3 code=4 mtu={mtu} about=5               => Deny
        +0.01  192.0.2.1 > 10.0.0.5         icmp type=3 code=4 mtu={mtu} about=1               => Deny NoFlow
        """);

    // OpenBSD regress pf_forward: ping_mtu, ping6_mtu. The same about a connection.
    [Fact]
    public void A_connection_is_told_the_mtu_by_errors_about_what_it_sent() => RunWith(SampleRules.AllowSsh, """
        0       203.0.113.5:40000 > 10.0.0.4:22  tcp S  seq=1000                         => Allow Rule
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp SA seq=5000 ack=1001                => Allow Flow
        +0.001  203.0.113.5:40000 > 10.0.0.4:22  tcp A  seq=1001 ack=5001                => Allow Flow
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 len=1460       => Allow Flow
        # eight bytes of the segment are enough: ports and number
        +0.001  192.0.2.1 > 10.0.0.4             icmp type=3 code=4 mtu=1300 quote=28 about=4  => Allow Related Inbound
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=5001 ack=1001 len=1260       => Allow Flow
        # a guess
        +0.001  10.0.0.4:22 > 203.0.113.5:40000  tcp A  seq=90005001 ack=1001 len=1460   => Deny OutOfWindow
        +0.001  192.0.2.1 > 10.0.0.4             icmp type=3 code=4 mtu=68 quote=28 about=7    => Deny OutOfWindow
        """);

    // OpenBSD regress pf_fragment: ping_cksum, ping6_cksum, udp_cksum, udp6_cksum.
    [Theory]
    [InlineData("10.0.0.4", "198.51.100.9", "192.0.2.1", "10.0.0.4:5000 > 198.51.100.9:9", "type=3 code=4")]
    [InlineData("fd00::4", "2001:db8::9", "2001:db8:1::1", "[fd00::4]:5000 > [2001:db8::9]:9", "type=2 code=0")]
    public void What_an_error_quotes_keeps_its_checksums(string inside, string outside, string router, string ends, string kind) =>
        RunWith(SampleRules.Empty, $"""
            0      {inside} > {outside}  echo id=7 len=1452                   => Allow Rule
            +0.01  {router} > {inside}   icmp {kind} mtu=1300 about=1         => Allow Related
            +0.01  {ends}                udp len=1452                         => Allow Rule
            +0.01  {router} > {inside}   icmp {kind} mtu=1300 about=3         => Allow Related
            """);

    // OpenBSD regress pf_fragment: udp_cksum, udp6_cksum, the other way round: a checksum is for the receiver to judge, who alone has the whole datagram.
    [Theory]
    [InlineData("203.0.113.5:4000 > 10.0.0.4:53")]
    [InlineData("[2001:db8::5]:4000 > [fd00::4]:53")]
    public void A_wrong_checksum_passes_untouched_whole_and_in_fragments(string ends) => RunWith(SampleRules.AllowDns, $"""
        0   {ends}  udp len=100 badsum                   => Allow Rule
        +0  {ends}  udp len=2000 badsum frag=1:0+1400    => Allow Flow
        +0  {ends}  udp len=2000 badsum frag=1:1400+608  => Allow Fragment
        +0  {ends}  udp len=2000 badsum frag=2:1400+608  => Deny FragmentHeld
        +0  {ends}  udp len=2000 badsum frag=2:0+1400    => Allow Flow | 4 Allow Fragment
        """);

    private static void RunWith(string rules, string trace)
    {
        using PacketTrace run = new PacketTrace().With("rules", rules);
        run.Run(trace);
    }
}
