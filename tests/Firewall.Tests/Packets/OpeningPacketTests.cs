using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Packets;

public class OpeningPacketTests
{
    private const string Client = "203.0.113.5:40000";
    private const string Server = "10.0.0.4:22";
    private const string Client6 = "[2001:db8::5]:40000";
    private const string Server6 = "[fd00::4]:22";

    private static readonly byte[] s_usualOptions = PacketBuilder.TcpOptions(1460, 7, sackPermitted: true, timestamp: 1);

    // What, and how the packet info is falsified, so that the second reader must notice.
    private static readonly (string What, byte[] Packet, Func<PacketInfo, PacketInfo> Falsify)[] s_lies =
    [
        ("source", Syn(), i => i with { Source = i.Destination }),
        ("destination", Syn6(), i => i with { Destination = i.Source }),
        ("length", Syn(), i => i with { Length = i.Length + 1 }),
        ("IPv6 length", Syn6(), i => i with { Length = i.Length + 1 }),
        ("time to live", Syn(), i => i with { TimeToLive = 1 }),
        ("hop limit", Syn6(), i => i with { TimeToLive = 1 }),
        ("protocol", PacketBuilder.Ip("1.2.3.4", "5.6.7.8", 47, new byte[8]), i => i with { Protocol = 48 }),
        ("IPv6 protocol", PacketBuilder.Ip("2001:db8::5", "fd00::4", 47, new byte[8]), i => i with { Protocol = 48 }),
        ("source port", Syn(), i => i with { SourcePort = 1 }),
        ("destination port", Syn6(), i => i with { DestinationPort = 1 }),
        ("sequence", Syn(), i => i with { Sequence = 1 }),
        ("acknowledgment", Syn(), i => i with { Acknowledgment = 1 }),
        ("window", Syn(), i => i with { Window = 1 }),
        ("TCP flags", Syn(), i => i with { TcpFlags = TcpFlags.Syn | TcpFlags.Ack }),
        ("TCP header length", Syn(), i => i with { TcpHeaderLength = 20 }),
        ("UDP port", PacketBuilder.Udp(Client, Server), i => i with { DestinationPort = 1 }),
        ("ICMP type", PacketBuilder.IcmpEcho("1.2.3.4", "5.6.7.8", 9), i => i with { IcmpType = 13 }),
        ("ICMP code", PacketBuilder.IcmpEcho("1.2.3.4", "5.6.7.8", 9), i => i with { IcmpCode = 1 }),
        ("ICMP identifier", PacketBuilder.IcmpEcho("1.2.3.4", "5.6.7.8", 9), i => i with { SourcePort = 1 }),
        ("ICMPv6 type", PacketBuilder.IcmpEcho("2001:db8::5", "fd00::4", 9), i => i with { IcmpType = 129 }),
        ("ICMPv6 code", PacketBuilder.IcmpEcho("2001:db8::5", "fd00::4", 9), i => i with { IcmpCode = 1 }),
        ("fragment offset", PacketBuilder.Fragments(PacketBuilder.Udp(Client, Server, 60), 32, 1)[1], i => i with { FragmentOffset = 8 }),
        ("more fragments", PacketBuilder.Fragments(PacketBuilder.Udp(Client, Server, 60), 32, 1)[0], i => i with { MoreFragments = false }),
        ("IPv6 more fragments", PacketBuilder.Fragments(PacketBuilder.Udp(Client6, Server6, 60), 32, 1)[0], i => i with { MoreFragments = false }),
        ("IPv6 no fragment", PacketBuilder.Udp(Client6, Server6, 60), i => i with { IsFragment = true }),
    ];

    public static TheoryData<string> Lies => [.. s_lies.Select(lie => lie.What)];

