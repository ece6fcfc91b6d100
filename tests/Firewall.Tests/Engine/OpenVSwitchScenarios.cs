using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// The fragmentation cases of Open vSwitch's tests (system-traffic.at), told again as packet traces, with their sizes: a datagram of 428
/// bytes in fragments of 400 and 28. Where Open vSwitch waits for the whole datagram, here its first fragment is judged and goes on at once.
/// Its cases about connections are in <see cref="OtherFirewallsScenarios"/> and <see cref="PickUpScenarios"/>.
/// </summary>
public sealed class OpenVSwitchScenarios
{
    private const string V4 = "203.0.113.5:4000 > 10.0.0.4:53";
    private const string V6 = "[2001:db8::5]:4000 > [fd00::4]:53";

    // conntrack - IPv4 fragmentation; conntrack - IPv6 fragmentation.
    [Theory]
    [InlineData("203.0.113.5", "10.0.0.4", 1480)]
    [InlineData("2001:db8::5", "fd00::4", 1448)]
    public void Large_pings_and_their_answers_pass_in_fragments(string outside, string inside, int size) => RunWith(SampleRules.AllowAll, $"""
        0      {outside} > {inside}  echo  id=7 len=1600 frag=1:0+{size}                   => Allow Rule Inbound
        +0     {outside} > {inside}  echo  id=7 len=1600 frag=1:{size}+{1608 - size}       => Allow Fragment
        +0.01  {inside} > {outside}  reply id=7 len=1600 frag=1:0+{size}                   => Allow Flow Outbound
        +0     {inside} > {outside}  reply id=7 len=1600 frag=1:{size}+{1608 - size}       => Allow Fragment
        +1     {outside} > {inside}  echo  id=7 len=3200 frag=2:0+{size}                   => Allow Flow
        +0     {outside} > {inside}  echo  id=7 len=3200 frag=2:{size}+{size}              => Allow Fragment
        +0     {outside} > {inside}  echo  id=7 len=3200 frag=2:{2 * size}+{3208 - 2 * size}  => Allow Fragment
        +0.01  {inside} > {outside}  reply id=7 len=3200 frag=2:0+{size}                   => Allow Flow
        +0     {inside} > {outside}  reply id=7 len=3200 frag=2:{size}+{size}              => Allow Fragment
        +0     {inside} > {outside}  reply id=7 len=3200 frag=2:{2 * size}+{3208 - 2 * size}  => Allow Fragment
        flows 1
        """);

    // conntrack - IPv4 fragmentation expiry; conntrack - IPv6 fragmentation expiry.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void A_first_fragment_that_nothing_follows_is_forgotten(string ends) => RunWith(SampleRules.AllowDns, $"""
        0      {ends}  udp len=420 frag=1:0+400   => Allow Rule
        +31    {ends}  udp len=420 frag=1:400+28  => Deny FragmentHeld
        wait   +5.1                               => | 2 Deny FragmentTimeout
        flows  0
        """);

    // conntrack - IPv4 fragmentation incomplete reassembled packet; conntrack - IPv6 fragmentation incomplete reassembled packet. There no
    // connection comes of it; here it is an unanswered one, which is over as soon as any.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void An_incomplete_datagram_leaves_no_more_than_an_unanswered_flow(string ends) => RunWith(SampleRules.AllowDns, $"""
        0      {ends}  udp len=420 frag=1:0+400   => Allow Rule
        flows  1
        wait   +31.5                              =>
        flows  0
        """);

    // conntrack - IPv4 fragmentation with fragments specified; conntrack - IPv6 fragmentation with fragments specified.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void Two_fragments_are_one_datagram_of_one_flow(string ends) => RunWith(SampleRules.AllowDns, $"""
        0      {ends}  udp len=420 frag=1:0+400   => Allow Rule UserRule_allow-dns
        +0     {ends}  udp len=420 frag=1:400+28  => Allow Fragment UserRule_allow-dns
        flows  1
        """);

    // conntrack - IPv4 fragmentation out of order; conntrack - IPv6 fragmentation out of order.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void The_last_fragment_may_come_first(string ends) => RunWith(SampleRules.AllowDns, $"""
        0      {ends}  udp len=420 frag=1:400+28  => Deny FragmentHeld
        +0     {ends}  udp len=420 frag=1:0+400   => Allow Rule | 1 Allow Fragment UserRule_allow-dns
        flows  1
        """);

    // conntrack - IPv4 fragmentation overlapping fragments by 1 octet; conntrack - IPv6 fragmentation overlapping fragments by 1 octet. Offsets count in eights.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void Nothing_passes_behind_an_overlap_by_the_least_that_there_is(string ends) => RunWith(SampleRules.AllowDns, $"""
        0      {ends}  udp len=420 frag=1:0+400        => Allow Rule
        +0     {ends}  udp len=420 frag=1:392+28 last  => Deny FragmentOverlap
        +0     {ends}  udp len=420 frag=1:400+28       => Deny FragmentOverlap
        """);

    // conntrack - IPv4 fragmentation overlapping fragments by 1 octet out of order; conntrack - IPv6 fragmentation overlapping fragments by 1 octet out of order.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void Nothing_at_all_passes_if_the_overlapping_one_comes_first(string ends) => RunWith(SampleRules.AllowDns, $"""
        0      {ends}  udp len=420 frag=1:392+28 last  => Deny FragmentHeld
        +0     {ends}  udp len=420 frag=1:0+400        => Deny FragmentOverlap | 1 Deny FragmentOverlap
        flows  0
        """);

    // conntrack - IPv6 fragmentation, multiple extension headers; conntrack - IPv6 fragmentation, multiple extension headers 2. One has an
    // empty hop-by-hop header in front, the other one a router alert.
    [Theory]
    [InlineData("before=hop")]
    [InlineData("before=alert")]
    [InlineData("before=alert,dst after=dst,route")]
    public void Fragments_may_have_several_extension_headers(string headers) => RunWith(SampleRules.AllowDns, $"""
        0      {V6}  udp len=420 frag=1:0+400 {headers}         => Allow Rule
        +0     {V6}  udp len=420 frag=1:400+96 last {headers}   => Allow Fragment
        flows  1
        """);

    // conntrack - IPv6 fragmentation, multiple extension headers + out of order; conntrack - IPv6 fragmentation, multiple extension headers 2 + out of order.
    [Theory]
    [InlineData("before=hop")]
    [InlineData("before=alert")]
    [InlineData("before=alert,dst after=dst,route")]
    public void Fragments_with_several_extension_headers_may_come_in_any_order(string headers) => RunWith(SampleRules.AllowDns, $"""
        0      {V6}  udp len=420 frag=1:400+96 last {headers}   => Deny FragmentHeld
        +0     {V6}  udp len=420 frag=1:0+400 {headers}         => Allow Rule | 1 Allow Fragment
        flows  1
        """);

    private static void RunWith(string rules, string trace)
    {
        using PacketTrace run = new PacketTrace().With("rules", rules);
        run.Run(trace);
    }
}
