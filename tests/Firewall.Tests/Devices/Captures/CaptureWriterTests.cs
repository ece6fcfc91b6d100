using Firewall.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Devices.Captures;

public class CaptureWriterTests
{
    private static readonly byte[] s_udp = PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53", 5);
    private static readonly byte[] s_udp6 = PacketBuilder.Udp("[2001:db8::5]:40000", "[fd00::4]:53", 5);
    private static readonly byte[] s_ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, .. s_udp];
    private static readonly byte[] s_arp = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0];

    [Theory]
    [InlineData(0xA1B2C3D4)]
    [InlineData(0xA1B23C4D)]
    public void A_classic_file_comes_out_as_it_went_in(uint magic)
    {
        byte[] file = new CaptureBuilder(false).PcapHeader(LinkType.Ethernet, magic)
            .PcapRecord(1_700_000_000, 999_999, s_ethernet, 1500).PcapRecord(1_700_000_001, 7, s_arp).ToArray();
        byte[] copy = Copy(file);
        Assert.Equal(file[40..], copy[40..]);
        Assert.Equal(file[..4], copy[..4]);
    }

    [Fact]
    public void Several_link_types_become_raw_IP_without_the_frames_that_carry_none()
    {
        byte[] file = new CaptureBuilder(false).Section().Interface(LinkType.Ethernet, resolution: 9).Interface(LinkType.Loop)
            .Enhanced(0, 5, s_ethernet, 100).Enhanced(0, 6, s_arp).Enhanced(1, 7_000, [0, 0, 0, 30, .. s_udp6]).ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(Copy(file)), "copy");
        Assert.True(reader.HasNanoseconds);
        Assert.Equal([LinkType.Raw], reader.LinkTypes);
        Assert.True(reader.TryReadNext(out CapturedPacket packet));
        Assert.Equal((5L, 100 - 14), (packet.Timestamp, packet.WireLength));
        Assert.Equal(s_udp, packet.Packet.ToArray());
        Assert.True(reader.TryReadNext(out packet));
        Assert.Equal(7_000_000L, packet.Timestamp);
        Assert.Equal(s_udp6, packet.Packet.ToArray());
        Assert.False(reader.TryReadNext(out _));
    }

    [Theory]
    [InlineData(LinkType.Ethernet)]
    [InlineData(LinkType.LinuxCooked)]
    [InlineData(LinkType.LinuxCooked2)]
    [InlineData(LinkType.Null)]
    [InlineData(LinkType.Loop)]
    [InlineData(LinkType.IPv4)]
    public void An_interface_that_comes_late_is_fitted_into_the_file(int linkType)
    {
        byte[] header = new byte[20];
        byte[] first = [.. header[..LinkLayer.WriteHeader(linkType, isIPv4: true, header)], .. s_udp];
        byte[] file = new CaptureBuilder(false).Section().Interface(linkType).Enhanced(0, 1_000, first)
            .Interface(LinkType.Raw).Enhanced(1, 2_000, s_udp, 400).Enhanced(1, 3_000, s_udp6).ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(Copy(file)), "copy");
        Assert.Equal([linkType], reader.LinkTypes);
        Assert.True(reader.TryReadNext(out CapturedPacket packet));
        Assert.Equal(s_udp, packet.Packet.ToArray());
        Assert.True(reader.TryReadNext(out packet));
        Assert.Equal(s_udp, packet.Packet.ToArray());
        Assert.Equal((2_000_000L, 400), (packet.Timestamp, packet.WireLength));

        // A file for IPv4 alone has no place for IPv6.
        Assert.Equal(linkType != LinkType.IPv4, reader.TryReadNext(out packet));
        if (linkType != LinkType.IPv4) Assert.Equal(s_udp6, packet.Packet.ToArray());
    }

    [Fact]
    public void A_file_without_packets_is_a_whole_file()
    {
        byte[] copy = Copy(new CaptureBuilder(true).PcapHeader(LinkType.LinuxCooked).ToArray());
        Assert.Equal(24, copy.Length);
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(copy), "copy");
        Assert.Equal([LinkType.LinuxCooked], reader.LinkTypes);
        Assert.False(reader.TryReadNext(out _));
    }

    private static byte[] Copy(byte[] file)
    {
        MemoryStream target = new();
        using (CaptureReader reader = CaptureReader.Open(new MemoryStream(file), "source"))
        using (CaptureWriter writer = new(target, reader))
        {
            while (reader.TryReadNext(out CapturedPacket packet)) writer.Write(in packet);
        }

        return target.ToArray();
    }
}
