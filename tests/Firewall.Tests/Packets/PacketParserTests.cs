using System.Buffers.Binary;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Packets;

public class PacketParserTests
{
    private const string Client = "203.0.113.5:40000";
    private const string Server = "10.0.0.4:22";
    private const string Client6 = "[2001:db8::5]:40000";
    private const string Server6 = "[fd00::4]:22";

    [Theory]
    [InlineData(Client, Server, 20)]
    [InlineData(Client6, Server6, 40)]
    public void A_TCP_segment_gives_all_its_fields(string client, string server, int ipHeader)
    {
        byte[] packet = PacketBuilder.Tcp(
            client, server, TcpFlags.Ack | TcpFlags.Psh, seq: 0x89ABCDEF, ack: 0x01234567, window: 501, payload: 100, options: [1, 1, 1, 0]);
        PacketInfo info = ParseWell(packet);
        Assert.Equal(PacketBuilder.AddressOf(client), info.Source);
        Assert.Equal(PacketBuilder.AddressOf(server), info.Destination);
        Assert.Equal((40000, 22), (info.SourcePort, info.DestinationPort));
        Assert.Equal((0x89ABCDEFu, 0x01234567u, 501), (info.Sequence, info.Acknowledgment, info.Window));
        Assert.Equal(TcpFlags.Ack | TcpFlags.Psh, info.TcpFlags);
        Assert.Equal((ipHeader + 124, ipHeader, 24, 100), (info.Length, info.TransportOffset, info.TcpHeaderLength, info.PayloadLength));
        Assert.Equal((IpProtocol.Tcp, PacketBuilder.DefaultTimeToLive), (info.Protocol, info.TimeToLive));
        Assert.True(info.HasPorts);
        Assert.False(info.IsFragment);
        Assert.Equal(0u, info.FragmentId);
    }

    [Theory]
    [InlineData(Client, Server)]
    [InlineData(Client6, Server6)]
    public void A_UDP_datagram_gives_ports_and_payload(string client, string server)
    {
        PacketInfo info = ParseWell(PacketBuilder.Udp(client, server, 12));
        Assert.Equal((40000, 22, 12, IpProtocol.Udp), (info.SourcePort, info.DestinationPort, info.PayloadLength, info.Protocol));
    }

    [Theory]
    [InlineData("203.0.113.5", "10.0.0.4", IpProtocol.Icmp, 8, 0)]
    [InlineData("2001:db8::5", "fd00::4", IpProtocol.Icmpv6, 128, 129)]
    public void An_ICMP_query_gives_its_identifier_as_both_ports(string client, string server, byte protocol, byte request, byte reply)
    {
        PacketInfo info = ParseWell(PacketBuilder.IcmpEcho(client, server, id: 4711, payload: 56));
        Assert.Equal((protocol, request, 4711, 4711, 56), (info.Protocol, info.IcmpType, info.SourcePort, info.DestinationPort, info.PayloadLength));
        Assert.True(info.IsIcmpRequest);
        Assert.False(info.HasPorts);
        info = ParseWell(PacketBuilder.IcmpEcho(server, client, id: 4711, reply: true));
        Assert.Equal(reply, info.IcmpType);
        Assert.True(info.IsIcmpReply);
    }

    [Theory]
    [InlineData(152)]
    [InlineData(153)]
    public void A_multicast_router_solicitation_or_termination_has_four_bytes(byte type)
    {
        byte[] packet = PacketBuilder.Ip("fe80::1", "ff02::2", IpProtocol.Icmpv6, [type, 0, 0, 0], timeToLive: 1);
        PacketInfo info = ParseWell(packet);
        Assert.Equal((44, 40, 0, type), (info.Length, info.TransportOffset, info.PayloadLength, info.IcmpType));
        Assert.True(info.IsLinkLocalIcmp);
        PacketReaderPropertyTests.AssertAgreement(packet, packet.Length, info);
    }

