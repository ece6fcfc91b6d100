using Firewall.Core.Engine;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// What the firewall does to fragmented datagrams, told as packet traces. Where a scenario re-tells one of another project's tests or of
/// an RFC, from its description, the origin stands above it. A UDP datagram of <c>len=2000</c> has 2,008 bytes to fragment.
/// </summary>
public sealed class FragmentScenarios
{
    // Open vSwitch, system-traffic.at: "IPv4 fragmentation", "IPv6 fragmentation".
    [Fact]
    public void Fragments_in_order_follow_the_first_one()
    {
        Run("""
            0       203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:0+1480     => Allow Rule UserRule_allow-dns Inbound
            +0      203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:1480+1480  => Allow Fragment UserRule_allow-dns Inbound
            +0      203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:2960+1048  => Allow Fragment UserRule_allow-dns
            +0.01   10.0.0.4:53 > 203.0.113.5:4000  udp len=4000 frag=7:0+1480     => Allow Flow Outbound
            +0      10.0.0.4:53 > 203.0.113.5:4000  udp len=4000 frag=7:1480+2528  => Allow Fragment Outbound
            +0.01   [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=7:0+1448    => Allow Rule
            +0      [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=7:1448+560  => Allow Fragment UserRule_allow-dns
            flows 2
            """);
    }

    [Fact]
    public void Fragments_of_a_denied_datagram_are_denied_by_the_same_rule()
    {
        Run("""
            0   203.0.113.5:4000 > 10.0.0.4:54  udp len=2000 frag=7:0+1480    => Deny Rule DefaultRule_DenyAllInBound
            +0  203.0.113.5:4000 > 10.0.0.4:54  udp len=2000 frag=7:1480+528  => Deny FragmentOfDenied DefaultRule_DenyAllInBound
            # a second first fragment cannot open it
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:0+1480    => Deny FragmentOfDenied
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:1480+528  => Deny FragmentOfDenied
            flows 0
            """);
    }

    // Open vSwitch, system-traffic.at: "IPv4 fragmentation out of order", "IPv6 fragmentation out of order".
    [Fact]
    public void Fragments_that_come_before_the_first_are_held_and_go_out_behind_it_in_their_order()
    {
        Run("""
            0       203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:2960+1048  => Deny FragmentHeld
            +0.001  203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:1480+1480  => Deny FragmentHeld
            +0.001  203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:0+1480     => Allow Rule | 1 Allow Fragment UserRule_allow-dns Inbound | 2 Allow Fragment
            +0.001  [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=7:1448+560  => Deny FragmentHeld
            +0.001  [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=7:0+1448    => Allow Rule | 4 Allow Fragment
            """);
    }

    [Fact]
    public void Held_fragments_of_a_datagram_that_is_denied_are_denied()
    {
        Run("""
            0       203.0.113.5:4000 > 10.0.0.4:54  udp len=2000 frag=7:1480+528  => Deny FragmentHeld
            +0.001  203.0.113.5:4000 > 10.0.0.4:54  udp len=2000 frag=7:0+1480    => Deny Rule | 1 Deny FragmentOfDenied DefaultRule_DenyAllInBound
            """);
    }

    // Open vSwitch, system-traffic.at: "IPv4 fragmentation expiry", "IPv6 fragmentation expiry".
    [Fact]
    public void A_datagram_is_forgotten_after_thirty_seconds()
    {
        Run("""
            0       203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:0+1480     => Allow Rule
            +29.9   203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:1480+1480  => Allow Fragment
            +0.2    203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:2960+1048  => Deny FragmentHeld
            wait    +5.1                                                           => | 3 Deny FragmentTimeout
            """);
    }

    // Open vSwitch, system-traffic.at: "IPv4 fragmentation incomplete".
    [Fact]
    public void A_fragment_waits_five_seconds_for_the_first_one()
    {
        Run("""
            0       203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:1480+1480  => Deny FragmentHeld
            +2      203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:2960+1048  => Deny FragmentHeld
            wait    +2.8                                                           => 
            wait    +0.3                                                           => | 1 Deny FragmentTimeout Inbound | 2 Deny FragmentTimeout
            # nothing of it was remembered
            +0.1    203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:0+1480     => Allow Rule
            +0.1    203.0.113.5:4000 > 10.0.0.4:53  udp len=4000 frag=7:1480+1480  => Allow Fragment
            """);
    }

