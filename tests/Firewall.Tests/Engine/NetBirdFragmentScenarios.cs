using Firewall.Core.Flows;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// NetBird's cases about fragments (client/firewall/uspfilter/fragment_test.go), told again one by one as packet traces. Both keep the
/// verdict of a first fragment for the others; here ones that come before it are held, so "dropped" is "held until it is too late".
/// </summary>
public sealed class NetBirdFragmentScenarios
{
    private const string Dns = "203.0.113.5:4000 > 10.0.0.4:53";
    private const string Closed = "203.0.113.5:4000 > 10.0.0.4:54";
    private const string Ssh = "203.0.113.5:4000 > 10.0.0.4:22";
    private const string DnsV6 = "[2001:db8::5]:4000 > [fd00::4]:53";

    [Fact]
    public void A_later_fragment_alone_never_passes() => Run($"""
        0     {Dns}  udp len=1512 frag=1:1480+40  => Deny FragmentHeld
        wait  5.1                                 => | 1 Deny FragmentTimeout
        """); // Fragment_TrailingWithoutFirstDropped

    [Fact]
    public void A_later_fragment_follows_an_allowed_first_one() => Run($"""
        0   {Dns}  udp len=56 frag=1:0+40   => Allow Rule
        +0  {Dns}  udp len=56 frag=1:40+24  => Allow Fragment
        """); // Fragment_AllowedFirstPassesTrailing

    [Fact]
    public void A_later_fragment_follows_a_denied_first_one() => Run($"""
        0   {Closed}  udp len=56 frag=1:0+40   => Deny Rule
        +0  {Closed}  udp len=56 frag=1:40+24  => Deny FragmentOfDenied
        """); // Fragment_DeniedFirstDropsTrailing

    [Fact]
    public void A_fragment_that_overlaps_the_judged_header_ends_the_datagram() => RunWith(SampleRules.AllowSsh, $"""
        0   {Ssh}  tcp S len=36 frag=1:0+32       => Allow Rule
        # behind the ports, over the flags
        +0  {Ssh}  tcp S len=36 frag=1:8+32 more  => Deny Malformed TcpHeader
        +0  {Ssh}  tcp S len=36 frag=1:16+8       => Deny Malformed TcpHeader
        # behind the header, over judged data
        +0  {Ssh}  tcp S len=36 frag=1:24+32      => Deny FragmentOverlap
        +0  {Ssh}  tcp S len=36 frag=1:32+24      => Deny FragmentOverlap
        """); // Fragment_OverlappingHeaderDropped

    [Fact]
    public void A_second_first_fragment_with_a_closed_port_ends_the_datagram() => Run($"""
        0   {Dns}     udp len=56 frag=1:0+40   => Allow Rule
        +0  {Closed}  udp len=56 frag=1:0+40   => Deny FragmentOverlap
        +0  {Dns}     udp len=56 frag=1:40+24  => Deny FragmentOverlap
        """); // Fragment_OffsetZeroOverlapPoisons

    [Fact]
    public void A_first_fragment_without_its_whole_header_is_dropped() => Run($"""
        0   {Dns}  udp len=56 frag=1:0+4       => Deny Malformed FragmentBounds
        +0  {Dns}  udp len=56 frag=1:8+56      => Deny FragmentOfDenied
        """); // Fragment_TinyFirstDropped

    [Fact]
    public void A_later_fragment_follows_an_allowed_first_one_of_TCP() => RunWith(SampleRules.AllowSsh, $"""
        0   {Ssh}  tcp S len=36 frag=1:0+32   => Allow Rule
        +0  {Ssh}  tcp S len=36 frag=1:32+24  => Allow Fragment
        """); // Fragment_TCPFirstFragment

    [Fact]
    public void A_first_fragment_that_would_do_for_UDP_does_not_do_for_TCP() => RunWith(SampleRules.AllowSsh, $"""
        0   {Ssh}  tcp S len=36 frag=1:0+12   => Deny Malformed FragmentBounds
        +0  {Ssh}  tcp S len=36 frag=2:0+16   => Deny Malformed TcpHeader
        +0  {Ssh}  tcp S len=36 frag=2:32+24  => Deny FragmentOfDenied
        flows 0
        """); // Fragment_TCPTinyFirstDropped

    [Fact]
    public void Fragments_of_an_answer_pass_without_a_rule() => RunWith(SampleRules.Empty, """
        0      10.0.0.4:12345 > 203.0.113.5:40000  udp len=16             => Allow Rule Outbound
        +0.01  203.0.113.5:40000 > 10.0.0.4:12345  udp len=56 frag=1:0+40   => Allow Flow Inbound
        +0     203.0.113.5:40000 > 10.0.0.4:12345  udp len=56 frag=1:40+24  => Allow Fragment Inbound
        """); // Fragment_ConntrackAllowsFirstFragment

