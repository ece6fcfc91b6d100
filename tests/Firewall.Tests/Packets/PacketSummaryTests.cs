using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Packets;

public class PacketSummaryTests
{
    [Fact]
    public void A_packet_is_told_in_one_line()
    {
        AssertText("Tcp 203.0.113.5:40000 -> 10.0.0.4:22 [S]", PacketBuilder.Tcp("203.0.113.5:40000", "10.0.0.4:22", TcpFlags.Syn));
        AssertText("Tcp [2001:db8::5]:1 -> [fd00::4]:2 [FP.]", PacketBuilder.Tcp("[2001:db8::5]:1", "[fd00::4]:2", TcpFlags.Fin | TcpFlags.Ack | TcpFlags.Psh));
        AssertText("Tcp 1.2.3.4:1 -> 5.6.7.8:2 [none]", PacketBuilder.Tcp("1.2.3.4:1", "5.6.7.8:2", TcpFlags.None));
        AssertText("Udp 1.2.3.4:1 -> 5.6.7.8:2", PacketBuilder.Udp("1.2.3.4:1", "5.6.7.8:2"));
        AssertText("Icmp 1.2.3.4 -> 5.6.7.8 type 8 code 0 id 77", PacketBuilder.IcmpEcho("1.2.3.4", "5.6.7.8", 77));
        AssertText("Icmpv6 2001:db8::5 -> fd00::4 type 1 code 4", PacketBuilder.IcmpError("2001:db8::5", "fd00::4", 1, 4, new byte[48]));
        AssertText("Protocol 47 1.2.3.4 -> 5.6.7.8", PacketBuilder.Ip("1.2.3.4", "5.6.7.8", 47, []));
        AssertText("Esp 1.2.3.4 -> 5.6.7.8", PacketBuilder.Ip("1.2.3.4", "5.6.7.8", IpProtocol.Esp, []));
        byte[][] fragments = PacketBuilder.Fragments(PacketBuilder.Udp("1.2.3.4:1", "5.6.7.8:2", 40), 32, 9);
        AssertText("Udp 1.2.3.4:1 -> 5.6.7.8:2 fragment 9 at 0+", fragments[0]);
        AssertText("Udp 1.2.3.4 -> 5.6.7.8 fragment 9 at 32", fragments[1]);
    }

    private static void AssertText(string text, byte[] packet)
    {
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.Equal(text, PacketSummary.Format(info));
    }
}