    // Open vSwitch, system-traffic.at: "IPv4 fragmentation with fragments specified", IPv6 with several extension headers, one pair before
    // and one behind the fragment header.
    [Theory]
    [InlineData("before=hop", "")]
    [InlineData("before=hop,route", "")]
    [InlineData("", "after=dst")]
    [InlineData("", "after=route,dst")]
    [InlineData("before=hop,dst", "after=dst,route")]
    public void Extension_headers_around_the_fragment_header_change_nothing(string before, string after)
    {
        Run($"""
            0   [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=7:0+1400 {before} {after}    => Allow Rule
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=7:1400+900 last {before} {after}  => Allow Fragment
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=8:1400+900 last {before} {after}  => Deny FragmentHeld
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=8:0+1400 {before} {after}    => Allow Flow | 3 Allow Fragment
            # the bytes of the headers behind the fragment header are covered too
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=9:0+1400 {before} {after}    => Allow Flow
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=2000 frag=9:1392+908 last {before} {after}  => Deny FragmentOverlap
            """);
    }

    // Open vSwitch, system-traffic.at: fragments that overlap by one octet (an offset counts in eights), in both orders.
    // RFC 5722 section 4: the datagram and all of its fragments are discarded, including those not yet received.
    [Theory]
    [InlineData("203.0.113.5:4000 > 10.0.0.4:53")]
    [InlineData("[2001:db8::5]:4000 > [fd00::4]:53")]
    public void An_overlap_by_the_least_that_there_is_poisons_the_datagram_in_both_orders(string ends)
    {
        Run($"""
            0   {ends}  udp len=2000 frag=7:0+1400     => Allow Rule
            +0  {ends}  udp len=2000 frag=7:1392+616   => Deny FragmentOverlap
            +0  {ends}  udp len=2000 frag=7:1400+608   => Deny FragmentOverlap
            # the other order: both are dropped, and so is what follows
            +0  {ends}  udp len=2000 frag=8:1392+616   => Deny FragmentHeld
            +0  {ends}  udp len=2000 frag=8:0+1400     => Deny FragmentOverlap | 4 Deny FragmentOverlap
            +0  {ends}  udp len=2000 frag=8:1400+608   => Deny FragmentOverlap
            +0  {ends}  udp len=2000 frag=8:0+1392     => Deny FragmentOverlap
            """);
    }

    // RFC 8200 section 4.5: exact duplicates may be told from overlaps, since networks duplicate packets.
    [Fact]
    public void An_exact_duplicate_passes_and_one_with_other_bytes_poisons()
    {
        Run("""
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=1:0+1480     => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=1:0+1480     => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=1:2960+48    => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=1:2960+48    => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=1:2960+48 text=1    => Deny FragmentOverlap
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=1:1480+1480  => Deny FragmentOverlap
            # held ones as well
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=2:1480+1480  => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=2:1480+1480  => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=2:0+1480     => Allow Flow | 7 Allow Fragment | 8 Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=3:1480+1480  => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=3:1480+1480 text=1  => Deny FragmentOverlap | 10 Deny FragmentOverlap
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=3000 frag=3:0+1480     => Deny FragmentOverlap
            """);
    }

    // NetBird uspfilter fragment_test: a fragment that overlaps the inspected header poisons the datagram. RFC 1858 section 3.
    [Fact]
    public void A_fragment_that_would_overwrite_the_inspected_header_poisons()
    {
        RunWith(SampleRules.AllowSsh, """
            0   203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=1:0+32    => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=1:24+76   => Deny FragmentOverlap
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=1:32+68   => Deny FragmentOverlap
            """);
    }

    // NetBird uspfilter fragment_test: a second fragment at offset zero poisons the datagram.
    [Fact]
    public void A_second_first_fragment_with_other_ports_poisons()
    {
        Run("""
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:0+1480    => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:99  udp len=2000 frag=7:0+1480    => Deny FragmentOverlap
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:1480+528  => Deny FragmentOverlap
            # shorter, so that it replaces the ports alone
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=8:0+1480    => Allow Flow
            +0  203.0.113.5:4000 > 10.0.0.4:99  udp len=2000 frag=8:0+8       => Deny FragmentOverlap
            """);
    }

    // NetBird uspfilter fragment_test: a tiny first fragment is dropped, and the rest of its datagram with it.
    // RFC 1858 section 3.1 (tiny fragments), RFC 3128 (the variant whose second fragment has the flags again).
    [Fact]
    public void A_tiny_first_fragment_takes_its_datagram_with_it()
    {
        RunWith(SampleRules.AllowSsh, """
            0   203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=1:0+16        => Deny Malformed TcpHeader
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=1:24+76       => Deny FragmentOfDenied
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=1:0+24        => Deny FragmentOfDenied
            # what waited goes too
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=2:24+76       => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=2:0+8         => Deny Malformed TcpHeader | 4 Deny FragmentOfDenied
            # RFC 3128: a good first fragment, a tiny one, and the rest at eight
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=3:0+24        => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=3:0+8         => Deny Malformed TcpHeader
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=3:8+92        => Deny Malformed TcpHeader
            +0  203.0.113.5:4000 > 10.0.0.4:22  tcp S len=80 frag=3:24+76       => Deny FragmentOverlap
            """);
    }