    [Fact]
    public void Fragments_that_only_pass_by_are_dropped_where_transit_is_denied() => Run("""
        0   203.0.113.5:4000 > 198.51.100.10:53  udp len=56 frag=1:0+40   => Deny NoSecurityGroup Transit
        +0  203.0.113.5:4000 > 198.51.100.10:53  udp len=56 frag=1:40+24  => Deny FragmentOfDenied Transit
        """); // Fragment_RoutingDisabledDropsFragment

    [Fact]
    public void Fragments_to_another_network_follow_the_rules_for_it() => RunWith(SampleRules.AllowDns.Replace(
        "\"destinationAddressPrefix\": \"*\"", "\"destinationAddressPrefix\": \"10.0.1.0/24\"", StringComparison.Ordinal), """
        0   203.0.113.5:4000 > 10.0.1.10:53  udp len=56 frag=1:0+40   => Allow Rule UserRule_allow-dns
        +0  203.0.113.5:4000 > 10.0.1.10:53  udp len=56 frag=1:40+24  => Allow Fragment
        +0  203.0.113.5:4000 > 10.0.1.10:54  udp len=56 frag=2:0+40   => Deny Rule
        +0  203.0.113.5:4000 > 10.0.1.10:54  udp len=56 frag=2:40+24  => Deny FragmentOfDenied
        +0  203.0.113.5:4000 > 10.0.2.10:53  udp len=56 frag=3:0+40   => Deny Rule
        +0  203.0.113.5:4000 > 10.0.2.10:53  udp len=56 frag=3:40+24  => Deny FragmentOfDenied
        """); // Fragment_RouteACL

    [Fact]
    public void A_verdict_that_is_too_old_lets_no_later_fragment_through() => Run($"""
        0     {Dns}  udp len=56 frag=1:0+40   => Allow Rule
        31    {Dns}  udp len=56 frag=1:40+24  => Deny FragmentHeld
        wait  36.2                            => | 2 Deny FragmentTimeout
        """); // Fragment_ExpiredVerdictDropsTrailing

    [Fact]
    public void A_full_table_lets_nothing_through_that_it_knows_no_verdict_of() // Fragment_CapacityFailsClosed
    {
        // There a new datagram finds no room; here the one that began first makes it.
        using PacketTrace trace = new PacketTrace(new FlowLimits(), fragments: new FragmentTable(4)).With("dns", SampleRules.AllowDns);
        trace.Run($"""
            0     {Dns}  udp len=56 frag=1:0+40   => Allow Rule
            0.01  {Dns}  udp len=56 frag=2:0+40   => Allow Flow
            0.02  {Dns}  udp len=56 frag=3:0+40   => Allow Flow
            0.03  {Dns}  udp len=56 frag=4:0+40   => Allow Flow
            0.04  {Dns}  udp len=56 frag=5:0+40   => Allow Flow
            +0    {Dns}  udp len=56 frag=2:40+24  => Allow Fragment
            +0    {Dns}  udp len=56 frag=3:40+24  => Allow Fragment
            +0    {Dns}  udp len=56 frag=4:40+24  => Allow Fragment
            +0    {Dns}  udp len=56 frag=5:40+24  => Allow Fragment
            +0    {Dns}  udp len=56 frag=1:40+24  => Deny FragmentHeld
            wait  +5.1                            => | 10 Deny FragmentTimeout
            """);
    }

    [Fact]
    public void A_later_fragment_of_IPv6_alone_never_passes() => Run($"""
        0     {DnsV6}  udp len=832 frag=1:800+40  => Deny FragmentHeld
        wait  5.1                                 => | 1 Deny FragmentTimeout
        """); // FragmentV6_TrailingWithoutFirstDropped

    [Fact]
    public void A_later_fragment_of_IPv6_follows_an_allowed_first_one() => Run($"""
        0   {DnsV6}  udp len=56 frag=1:0+40   => Allow Rule
        +0  {DnsV6}  udp len=56 frag=1:40+24  => Allow Fragment
        """); // FragmentV6_AllowedFirstPassesTrailing

    [Fact]
    public void A_flood_of_atomic_fragments_pushes_no_datagram_out() // FragmentV6_AtomicNotCached
    {
        using PacketTrace trace = new PacketTrace(new FlowLimits(), fragments: new FragmentTable(4)).With("dns", SampleRules.AllowDns);
        trace.Run($"0  {DnsV6}  udp len=56 frag=1:0+40  => Allow Rule");
        for (int id = 2; id < 50; id++) trace.Run($"0  {DnsV6}  udp len=16 frag={id}:0+24  => Allow Flow");
        trace.Run($"0  {DnsV6}  udp len=56 frag=1:40+24  => Allow Fragment");
    }

    private static void Run(string trace) => RunWith(SampleRules.AllowDns, trace);

    private static void RunWith(string rules, string trace)
    {
        using PacketTrace run = new PacketTrace().With("rules", rules);
        run.Run(trace);
    }
}
