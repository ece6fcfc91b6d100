using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// What the tests of pf check about fragments (OpenBSD regress/sys/net/pf_fragment, FreeBSD tests/sys/netpfil/pf), told again one by one,
/// with their layouts. They are pings, so a first fragment of eight bytes has all that is judged. pf puts IPv4 datagrams together and keeps parts
/// of ones that overlap; here nothing of them passes any more, as in IPv6 there and here (RFC 5722).
/// </summary>
public sealed class PfScenarios
{
    private const string V4 = "203.0.113.5 > 10.0.0.4";
    private const string V6 = "2001:db8::5 > fd00::4";

    // OpenBSD: frag, frag6. A ping of 24 bytes in two fragments.
    [Theory]
    [InlineData("203.0.113.5", "10.0.0.4")]
    [InlineData("2001:db8::5", "fd00::4")]
    public void A_ping_in_two_fragments_is_answered(string outside, string inside) => Run($"""
        0      {outside} > {inside}  echo  id=7 len=16 frag=1:0+16  => Allow Rule
        +0     {outside} > {inside}  echo  id=7 len=16 frag=1:16+8  => Allow Fragment
        +0.01  {inside} > {outside}  reply id=7 len=16              => Allow Flow
        """);

    [Fact]
    public void A_ping_in_two_fragments_with_a_hop_by_hop_header_is_answered() => Run($"""
        0      {V6}                   echo  id=7 len=16 frag=1:0+16 before=hop  => Allow Rule
        +0     {V6}                   echo  id=7 len=16 frag=1:16+8 before=hop  => Allow Fragment
        +0.01  fd00::4 > 2001:db8::5  reply id=7 len=16                         => Allow Flow
        """); // OpenBSD: frag6_ext

