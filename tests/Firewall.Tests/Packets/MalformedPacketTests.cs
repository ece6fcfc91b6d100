using System.Buffers.Binary;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Packets;

public class MalformedPacketTests
{
    private const string Client = "203.0.113.5:40000";
    private const string Server = "10.0.0.4:22";
    private const string Client6 = "[2001:db8::5]:40000";
    private const string Server6 = "[fd00::4]:22";

    private static readonly byte[] s_tcp = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, payload: 4);
    private static readonly byte[] s_tcp6 = PacketBuilder.Tcp(Client6, Server6, TcpFlags.Syn, payload: 4);
    private static readonly byte[] s_udp = PacketBuilder.Udp(Client, Server, 16);
    private static readonly byte[] s_udp6 = PacketBuilder.Udp(Client6, Server6, 16);
    private static readonly byte[] s_ping = PacketBuilder.IcmpEcho("203.0.113.5", "10.0.0.4", 7);

    // What is wrong, the fault it must be, the packet.
    private static readonly (string What, MalformedReason Reason, byte[] Packet)[] s_cases =
    [
        ("no bytes", MalformedReason.Truncated, []),
        ("one byte of IPv4", MalformedReason.Truncated, [0x45]),
        ("nineteen bytes of IPv4", MalformedReason.Truncated, s_tcp[..19]),
        ("thirty-nine bytes of IPv6", MalformedReason.Truncated, s_tcp6[..39]),
        ("version 5", MalformedReason.IpVersion, Change(s_tcp, 0, 0x55)),
        ("version 0", MalformedReason.IpVersion, new byte[40]),
        ("IPv4 header length 16", MalformedReason.IPv4HeaderLength, Change(s_tcp, 0, 0x44)),
        ("IPv4 header length beyond the packet", MalformedReason.IPv4HeaderLength, Change(s_tcp, 0, 0x4F)),
        ("total length less than the header", MalformedReason.IpTotalLength, Change16(s_tcp, 2, 19)),
        ("total length zero", MalformedReason.IpTotalLength, Change16(s_tcp, 2, 0)),
        ("total length more than the packet", MalformedReason.IpTotalLength, Change16(s_tcp, 2, s_tcp.Length + 1)),
        ("IPv6 payload length more than the packet", MalformedReason.IpTotalLength, Change16(s_tcp6, 4, s_tcp6.Length - 39)),
        ("middle fragment of 15 bytes", MalformedReason.FragmentBounds, Change16(PacketBuilder.Fragments(s_udp, 16, 1)[0], 2, 20 + 15)),
        ("empty fragment", MalformedReason.FragmentBounds, Change16(PacketBuilder.Fragments(s_udp, 16, 1)[1], 2, 20)),
        ("fragment beyond 65,535 bytes", MalformedReason.FragmentBounds, Change16(s_udp, 6, 0x1FFF)),
        ("IPv6 middle fragment of 15 bytes", MalformedReason.FragmentBounds, Change16(PacketBuilder.Fragments(s_udp6, 16, 1)[0], 4, 8 + 15)),
        ("IPv6 fragment beyond 65,535 bytes", MalformedReason.FragmentBounds, Extend(s_udp6, (44, PacketBuilder.FragmentBody(0xFFF8, false, 1)))),
        ("extension header longer than the packet", MalformedReason.ExtensionHeaderLength, Change(Extend(s_udp6, (60, PacketBuilder.PaddingBody(8))), 41, 30)),
        ("extension header behind the end", MalformedReason.ExtensionHeaderLength, Change16(Extend(s_udp6, (60, PacketBuilder.PaddingBody(8))), 4, 7)),
        ("hop-by-hop option longer than its header", MalformedReason.ExtensionHeaderLength, Extend(s_udp6, (0, [0, 5, 200, 0, 0, 0, 0]))),
        ("hop-by-hop option without a length", MalformedReason.ExtensionHeaderLength, Extend(s_udp6, (0, [0, 0, 0, 0, 0, 0, 5]))),
        ("first fragment that ends in its extension headers", MalformedReason.ExtensionHeaderLength, Extend(s_tcp6[..40], 60, (44, PacketBuilder.FragmentBody(0, true, 1)), (60, [2, 0, 0, 0, 0, 0, 0]))),
        ("nine extension headers", MalformedReason.ExtensionHeaderChain, Extend(s_udp6, [.. Enumerable.Repeat<(byte, byte[])>((60, PacketBuilder.PaddingBody(8)), 9)])),
        ("264 bytes of extension headers", MalformedReason.ExtensionHeaderChain, Extend(s_udp6, (60, PacketBuilder.PaddingBody(264)))),
        ("hop-by-hop behind another header", MalformedReason.ExtensionHeaderOrder, Extend(s_udp6, (60, PacketBuilder.PaddingBody(8)), (0, PacketBuilder.PaddingBody(8)))),
        ("two hop-by-hop headers", MalformedReason.ExtensionHeaderOrder, Extend(s_udp6, (0, PacketBuilder.PaddingBody(8)), (0, PacketBuilder.PaddingBody(8)))),
        ("two fragment headers", MalformedReason.ExtensionHeaderOrder, Extend(s_udp6, (44, PacketBuilder.FragmentBody(0, true, 1)), (44, PacketBuilder.FragmentBody(0, true, 2)))),
        ("two atomic fragment headers", MalformedReason.ExtensionHeaderOrder, Extend(s_udp6, (44, PacketBuilder.FragmentBody(0, false, 1)), (44, PacketBuilder.FragmentBody(0, false, 2)))),
        ("routing header type 0", MalformedReason.RoutingHeaderType0, Extend(s_udp6, (43, [0, 0, 0, 0, 0, 0, 0]))),
        ("jumbogram", MalformedReason.Jumbogram, Change16(Extend(s_udp6, (0, [0, 0xC2, 4, 0, 1, 0, 0])), 4, 0)),
        ("jumbo option beside a payload length", MalformedReason.Jumbogram, Extend(s_udp6, (0, [0, 0xC2, 4, 0, 1, 0, 0]))),
        ("IPv4-mapped source", MalformedReason.Address, Mapped(s_udp6, 8)),
        ("IPv4-mapped destination", MalformedReason.Address, Mapped(s_udp6, 24)),
        ("no TCP header at all", MalformedReason.TcpHeader, Change16(s_tcp, 2, 20)),
        ("nineteen bytes of TCP", MalformedReason.TcpHeader, Change16(s_tcp, 2, 39)),
        ("TCP data offset 16", MalformedReason.TcpHeader, Change(s_tcp, 20 + 12, 0x40)),
        ("TCP data offset beyond the packet", MalformedReason.TcpHeader, Change(s_tcp, 20 + 12, 0x70)),
        ("TCP data offset beyond the IPv6 packet", MalformedReason.TcpHeader, Change(s_tcp6, 40 + 12, 0x70)),
        ("tiny first fragment of TCP", MalformedReason.TcpHeader, PacketBuilder.Fragments(s_tcp, 16, 1)[0]),
        ("fragment that overlays the TCP header", MalformedReason.TcpHeader, PacketBuilder.Fragments(s_tcp, 8, 1)[1]),
        ("TCP source port 0", MalformedReason.PortZero, Change16(s_tcp, 20, 0)),
        ("TCP destination port 0", MalformedReason.PortZero, Change16(s_tcp, 22, 0)),
        ("UDP destination port 0", MalformedReason.PortZero, Change16(s_udp6, 42, 0)),
        ("seven bytes of UDP", MalformedReason.UdpHeader, Change16(s_udp, 2, 27)),
        ("UDP length 7", MalformedReason.UdpHeader, Change16(s_udp, 24, 7)),
        ("UDP length 0", MalformedReason.UdpHeader, Change16(s_udp6, 44, 0)),
        ("UDP length beyond the packet", MalformedReason.UdpHeader, Change16(s_udp, 24, 25)),
        ("seven bytes of ICMP", MalformedReason.IcmpHeader, Change16(s_ping, 2, 27)),
        ("ICMP in IPv6", MalformedReason.IcmpHeader, Change(s_udp6, 6, IpProtocol.Icmp)),
        ("ICMPv6 in IPv4", MalformedReason.IcmpHeader, Change(s_udp, 9, IpProtocol.Icmpv6)),
    ];

    // Found by the reader of the opening packet, which has tests of its own.
    private static readonly MalformedReason[] s_foundLater = [MalformedReason.TcpOptions, MalformedReason.Ambiguous];

    public static TheoryData<string, MalformedReason> Cases
    {
        get
        {
            TheoryData<string, MalformedReason> data = [];
            foreach ((string what, MalformedReason reason, _) in s_cases) data.Add(what, reason);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Each_fault_is_named(string what, MalformedReason reason)
    {
        byte[] packet = s_cases.Single(c => c.What == what).Packet;
        Assert.Equal(reason, PacketParser.Parse(packet, out _));
    }

    [Fact]
    public void Every_reason_has_a_case() =>
        Assert.Equal(
            Enum.GetValues<MalformedReason>().Except([MalformedReason.None, .. s_foundLater]),
            s_cases.Select(c => c.Reason).Distinct().Order());

    [Fact]
    public void A_malformed_packet_still_gives_its_addresses()
    {
        Assert.NotEqual(MalformedReason.None, PacketParser.Parse(Change16(s_tcp, 22, 0), out PacketInfo info));
        Assert.Equal("203.0.113.5", info.Source.ToString());
        Assert.Equal("10.0.0.4", info.Destination.ToString());
        Assert.Equal(40000, info.SourcePort);
    }

    private static byte[] Change(byte[] packet, int offset, byte value)
    {
        byte[] copy = [.. packet];
        copy[offset] = value;
        return copy;
    }

    private static byte[] Change16(byte[] packet, int offset, int value)
    {
        byte[] copy = [.. packet];
        BinaryPrimitives.WriteUInt16BigEndian(copy.AsSpan(offset), (ushort)value);
        return copy;
    }

    private static byte[] Mapped(byte[] packet, int offset)
    {
        byte[] copy = [.. packet];
        new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 4 }.CopyTo(copy, offset);
        return copy;
    }

    private static byte[] Extend(byte[] packet, params (byte, byte[])[] headers) => PacketBuilder.WithExtensions(packet, headers);

    private static byte[] Extend(byte[] packet, byte last, params (byte, byte[])[] headers) =>
        PacketBuilder.WithExtensions(Change(packet, 6, last), headers);
}
