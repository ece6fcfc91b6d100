using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Packets;

public class EmbeddedPacketTests
{
    private const string Client = "203.0.113.5:40000";
    private const string Server = "10.0.0.4:22";
    private const string Client6 = "[2001:db8::5]:40000";
    private const string Server6 = "[fd00::4]:22";

    [Theory]
    [InlineData(-1)]
    [InlineData(28)]
    public void An_error_about_TCP_gives_endpoints_and_sequence(int quote)
    {
        byte[] quoted = PacketBuilder.Tcp(Client, Server, TcpFlags.Ack, seq: 0xCAFE, payload: 1000);
        PacketInfo embedded = ReadWell(PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 4, quoted, quote, rest: 1400));
        Assert.Equal(PacketBuilder.AddressOf(Client), embedded.Source);
        Assert.Equal(PacketBuilder.AddressOf(Server), embedded.Destination);
        Assert.Equal((40000, 22, 0xCAFEu, IpProtocol.Tcp), (embedded.SourcePort, embedded.DestinationPort, embedded.Sequence, embedded.Protocol));
        Assert.Equal((1040, 20), (embedded.Length, embedded.TransportOffset));
    }

    [Fact]
    public void An_ICMPv6_error_is_read_through_extension_headers()
    {
        byte[] quoted = PacketBuilder.WithExtensions(
            PacketBuilder.Udp(Client6, Server6, 1400), (60, PacketBuilder.PaddingBody(16)), (44, PacketBuilder.FragmentBody(0, true, 5)));
        PacketInfo embedded = ReadWell(PacketBuilder.IcmpError("2001:db8::1", "2001:db8::5", 1, 4, quoted, 72));
        Assert.Equal((40000, 22, IpProtocol.Udp), (embedded.SourcePort, embedded.DestinationPort, embedded.Protocol));
        Assert.True(embedded.IsFragment);
    }

    [Fact]
    public void An_error_about_a_ping_gives_its_identifier()
    {
        PacketInfo embedded = ReadWell(PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 11, 0, PacketBuilder.IcmpEcho("203.0.113.5", "10.0.0.4", 99)));
        Assert.Equal((99, 99), (embedded.SourcePort, embedded.DestinationPort));
        Assert.True(embedded.IsIcmpRequest);
    }

    [Fact]
    public void An_error_about_another_protocol_needs_no_more_than_the_IP_header() =>
        Assert.Equal(47, ReadWell(PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 2, PacketBuilder.Ip("203.0.113.5", "10.0.0.4", 47, []))).Protocol);

    [Fact]
    public void A_total_length_that_a_router_has_altered_does_no_harm()
    {
        byte[] quoted = PacketBuilder.Udp(Client, Server, 100);
        (quoted[2], quoted[3]) = (quoted[3], quoted[2]);
        Assert.Equal(22, ReadWell(PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 3, quoted, 28)).DestinationPort);
    }

    [Fact]
    public void What_cannot_belong_to_a_flow_is_refused()
    {
        byte[] tcp = PacketBuilder.Tcp(Client, Server, TcpFlags.Ack);
        byte[] error = PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, tcp);
        AssertRefused("a query", PacketBuilder.IcmpEcho("203.0.113.5", "10.0.0.4", 1, payload: 40));
        AssertRefused("nothing quoted", PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, tcp, 0));
        AssertRefused("a cut IP header", PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, tcp, 19));
        AssertRefused("seven bytes of TCP", PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, tcp, 27));
        AssertRefused("a later fragment", PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, PacketBuilder.Fragments(PacketBuilder.Udp(Client, Server, 60), 32, 1)[1]));
        AssertRefused("an error about an error", PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, error));
        AssertRefused("the other IP version", PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, PacketBuilder.Tcp(Client6, Server6, TcpFlags.Ack)));
        AssertRefused("a redirect of neighbour discovery", PacketBuilder.IcmpError("fe80::1", "fe80::2", 137, 0, PacketBuilder.Udp(Client6, Server6)));
        AssertRefused("a header length of 16", PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 1, [0x44, .. tcp[1..]]));
        AssertRefused("a mapped address", PacketBuilder.IcmpError("2001:db8::1", "2001:db8::5", 1, 1, Mapped()));
        AssertRefused("ICMP in IPv6", PacketBuilder.IcmpError("2001:db8::1", "2001:db8::5", 1, 1, PacketBuilder.Ip("2001:db8::5", "fd00::4", 1, [8, 0, 0, 0, 0, 0, 0, 0])));
    }

    private static byte[] Mapped()
    {
        byte[] packet = PacketBuilder.Udp(Client6, Server6);
        new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 4 }.CopyTo(packet, 8);
        return packet;
    }

    private static PacketInfo ReadWell(byte[] packet)
    {
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.True(EmbeddedPacket.TryRead(packet, info, out PacketInfo embedded));
        return embedded;
    }

    private static void AssertRefused(string what, byte[] packet)
    {
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.False(EmbeddedPacket.TryRead(packet, info, out _), what);
    }
}
