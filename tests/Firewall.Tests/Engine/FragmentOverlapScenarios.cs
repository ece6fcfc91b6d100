using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>
/// Fragments that contradict each other in every way that there is, and ones that only come close, told as packet traces. The same as
/// other firewalls' tests have them is in <see cref="PfScenarios"/> and <see cref="NetBirdFragmentScenarios"/>.
/// </summary>
public sealed class FragmentOverlapScenarios
{
    // Nobody sends such datagrams honestly, so nothing more of them passes.
    [Theory]
    [InlineData("203.0.113.5:4000 > 10.0.0.4:53")]
    [InlineData("[2001:db8::5]:4000 > [fd00::4]:53")]
    public void Whichever_way_fragments_overlap_the_rest_is_dropped(string ends)
    {
        Run($"""
            # cutnew: the new one's head lies in an old one
            0   {ends}  udp len=100 frag=1:0+48         => Allow
            +0  {ends}  udp len=100 frag=1:48+24        => Allow Fragment
            +0  {ends}  udp len=100 frag=1:64+44        => Deny FragmentOverlap
            # cutold: the new one's tail lies in an old one
            +0  {ends}  udp len=100 frag=2:0+48         => Allow
            +0  {ends}  udp len=100 frag=2:64+44        => Allow Fragment
            +0  {ends}  udp len=100 frag=2:48+24        => Deny FragmentOverlap
            +0  {ends}  udp len=100 frag=2:48+16        => Deny FragmentOverlap
            # dropnew: the new one lies within an old one
            +0  {ends}  udp len=100 frag=3:0+48         => Allow
            +0  {ends}  udp len=100 frag=3:48+40        => Allow Fragment
            +0  {ends}  udp len=100 frag=3:56+16        => Deny FragmentOverlap
            +0  {ends}  udp len=100 frag=3:88+20        => Deny FragmentOverlap
            # dropold: an old one lies within the new one
            +0  {ends}  udp len=100 frag=4:0+48         => Allow
            +0  {ends}  udp len=100 frag=4:56+16        => Allow Fragment
            +0  {ends}  udp len=100 frag=4:48+40        => Deny FragmentOverlap
            +0  {ends}  udp len=100 frag=4:88+20        => Deny FragmentOverlap
            # the first fragment swallows what was held
            +0  {ends}  udp len=100 frag=5:48+16        => Deny FragmentHeld
            +0  {ends}  udp len=100 frag=5:80+28        => Deny FragmentHeld
            +0  {ends}  udp len=100 frag=5:0+80         => Deny FragmentOverlap | 16 Deny FragmentOverlap | 17 Deny FragmentOverlap
            """);
    }

    [Fact]
    public void A_fragment_larger_than_the_hole_poisons()
    {
        Run("""
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:0+64     => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:128+72   => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:64+72    => Deny FragmentOverlap
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:64+64    => Deny FragmentOverlap
            """);
    }

    [Fact]
    public void Fragments_that_touch_do_not_overlap()
    {
        Run("""
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:0+64     => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:192+8    => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:128+64   => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:64+8     => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:120+8    => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=7:72+48    => Allow Fragment
            """);
    }

    [Fact]
    public void An_overlap_behind_many_fragments_is_found()
    {
        string many = string.Concat(Enumerable.Range(1, 100).Select(i =>
            $"+0  203.0.113.5:4000 > 10.0.0.4:53  udp len=1192 frag=7:{i * 8}+8  => Allow Fragment\n"));
        Run($"""
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=1192 frag=7:0+8     => Allow Rule
            {many}
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=1192 frag=7:400+8 text=1  => Deny FragmentOverlap
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=1192 frag=7:808+8         => Deny FragmentOverlap
            """);
    }

    [Fact]
    public void A_datagram_of_more_fragments_than_any_link_makes_is_refused()
    {
        string many = string.Concat(Enumerable.Range(1, 127).Select(i =>
            $"+0  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:{i * 8}+8  => Allow Fragment\n"));
        Run($"""
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:0+8      => Allow Rule
            {many}
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:1024+8   => Deny FragmentLimit
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=2000 frag=7:1032+8   => Deny FragmentLimit
            """);
    }

    [Fact]
    public void Fragments_that_do_not_agree_on_the_end_poison()
    {
        Run("""
            # a last fragment in front of what has come
            0   203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=1:0+64         => Allow Rule
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=1:128+64       => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=1:64+64 last   => Deny FragmentOverlap
            # something behind the last fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=2:0+64         => Allow
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=2:128+64 last  => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=2:192+8 more   => Deny FragmentOverlap
            # two last fragments
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=3:0+64         => Allow
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=3:128+64 last  => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=3:64+32 last   => Deny FragmentOverlap
            # the same piece as the last and as not the last one
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=4:0+64         => Allow
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=4:128+72       => Allow Fragment
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=4:128+72 more  => Deny FragmentOverlap
            # a first fragment that reaches beyond the end of what was held
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=5:64+32 last   => Deny FragmentHeld
            +0  203.0.113.5:4000 > 10.0.0.4:53  udp len=192 frag=5:0+128        => Deny FragmentOverlap | 13 Deny FragmentOverlap
            """);
    }

    private static void Run(string trace)
    {
        using PacketTrace run = new PacketTrace().With("rules", SampleRules.AllowDns);
        run.Run(trace);
    }
}
