using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Engine;

/// <summary>What every interface says to its link as soon as it comes up: no news to anybody, and nothing to let through.</summary>
public sealed class LinkLocalTests
{
    [Theory]
    [InlineData(143, "ff02::16", true)] // multicast listener report, version 2: behind a router alert option
    [InlineData(131, "ff02::fb", true)] // version 1
    [InlineData(132, "ff02::2", true)]
    [InlineData(133, "ff02::2", false)] // router solicitation
    [InlineData(134, "ff02::1", false)]
    [InlineData(135, "ff02::1:ff00:4", false)] // neighbor solicitation
    [InlineData(136, "ff02::1", false)]
    [InlineData(151, "ff02::6a", true)] // multicast router advertisement
    [InlineData(152, "ff02::2", true, 4)] // and solicitation and termination, which have four bytes
    [InlineData(153, "ff02::6a", true, 4)]
    public void It_is_denied_under_its_own_reason_and_never_told_as_a_drop(byte type, string destination, bool hasRouterAlert, int length = 28)
    {
        using var flows = new FlowTable(16);
        var drops = new EventRing<DropEvent>(16);
        var engine = new FirewallEngine(flows, new FragmentTable(), new EngineOptions(), drops);
        Policy policy = PolicyCompiler.Compile(
            NsgReader.Read(Encoding.UTF8.GetBytes(SampleRules.AllowAll), "all.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;
        byte[] packet = PacketBuilder.Ip("fe80::1", destination, IpProtocol.Icmpv6, [type, .. new byte[length - 1]], timeToLive: 255);
        if (hasRouterAlert) packet = PacketBuilder.WithExtensions(packet, (0, [0, 5, 2, 0, 0, 1, 0]));
        Verdict verdict = engine.Inspect(packet, packet.Length, policy, 1_000, out _);
        Assert.Equal((Access.Deny, VerdictReason.LinkLocal), (verdict.Access, verdict.Reason));
        Assert.Equal(1, engine.Counters.Denied(VerdictReason.LinkLocal));
        Assert.Equal(1, engine.Counters.DeniedPackets);
        Assert.False(drops.TryTake(out _));
        Assert.Equal(0, flows.Count);
    }

    [Theory]
    [InlineData(133, 4)]
    [InlineData(143, 7)]
    [InlineData(152, 3)]
    public void One_that_is_cut_short_is_told_as_malformed(byte type, int length)
    {
        byte[] packet = PacketBuilder.Ip("fe80::1", "ff02::2", IpProtocol.Icmpv6, [type, .. new byte[length - 1]], timeToLive: 255);
        Assert.Equal(MalformedReason.IcmpHeader, PacketParser.Parse(packet, packet.Length, out _));
    }

    [Fact]
    public void An_answer_that_nobody_asked_for_is_still_told()
    {
        using var flows = new FlowTable(16);
        var drops = new EventRing<DropEvent>(16);
        var engine = new FirewallEngine(flows, new FragmentTable(), new EngineOptions(), drops);
        Policy policy = Policy.DenyAll(new RuleCatalog());
        byte[] packet = PacketBuilder.IcmpEcho("2001:db8::5", "fd00::4", 7, reply: true);
        Assert.Equal(VerdictReason.NoFlow, engine.Inspect(packet, packet.Length, policy, 1_000, out _).Reason);
        Assert.True(drops.TryTake(out _));
    }
}