    [Fact]
    public void An_ICMP_error_has_type_and_code_and_no_ports()
    {
        PacketInfo info = ParseWell(PacketBuilder.IcmpError("192.0.2.1", "203.0.113.5", 3, 4, PacketBuilder.Udp(Client, Server, 8), rest: 1400));
        Assert.True(info.IsIcmpError);
        Assert.Equal((3, 4, 0, 0), (info.IcmpType, info.IcmpCode, info.SourcePort, info.DestinationPort));
    }

    [Theory]
    [InlineData("203.0.113.5", "10.0.0.4", 47)]
    [InlineData("203.0.113.5", "10.0.0.4", IpProtocol.Esp)]
    [InlineData("203.0.113.5", "10.0.0.4", IpProtocol.Ah)]
    [InlineData("2001:db8::5", "fd00::4", 132)]
    [InlineData("2001:db8::5", "fd00::4", IpProtocol.Esp)]
    [InlineData("2001:db8::5", "fd00::4", IpProtocol.Ah)]
    [InlineData("2001:db8::5", "fd00::4", IpProtocol.NoNextHeader)]
    public void Another_protocol_is_known_by_its_number_alone(string client, string server, byte protocol)
    {
        // A TCP header follows, to show that nobody looks for one.
        PacketInfo info = ParseWell(PacketBuilder.Ip(client, server, protocol, PacketBuilder.Tcp(Client, Server, TcpFlags.Syn)[20..]));
        Assert.Equal((protocol, 20, 0, 0), (info.Protocol, info.PayloadLength, info.SourcePort, info.DestinationPort));
        Assert.False(info.HasPorts);
    }