    [Fact]
    public void A_SYN_gives_its_options()
    {
        OpeningPacket opening = ReadWell(PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, options: s_usualOptions));
        Assert.Equal((7, true, 1460, true), (opening.WindowScale, opening.SackPermitted, opening.MaximumSegmentSize, opening.HasAllOptions));
    }

    [Fact]
    public void A_SYN_without_options_says_so()
    {
        OpeningPacket opening = ReadWell(PacketBuilder.Tcp(Client6, Server6, TcpFlags.Syn));
        Assert.Equal((-1, false, 0, true), (opening.WindowScale, opening.SackPermitted, opening.MaximumSegmentSize, opening.HasAllOptions));
    }

    [Theory]
    [InlineData(14, 14)]
    [InlineData(15, 14)]
    [InlineData(255, 14)]
    [InlineData(0, 0)]
    public void A_window_scale_above_14_counts_as_14(byte sent, sbyte read) =>
        Assert.Equal(read, ReadWell(PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, options: PacketBuilder.TcpOptions(windowScale: sent))).WindowScale);

    [Fact]
    public void Options_behind_the_end_of_the_list_do_not_count() =>
        Assert.Equal(-1, ReadWell(PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, options: [0, 3, 3, 7])).WindowScale);

    [Fact]
    public void An_urgent_SYN_gives_its_options_too() =>
        Assert.Equal(7, ReadWell(PacketBuilder.Tcp(Client, Server, TcpFlags.Syn | TcpFlags.Urg, options: s_usualOptions)).WindowScale);

    // What legal stacks put into a SYN: none of it may keep a connection from being opened.
    [Theory]
    [InlineData("the obsolete echo", new byte[] { 6, 6, 1, 2, 3, 4, 1, 1 })]
    [InlineData("partial order", new byte[] { 9, 2, 1, 1 })]
    [InlineData("an alternate checksum", new byte[] { 14, 3, 1, 1 })]
    [InlineData("an MD5 signature", new byte[] { 19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 1 })]
    [InlineData("quick start", new byte[] { 27, 8, 1, 2, 3, 4, 5, 6 })]
    [InlineData("a user timeout", new byte[] { 28, 4, 0x80, 10 })]
    [InlineData("authentication", new byte[] { 29, 16, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 })]
    [InlineData("MPTCP", new byte[] { 30, 12, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8 })]
    [InlineData("a Fast Open request", new byte[] { 34, 2, 1, 1 })]
    [InlineData("a Fast Open cookie", new byte[] { 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1 })]
    [InlineData("accurate ECN", new byte[] { 172, 11, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1 })]
    [InlineData("an experiment", new byte[] { 254, 8, 0xF9, 0x89, 1, 2, 3, 4 })]
    public void An_unusual_option_opens_and_the_window_scale_behind_it_counts(string what, byte[] option)
    {
        byte[] options = [.. option, 1, 3, 3, 7];
        Assert.True(ReadWell(PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, options: options)).WindowScale == 7, what);
        Assert.True(ReadWell(PacketBuilder.Tcp(Client6, Server6, TcpFlags.Syn, options: options)).WindowScale == 7, what);
    }

    // Accurate ECN asks with the bit beside the data offset (RFC 9768); a reserved bit is to be ignored (RFC 9293 section 3.1).
    [Theory]
    [InlineData(0x01)]
    [InlineData(0x0E)]
    public void Bits_beside_the_data_offset_do_not_matter(byte bits)
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn | TcpFlags.Ece | TcpFlags.Cwr, options: s_usualOptions);
        packet[32] |= bits;
        Assert.Equal(7, ReadWell(packet).WindowScale);
    }

    [Theory]
    [InlineData(new byte[] { 3, 0, 7, 0 })]
    [InlineData(new byte[] { 3, 1, 7, 0 })]
    [InlineData(new byte[] { 3, 4, 7, 0 })]
    [InlineData(new byte[] { 2, 3, 7, 0 })]
    [InlineData(new byte[] { 4, 3, 0, 0 })]
    [InlineData(new byte[] { 8, 4, 0, 0 })]
    [InlineData(new byte[] { 1, 1, 1, 3 })]
    [InlineData(new byte[] { 1, 254, 200, 3 })]
    public void An_option_list_that_does_not_add_up_is_malformed(byte[] options)
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, options: options);
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.Equal(MalformedReason.TcpOptions, OpeningPacket.Read(packet, info, out OpeningPacket opening));
        Assert.Equal(-1, opening.WindowScale);
    }

    [Fact]
    public void Options_cut_off_by_a_snap_length_are_marked()
    {
        byte[] packet = PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, payload: 9, options: s_usualOptions);
        for (int length = 40; length < 60; length++)
        {
            Assert.Equal(MalformedReason.None, PacketParser.Parse(packet.AsSpan(0, length), packet.Length, out PacketInfo info));
            Assert.Equal(MalformedReason.None, OpeningPacket.Read(packet.AsSpan(0, length), info, out OpeningPacket opening));
            Assert.False(opening.HasAllOptions);
            Assert.Equal(length >= 44 ? 1460 : 0, opening.MaximumSegmentSize);
            Assert.Equal(-1, opening.WindowScale);
        }
    }

    [Theory]
    [MemberData(nameof(Lies))]
    public void Readers_that_disagree_make_the_packet_ambiguous(string what)
    {
        (_, byte[] packet, Func<PacketInfo, PacketInfo> falsify) = s_lies.Single(lie => lie.What == what);
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.Equal(MalformedReason.None, OpeningPacket.Read(packet, info, out _));
        PacketInfo false_ = falsify(info);
        Assert.Equal(MalformedReason.Ambiguous, OpeningPacket.Read(packet, in false_, out _));
    }

    [Fact]
    public void Chains_of_extension_headers_that_PacketDotNet_misreads_are_not_held_against_the_packet()
    {
        byte[] packet = PacketBuilder.WithExtensions(
            Syn6(), (0, PacketBuilder.PaddingBody(8)), (60, PacketBuilder.PaddingBody(24)), (43, [0, 4, 0, 0, 0, 0, 0]));
        Assert.Equal(7, ReadWell(packet).WindowScale);
    }

    [Theory]
    [InlineData("10.1.2.3", "10.0.0.4")]
    [InlineData("2001:db8::5", "fd00::4")]
    public void Every_protocol_number_opens(string source, string destination)
    {
        // PacketDotNet throws on the payload of some (GRE, OSPF, tunnels); nothing may come of that.
        for (int protocol = 0; protocol < 256; protocol++)
        {
            byte[] packet = PacketBuilder.Ip(source, destination, (byte)protocol, [1]);
            if (PacketParser.Parse(packet, out PacketInfo info) != MalformedReason.None) continue;
            Assert.True(OpeningPacket.Read(packet, info, out _) == MalformedReason.None, $"protocol {protocol}");
        }
    }

    private static byte[] Syn() => PacketBuilder.Tcp(Client, Server, TcpFlags.Syn, seq: 77, options: s_usualOptions);

    private static byte[] Syn6() => PacketBuilder.Tcp(Client6, Server6, TcpFlags.Syn, seq: 77, options: s_usualOptions);

    private static OpeningPacket ReadWell(byte[] packet)
    {
        Assert.Equal(MalformedReason.None, PacketParser.Parse(packet, out PacketInfo info));
        Assert.Equal(MalformedReason.None, OpeningPacket.Read(packet, info, out OpeningPacket opening));
        return opening;
    }
}
