using Firewall.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Devices.Captures;

public class LinkLayerTests
{
    private static readonly byte[] s_v4 = PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53", 5);
    private static readonly byte[] s_v6 = PacketBuilder.Udp("[2001:db8::5]:40000", "[fd00::4]:53", 5);
    private static readonly byte[] s_macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    private static readonly byte[] s_cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];

    // What, link type, bytes in front of the packet, is it IPv6.
    private static readonly (string What, int LinkType, byte[] Header, bool V6)[] s_carriers =
    [
        ("Ethernet", LinkType.Ethernet, [.. s_macs, 8, 0], false),
        ("Ethernet with IPv6", LinkType.Ethernet, [.. s_macs, 0x86, 0xDD], true),
        ("802.1Q", LinkType.Ethernet, [.. s_macs, 0x81, 0, 0, 5, 8, 0], false),
        ("802.1ad with 802.1Q", LinkType.Ethernet, [.. s_macs, 0x88, 0xA8, 0, 5, 0x81, 0, 0, 6, 0x86, 0xDD], true),
        ("old outer tag", LinkType.Ethernet, [.. s_macs, 0x91, 0, 0, 5, 0x81, 0, 0, 6, 8, 0], false),
        ("four tags", LinkType.Ethernet, [.. s_macs, 0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x81, 0, 0, 4, 8, 0], false),
        ("SNAP", LinkType.Ethernet, [.. s_macs, 0, 60, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0], false),
        ("SNAP behind a bridge", LinkType.Ethernet, [.. s_macs, 0, 60, 0xAA, 0xAA, 3, 0, 0, 0xF8, 0x86, 0xDD], true),
        ("LLC's own SAP for IP", LinkType.Ethernet, [.. s_macs, 0, 60, 6, 6, 3], false),
        ("SNAP behind a tag", LinkType.Ethernet, [.. s_macs, 0x81, 0, 0, 5, 0, 60, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0], false),
        ("PPPoE", LinkType.Ethernet, [.. s_macs, 0x88, 0x64, 0x11, 0, 0, 1, 0, 60, 0, 0x21], false),
        ("PPPoE with IPv6", LinkType.Ethernet, [.. s_macs, 0x88, 0x64, 0x11, 0, 0, 1, 0, 60, 0, 0x57], true),
        ("raw", LinkType.Raw, [], true),
        ("raw 12", LinkType.RawOfMostSystems, [], false),
        ("raw 14", LinkType.RawOfOpenBsd, [], false),
        ("IPv4 228", LinkType.IPv4, [], false),
        ("IPv6 229", LinkType.IPv6, [], true),
        ("Linux cooked", LinkType.LinuxCooked, [.. s_cooked, 8, 0], false),
        ("Linux cooked with a tag", LinkType.LinuxCooked, [.. s_cooked, 0x81, 0, 0, 5, 0x86, 0xDD], true),
        ("Linux cooked with LLC", LinkType.LinuxCooked, [.. s_cooked, 0, 4, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0], false),
        ("Linux cooked 2", LinkType.LinuxCooked2, [0x86, 0xDD, .. new byte[18]], true),
        ("null, little-endian", LinkType.Null, [2, 0, 0, 0], false),
        ("null, big-endian", LinkType.Null, [0, 0, 0, 2], false),
        ("null, IPv6 of macOS", LinkType.Null, [30, 0, 0, 0], true),
        ("null, IPv6 of FreeBSD", LinkType.Null, [0, 0, 0, 28], true),
        ("null, IPv6 of OpenBSD", LinkType.Null, [24, 0, 0, 0], true),
        ("loop", LinkType.Loop, [0, 0, 0, 24], true),
    ];

    // What, link type, the whole frame.
    private static readonly (string What, int LinkType, byte[] Frame)[] s_others =
    [
        ("ARP", LinkType.Ethernet, [.. s_macs, 8, 6, .. new byte[28]]),
        ("LLDP", LinkType.Ethernet, [.. s_macs, 0x88, 0xCC, 0, 0]),
        ("spanning tree", LinkType.Ethernet, [.. s_macs, 0, 38, 0x42, 0x42, 3, .. new byte[35]]),
        ("SNAP with ARP", LinkType.Ethernet, [.. s_macs, 0, 38, 0xAA, 0xAA, 3, 0, 0, 0, 8, 6]),
        ("SNAP of a vendor", LinkType.Ethernet, [.. s_macs, 0, 38, 0xAA, 0xAA, 3, 0, 0, 0x0C, 8, 0]),
        ("SNAP cut short", LinkType.Ethernet, [.. s_macs, 0, 38, 0xAA, 0xAA, 3, 0, 0]),
        ("tag cut short", LinkType.Ethernet, [.. s_macs, 0x81, 0, 0, 5]),
        ("header cut short", LinkType.Ethernet, [.. s_macs, 8]),
        ("empty", LinkType.Ethernet, []),
        ("PPPoE with LCP", LinkType.Ethernet, [.. s_macs, 0x88, 0x64, 0x11, 0, 0, 1, 0, 60, 0xC0, 0x21]),
        ("PPPoE discovery code", LinkType.Ethernet, [.. s_macs, 0x88, 0x64, 0x11, 9, 0, 1, 0, 60, 0, 0x21]),
        ("PPPoE cut short", LinkType.Ethernet, [.. s_macs, 0x88, 0x64, 0x11, 0, 0, 1, 0]),
        ("cooked ARP", LinkType.LinuxCooked, [.. s_cooked, 8, 6, 0]),
        ("cooked cut short", LinkType.LinuxCooked, s_cooked),
        ("cooked 2 cut short", LinkType.LinuxCooked2, [8, 0]),
        ("null of another family", LinkType.Null, [7, 0, 0, 0, 1]),
        ("null cut short", LinkType.Null, [2, 0, 0]),
    ];

    public static TheoryData<string> Carriers => [.. s_carriers.Select(c => c.What)];

    public static TheoryData<string> Others => [.. s_others.Select(c => c.What)];

    [Theory]
    [MemberData(nameof(Carriers))]
    public void The_IP_packet_is_found(string what)
    {
        (_, int linkType, byte[] header, bool v6) = s_carriers.Single(c => c.What == what);
        byte[] packet = v6 ? s_v6 : s_v4;
        byte[] file = new CaptureBuilder(false).PcapHeader(linkType).PcapRecord(1, 0, [.. header, .. packet], header.Length + 1000).ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), what);
        Assert.True(reader.TryReadNext(out CapturedPacket captured));
        Assert.True(captured.IsIp);
        Assert.Equal(packet, captured.Packet.ToArray());
        Assert.Equal((header.Length, 1000), (captured.PacketOffset, captured.WireLength));
    }

    [Theory]
    [MemberData(nameof(Others))]
    public void A_frame_with_something_else_is_no_IP_and_no_error(string what)
    {
        (_, int linkType, byte[] frame) = s_others.Single(c => c.What == what);
        byte[] file = new CaptureBuilder(false).PcapHeader(linkType).PcapRecord(1, 0, frame).ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), what);
        Assert.True(reader.TryReadNext(out CapturedPacket captured));
        Assert.False(captured.IsIp);
        Assert.Equal((-1, 0, 0), (captured.PacketOffset, captured.Packet.Length, captured.WireLength));
        Assert.Equal(frame, captured.Frame.ToArray());
    }

    [Fact]
    public void Every_supported_link_type_is_tested()
    {
        IEnumerable<int> supported = Enumerable.Range(0, 1000).Where(LinkType.IsSupported);
        Assert.Equal(supported, s_carriers.Select(c => c.LinkType).Distinct().Order());
    }
}