    // OpenBSD: frag_cutnew, frag6_cutnew. The head of the new one lies in the one before.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void A_fragment_whose_head_overlaps_an_older_one_is_dropped(string ends) => Run($"""
        0   {ends}  echo id=7 len=16 frag=1:0+16  => Allow Rule
        +0  {ends}  echo id=7 len=16 frag=1:8+16  => Deny FragmentOverlap
        """);

    // OpenBSD: frag_cutold, frag6_cutold. The tail of the new one lies in the one before.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void A_fragment_whose_tail_overlaps_an_older_one_takes_that_with_it(string ends) => Run($"""
        0   {ends}  echo id=7 len=16 frag=1:8+16  => Deny FragmentHeld
        +0  {ends}  echo id=7 len=16 frag=1:0+16  => Deny FragmentOverlap | 1 Deny FragmentOverlap
        flows 0
        """);

    // OpenBSD: frag_dropnew, frag6_dropnew. The new one lies within an older one, and the first comes last.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void A_fragment_within_an_older_one_ends_the_datagram(string ends) => Run($"""
        0   {ends}  echo id=7 len=24 frag=1:8+24        => Deny FragmentHeld
        +0  {ends}  echo id=7 len=24 frag=1:16+8 more   => Deny FragmentOverlap | 1 Deny FragmentOverlap
        +0  {ends}  echo id=7 len=24 frag=1:0+8         => Deny FragmentOverlap
        flows 0
        """);

    // OpenBSD: frag_dropold, frag6_dropold. The new one covers an older one.
    [Theory]
    [InlineData(V4)]
    [InlineData(V6)]
    public void A_fragment_that_covers_an_older_one_is_dropped(string ends) => Run($"""
        0   {ends}  echo id=7 len=24 frag=1:0+8         => Allow Rule
        +0  {ends}  echo id=7 len=24 frag=1:16+8 more   => Allow Fragment
        +0  {ends}  echo id=7 len=24 frag=1:8+24        => Deny FragmentOverlap
        """);

    [Fact]
    public void A_fragment_over_the_seam_of_two_others_ends_the_datagram_although_it_says_the_same() => Run($"""
        0   {V4}  echo id=7 len=32 frag=1:0+16        => Allow Rule
        +0  {V4}  echo id=7 len=32 frag=1:16+16       => Allow Fragment
        +0  {V4}  echo id=7 len=32 frag=1:8+16        => Deny FragmentOverlap
        +0  {V4}  echo id=7 len=32 frag=1:32+8        => Deny FragmentOverlap
        """); // FreeBSD: frag-adjhole

    [Fact]
    public void Two_fragments_that_reach_into_each_other_around_a_boundary_end_the_datagram() => Run($"""
        0   {V4}  echo id=7 len=5136 frag=1:0+1024        => Allow Rule
        +0  {V4}  echo id=7 len=5136 frag=1:1024+1024     => Allow Fragment
        +0  {V4}  echo id=7 len=5136 frag=1:2048+1024     => Allow Fragment
        +0  {V4}  echo id=7 len=5136 frag=1:3072+1016     => Allow Fragment
        +0  {V4}  echo id=7 len=5136 frag=1:4088+1032     => Allow Fragment
        +0  {V4}  echo id=7 len=5136 frag=1:4080+16       => Deny FragmentOverlap
        +0  {V4}  echo id=7 len=5136 frag=1:5120+24       => Deny FragmentOverlap
        """); // FreeBSD: frag-overhole

    [Fact]
    public void A_fragment_that_replaces_the_tail_of_the_one_that_comes_next_ends_the_datagram() => Run($"""
        0   {V4}  echo id=7 len=5120 frag=1:0+1024        => Allow Rule
        +0  {V4}  echo id=7 len=5120 frag=1:1024+1024     => Allow Fragment
        +0  {V4}  echo id=7 len=5120 frag=1:2048+1024     => Allow Fragment
        +0  {V4}  echo id=7 len=5120 frag=1:4088+16       => Allow Fragment
        +0  {V4}  echo id=7 len=5120 frag=1:3072+1024     => Deny FragmentOverlap
        +0  {V4}  echo id=7 len=5120 frag=1:4096+1032     => Deny FragmentOverlap
        """); // FreeBSD: frag-overreplace

    [Fact]
    public void An_overlap_behind_sixty_three_fragments_is_found() => Run(First(63) + $"""
        +0  {V4}  echo id=7 len=4096 frag=1:4088+16 last  => Allow Fragment
        +0  {V4}  echo id=7 len=4096 frag=1:4032+64       => Deny FragmentOverlap
        """); // FreeBSD: frag-overindex

    [Fact]
    public void An_overlap_in_the_hole_between_many_fragments_is_found() => Run(First(63) + Row(64, 126) + $"""
        +0  {V4}  echo id=7 len=8192 frag=1:8128+72       => Allow Fragment
        +0  {V4}  echo id=7 len=8192 frag=1:4088+16       => Deny FragmentOverlap
        +0  {V4}  echo id=7 len=8192 frag=1:4032+64       => Deny FragmentOverlap
        """); // FreeBSD: frag-overlimit

    [Fact]
    public void A_fragment_header_behind_hundreds_of_bytes_of_authentication_is_no_fragment_of_what_was_allowed() // FreeBSD: CVE-2019-5597
    {
        using PacketTrace trace = new PacketTrace().With("dns", SampleRules.AllowDns).With("all", SampleRules.AllowAll);
        trace.Run("""
            0   [2001:db8::5]:4000 > [fd00::4]:53  udp len=8 frag=9:0+8                        => Allow Rule
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=8 frag=9:8+8 last before=longah,ah  => Deny Rule DefaultRule_DenyAllInBound
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=8 frag=9:8+8 last                   => Allow Fragment
            # where every protocol is allowed it is a packet of this one, whose receiver looks at the rest
            rules all
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=8 frag=8:0+8                        => Allow Flow
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=8 frag=8:8+8 last before=longah,ah  => Allow Rule UserRule_allow-all
            +0  [2001:db8::5]:4000 > [fd00::4]:53  udp len=8 frag=8:8+8 last                   => Allow Fragment
            """);
    }

    [Fact]
    public void An_error_about_a_packet_between_others_is_not_about_the_flow_of_its_outer_addresses() // FreeBSD: CVE-2019-5598
    {
        using PacketTrace trace = new PacketTrace().With("dns", SampleRules.AllowDns).With("all", SampleRules.AllowAll);
        trace.Run("""
            0   203.0.113.5:1234 > 10.0.0.4:53  udp                           => Allow Rule
            +0  4.3.2.1:1234 > 1.2.3.4:53       udp                           => Deny NoSecurityGroup
            +0  203.0.113.5 > 10.0.0.4          icmp type=3 code=3 about=2    => Deny NoFlow
            # nor where the addresses are right and the direction is not
            +0  203.0.113.5 > 10.0.0.4          icmp type=3 code=3 about=1    => Deny NoFlow
            # and no rule allows an error
            rules all
            +0  203.0.113.5 > 10.0.0.4          icmp type=3 code=3 about=2    => Deny NoFlow
            """);
    }

    private static string First(int fragments) => $"0  {V4}  echo id=7 len=8192 frag=1:0+64  => Allow Rule\n" + Row(1, fragments - 1);

    private static string Row(int from, int to) => string.Concat(Enumerable.Range(from, to - from + 1).Select(i =>
        $"+0  {V4}  echo id=7 len=8192 frag=1:{i * 64}+64  => Allow Fragment\n"));

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("rules", SampleRules.AllowAll);
        run.Run(trace);
    }
}