    // RFC 7112 section 5: the first fragment has the whole header chain.
    [Fact]
    public void An_IPv6_header_chain_that_goes_on_in_the_second_fragment_is_refused()
    {
        Run("""
            0   [2001:db8::5]:4000 > [fd00::4]:53  udp len=100 frag=1:0+8 after=dst     => Deny Malformed
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=100 frag=1:8+112 after=dst   => Deny FragmentOfDenied
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=100 frag=2:0+16 after=dst    => Deny Malformed
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=100 frag=2:16+108 after=dst  => Deny FragmentOfDenied
            """);
    }

    // RFC 6946: an atomic fragment is a datagram of its own, whatever else has its identification.
    [Fact]
    public void An_atomic_fragment_has_nothing_to_do_with_others_of_its_identification()
    {
        Run("""
            0   [2001:db8::5]:4000 > [fd00::4]:53  udp len=100 frag=7:0+56      => Allow Rule
            +0  [2001:db8::5]:4001 > [fd00::4]:53  udp len=100 frag=7:0+108     => Allow Rule
            +0  [2001:db8::5]:4002 > [fd00::4]:99  udp len=100 frag=7:0+108     => Deny Rule
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=100 frag=7:56+52     => Allow Fragment
            """);
    }

    // RFC 791 section 3.2 has the protocol in the key, RFC 8200 section 4.5 has not.
    [Fact]
    public void The_key_of_a_datagram_has_the_protocol_in_IPv4_alone()
    {
        RunWith(SampleRules.AllowAll, """
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=7:0+104       => Allow Rule
            +0  203.0.113.5 > 10.0.0.4          echo len=200 frag=7:104+104    => Deny FragmentHeld
            +0  203.0.113.5 > 10.0.0.4          echo len=200 frag=7:0+104      => Allow Rule | 2 Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.9:53  udp len=200 frag=7:104+104     => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=8:104+104     => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=7:104+104     => Allow Fragment
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=200 frag=7:0+104    => Allow Rule
            +0  [2001:db8::5]:4000 > [fd00::4]:53  tcp S len=188 frag=7:104+104  => Allow Fragment
            """);
    }

    [Fact]
    public void A_complete_datagram_gives_its_identification_free()
    {
        Run("""
            0       203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:0+1480           => Allow Rule
            +0      203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:1480+528         => Allow Fragment
            +0.001  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:1480+528         => Allow Fragment
            # the next one is judged anew
            +0.001  203.0.113.5:4000 > 10.0.0.4:99  udp len=2000 frag=7:0+1480 text=1    => Deny Rule
            +0.001  203.0.113.5:4000 > 10.0.0.4:99  udp len=2000 frag=7:1480+528 text=1  => Deny FragmentOfDenied
            # out of order
            +0      203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=8:0+1480           => Allow Flow
            +0      203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=8:1480+528         => Allow Fragment
            +0.001  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=8:1480+528 text=2  => Deny FragmentHeld
            +0.001  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=8:0+1480 text=2    => Allow Flow | 8 Allow Fragment
            """);
    }

    // What goes through a link with a smaller MTU without "don't fragment" comes so: the windows are tracked by the first fragment.
    [Theory]
    [InlineData("203.0.113.5:40000", "10.0.0.4:22")]
    [InlineData("[2001:db8::5]:40000", "[fd00::4]:22")]
    public void A_segment_in_fragments_is_acknowledged_whole(string client, string server)
    {
        using PacketTrace trace = new PacketTrace().With("ssh", SampleRules.AllowSsh);
        trace.Run($"""
            0       {client} > {server}  tcp S  seq=1000                                       => Allow Rule
            +0.001  {server} > {client}  tcp SA seq=5000 ack=1001                              => Allow Flow
            +0.001  {client} > {server}  tcp A  seq=1001 ack=5001                              => Allow Flow
            +0.001  {server} > {client}  tcp A  seq=5001 ack=1001 len=1460 frag=1:0+1000       => Allow Flow
            +0      {server} > {client}  tcp A  seq=5001 ack=1001 len=1460 frag=1:1000+480     => Allow Fragment
            +0.001  {client} > {server}  tcp A  seq=1001 ack=6461                              => Allow Flow
            +0.001  {client} > {server}  tcp PA seq=1001 ack=6461 len=100                      => Allow Flow
            +0.001  {server} > {client}  tcp FA seq=6461 ack=1101 len=1460 frag=2:0+1000       => Allow Flow
            +0      {server} > {client}  tcp FA seq=6461 ack=1101 len=1460 frag=2:1000+480     => Allow Fragment
            +0.001  {client} > {server}  tcp FA seq=1101 ack=7922                              => Allow Flow
            +0.001  {server} > {client}  tcp A  seq=7922 ack=1102                              => Allow Flow
            # not more than the receiver takes
            +0.001  {client} > {server}  tcp A  seq=1102 ack=72459                             => Deny OutOfWindow
            +1      {client} > {server}  tcp S  seq=90000000                                   => Allow Flow
            +0.001  {server} > {client}  tcp SA seq=800000 ack=90000001                        => Allow Rule
            +0.001  {client} > {server}  tcp A  seq=90000001 ack=800001                        => Allow Flow
            """);
    }