    [Fact]
    public void Padding_behind_the_packet_is_not_counted()
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, TcpFlags.Ack);
        PacketInfo info = ParseWell([.. packet, 0, 0, 0, 0, 0, 0]);
        Assert.Equal((40, 0), (info.Length, info.PayloadLength));
        info = ParseWell([.. PacketBuilder.Udp(Client6, Server6, 3), 9, 9, 9]);
        Assert.Equal((51, 3), (info.Length, info.PayloadLength));
    }

    [Fact]
    public void IPv4_options_are_stepped_over()
    {
        PacketInfo info = ParseWell(PacketBuilder.WithIPv4Options(PacketBuilder.Udp(Client, Server, 5), [148, 4, 0, 0, 1, 1, 0]));
        Assert.Equal((28, 22, 5), (info.TransportOffset, info.DestinationPort, info.PayloadLength));
    }

    [Fact]
    public void All_kinds_of_extension_headers_are_stepped_over()
    {
        byte[] packet = PacketBuilder.WithExtensions(
            PacketBuilder.Tcp(Client6, Server6, TcpFlags.Syn, payload: 7),
            (0, [0, 5, 2, 0, 0, 1, 0]),
            (60, PacketBuilder.PaddingBody(16)),
            (43, [0, 2, 0, 0, 0, 0, 0]),
            (44, PacketBuilder.FragmentBody(0, false, 99)),
            (135, PacketBuilder.PaddingBody(8)),
            (139, PacketBuilder.PaddingBody(8)),
            (140, PacketBuilder.PaddingBody(8)),
            (60, PacketBuilder.PaddingBody(8)));
        PacketInfo info = ParseWell(packet);
        Assert.Equal((IpProtocol.Tcp, 40 + 72, 22, 7), (info.Protocol, info.TransportOffset, info.DestinationPort, info.PayloadLength));
        Assert.False(info.IsFragment, "An atomic fragment (RFC 6946) is no fragment.");
        Assert.Equal(0u, info.FragmentId);
    }

    [Fact]
    public void Exactly_256_bytes_of_extension_headers_pass() =>
        Assert.Equal(22, ParseWell(PacketBuilder.WithExtensions(PacketBuilder.Udp(Client6, Server6), (60, PacketBuilder.PaddingBody(256)))).DestinationPort);

    [Fact]
    public void The_walk_stops_at_AH_so_that_rules_can_name_it()
    {
        byte[] packet = PacketBuilder.WithExtensions(
            PacketBuilder.Tcp(Client6, Server6, TcpFlags.Syn), (60, PacketBuilder.PaddingBody(8)), (51, [4, .. new byte[22]]));
        PacketInfo info = ParseWell(packet);
        Assert.Equal((IpProtocol.Ah, 48, 24 + 20), (info.Protocol, info.TransportOffset, info.PayloadLength));
    }

    [Theory]
    [InlineData(Client, Server, 20)]
    [InlineData(Client6, Server6, 48)]
    public void Fragments_tell_their_place_and_only_the_first_has_ports(string client, string server, int headers)
    {
        byte[][] fragments = PacketBuilder.Fragments(PacketBuilder.Udp(client, server, 60), 32, 0xBEEF);
        Assert.Equal(3, fragments.Length);
        PacketInfo first = ParseWell(fragments[0]);
        Assert.True(first is { IsFragment: true, MoreFragments: true, IsLaterFragment: false, HasPorts: true });
        Assert.Equal((22, 24, 0xBEEFu), (first.DestinationPort, first.PayloadLength, first.FragmentId));
        PacketInfo middle = ParseWell(fragments[1]);
        Assert.True(middle is { IsFragment: true, MoreFragments: true, IsLaterFragment: true, HasPorts: false });
        Assert.Equal((32, headers, 32, 0), (middle.FragmentOffset, middle.TransportOffset, middle.PayloadLength, middle.DestinationPort));
        PacketInfo last = ParseWell(fragments[2]);
        Assert.True(last is { IsFragment: true, MoreFragments: false, IsLaterFragment: true });
        Assert.Equal((64, 4, IpProtocol.Udp), (last.FragmentOffset, last.PayloadLength, last.Protocol));
    }

    [Fact]
    public void A_first_fragment_with_the_whole_TCP_header_passes() =>
        Assert.Equal(22, ParseWell(PacketBuilder.Fragments(PacketBuilder.Tcp(Client, Server, TcpFlags.Ack, payload: 100), 24, 1)[0]).DestinationPort);

    [Fact]
    public void A_super_packet_reads_like_any_other()
    {
        PacketInfo info = ParseWell(PacketBuilder.Tcp(Client, Server, TcpFlags.Ack, payload: 65_535 - 40));
        Assert.Equal((65_535, 65_495), (info.Length, info.PayloadLength));
    }

    [Fact]
    public void A_UDP_source_port_0_is_legal()
    {
        byte[] packet = PacketBuilder.Udp("203.0.113.5:0", "10.0.0.4:514", 10);
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.Equal(0, info.SourcePort);
    }

    [Fact]
    public void A_UDP_length_below_the_IP_length_is_legal()
    {
        byte[] packet = PacketBuilder.Udp(Client, Server, 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(24), 12);
        Assert.Equal(16, ParseWell(packet).PayloadLength);
    }

    [Fact]
    public void A_capture_cut_by_a_snap_length_is_measured_by_its_wire_length()
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, payload: 500, options: new byte[20]);
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet.AsSpan(0, 54), packet.Length, out PacketInfo info));
        Assert.Equal((560, 500, 40), (info.Length, info.PayloadLength, info.TcpHeaderLength));
        Assert.Equal(MalformedReason.IpTotalLength, PacketParser.Parse(packet.AsSpan(0, 54), packet.Length - 1, out _));
        Assert.Equal(MalformedReason.Truncated, PacketParser.Parse(packet.AsSpan(0, 39), packet.Length, out _));
        byte[] extended = PacketBuilder.WithExtensions(PacketBuilder.Udp(Client6, Server6, 100), (60, PacketBuilder.PaddingBody(32)));
        Assert.Equal(MalformedReason.Truncated, PacketParser.Parse(extended.AsSpan(0, 60), extended.Length, out _));
    }

    private static PacketInfo ParseWell(byte[] packet)
    {
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        return info;
    }
}