    // Linux' ipfrag_max_dist: a fast sender comes round to an identification whose datagram lost a fragment.
    [Fact]
    public void An_identification_that_comes_round_begins_a_new_datagram_in_IPv4_alone()
    {
        string others = string.Concat(Enumerable.Range(100, 65).Select(id =>
            $"""
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag={id}:0+104    => Allow
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag={id}:104+104  => Allow Fragment
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=200 frag={id}:0+104    => Allow

            """));
        Run($"""
            0   203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=7:0+104         => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=8:0+104         => Allow Flow
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=8:0+104 text=1  => Deny FragmentOverlap
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=9:104+104       => Deny FragmentHeld
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=200 frag=7:0+104         => Allow Rule
            {others}
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=7:0+104 text=1    => Allow Flow
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=7:104+104 text=1  => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=8:0+104 text=2    => Allow Flow
            # nor is what waited joined to it
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=9:0+104 text=1    => Allow Flow | 4 Deny FragmentTimeout
            +0  203.0.113.5:4000 > 10.0.0.4:53     udp len=200 frag=9:104+104 text=1  => Allow Fragment
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=200 frag=7:0+104 text=1    => Deny FragmentOverlap
            """);
    }

    [Fact]
    public void Sixteen_fragments_of_a_datagram_are_held_and_one_more_ends_it()
    {
        string held = string.Concat(Enumerable.Range(1, 16).Select(i =>
            $"+0  203.0.113.5:4000 > 10.0.0.4:53  udp len=992 frag=7:{i * 40}+40  => Deny FragmentHeld\n"));
        string ended = string.Concat(Enumerable.Range(1, 16).Select(i => $" | {i} Deny FragmentLimit"));
        Run($"""
            {held}
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=992 frag=7:680+40  => Deny FragmentLimit {ended}
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=992 frag=7:0+40    => Deny FragmentLimit
            """);
    }

    [Fact]
    public void Sixty_four_fragments_of_a_source_are_held_and_others_are_not_concerned()
    {
        string held = string.Concat(Enumerable.Range(1, 64).Select(id =>
            $"+0  203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag={id}:104+104  => Deny FragmentHeld\n"));
        Run($"""
            {held}
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=65:104+104  => Deny FragmentLimit
            +0  203.0.113.6:4000 > 10.0.0.4:53  udp len=200 frag=65:104+104  => Deny FragmentHeld
            # one gets its first fragment, so there is a place again
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=9:0+104     => Allow Rule | 9 Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=66:104+104  => Deny FragmentHeld
            """);
    }

    [Fact]
    public void A_held_fragment_is_counted_once_when_its_fate_is_known()
    {
        using PacketTrace trace = new PacketTrace().With("dns", SampleRules.AllowDns);
        trace.Run("""
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=1:104+104  => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=2:104+104  => Deny FragmentHeld
            """);
        Assert.Equal(0, trace.Counters.AllowedPackets);
        Assert.Equal(0, trace.Counters.DeniedPackets);
        Assert.Equal(2, trace.Counters.HeldFragments);
        trace.Run("""
            1   203.0.113.5:4000 > 10.0.0.4:53  udp len=200 frag=1:0+104    => Allow Rule | 1 Allow Fragment
            wait 6                                                          => | 2 Deny FragmentTimeout
            """);
        Assert.Equal(1, trace.Counters.Allowed(VerdictReason.Fragment));
        Assert.Equal(2, trace.Counters.AllowedPackets);
        Assert.Equal(248, trace.Counters.AllowedBytes);
        Assert.Equal(1, trace.Counters.Denied(VerdictReason.FragmentTimeout));
        Assert.Equal(1, trace.Counters.DeniedPackets);
        Assert.Equal(124, trace.Counters.DeniedBytes);
        Assert.Equal(2, trace.Counters.HeldFragments);
    }

    private static void Run(string trace) => RunWith(SampleRules.AllowDns, trace);

    private static void RunWith(string rules, string trace)
    {
        using PacketTrace run = new PacketTrace().With("rules", rules);
        run.Run(trace);
    }
}
