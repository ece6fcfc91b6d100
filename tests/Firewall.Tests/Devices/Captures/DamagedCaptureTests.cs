using CsCheck;
using Firewall.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Devices.Captures;

public class DamagedCaptureTests
{
    private static readonly byte[] s_udp = PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53", 5);

    private static readonly byte[] s_pcap = new CaptureBuilder(true).PcapHeader(LinkType.Raw).PcapRecord(1, 0, s_udp).PcapRecord(2, 0, s_udp).ToArray();

    private static readonly byte[] s_pcapng = new CaptureBuilder(true).Section().Interface(LinkType.Raw)
        .Enhanced(0, 1, s_udp, withOptions: true).Block(99, b => b.U32(1)).Obsolete(0, 2, s_udp).Simple(s_udp, s_udp.Length).ToArray();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cut_off_anywhere_a_file_gives_its_whole_packets_and_then_says_where_it_ends(bool isNg)
    {
        byte[] file = isNg ? s_pcapng : s_pcap;
        int whole = Count(file, out CaptureException? none);
        Assert.Null(none);
        int last = 0;
        for (int length = 0; length < file.Length; length++)
        {
            int count = Count(file[..length], out CaptureException? fault);
            Assert.InRange(count, last, whole);
            last = count;
            if (fault is null) continue;
            Assert.InRange(fault.Offset, 0, length);
            Assert.Contains($"test: byte {fault.Offset}: ", fault.Message, StringComparison.Ordinal);
            Assert.Contains(length == 0 ? "empty" : length < 4 ? "neither" : "ends within", fault.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Spoiled_bytes_give_packets_or_a_capture_exception_and_nothing_else(bool isNg) =>
        Gen.Int.Sample(
            seed =>
            {
                Random random = new(seed);
                byte[] file = [.. isNg ? s_pcapng : s_pcap];
                for (int i = random.Next(1, 6); i > 0; i--) file[random.Next(file.Length)] = (byte)random.Next(256);
                Count(file, out _);
            },
            iter: 5000);

    [Theory]
    [InlineData(0x7FFF_FFFFu)]
    [InlineData(0xFFFF_FFFFu)]
    [InlineData(262_145u)]
    public void A_huge_packet_length_is_refused_without_allocating_for_it(uint length)
    {
        byte[] pcap = new CaptureBuilder(false).PcapHeader(LinkType.Raw).U32(1).U32(0).U32(length).U32(length).Raw(new byte[100]).ToArray();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Count(pcap, out CaptureException? fault);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        Assert.Contains($"a packet of {length} bytes", fault!.Message, StringComparison.Ordinal);
        Assert.Equal(24, fault.Offset);

        byte[] pcapng = new CaptureBuilder(false).Section().Interface(LinkType.Raw)
            .Block(6, b => b.U32(0).U32(0).U32(0).U32(length).U32(length).Raw(new byte[100])).ToArray();
        Count(pcapng, out fault);
        Assert.Contains($"a packet of {length} bytes", fault!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_packet_of_256_KiB_is_read()
    {
        byte[] big = new byte[262_144];
        Assert.Equal(2, Count(new CaptureBuilder(false).PcapHeader(LinkType.Raw).PcapRecord(1, 0, s_udp).PcapRecord(1, 0, big).ToArray(), out CaptureException? fault));
        Assert.Null(fault);
    }

    [Fact]
    public void Faults_of_pcapng_blocks_are_named()
    {
        AssertFault("a block length of 9", Ng().U32(6).U32(9));
        AssertFault("a block length of 8", Ng().U32(6).U32(8));
        AssertFault("repeats its length", Ng().U32(99).U32(16).U32(0).U32(20));
        AssertFault("too short for a packet", Ng().Block(6, b => b.U32(0).U32(0).U32(0).U32(5).U32(5)));
        AssertFault("too short for a packet block", Ng().Block(6, b => b.U32(0)));
        AssertFault("too short for an interface description", Ng().Block(1, b => b.U32(0)));
        AssertFault("belongs to interface 1", Ng().Enhanced(1, 0, s_udp));
        AssertFault("byte-order magic", Ng().Block(0x0A0D0D0A, b => b.U32(0x12345678).U32(0).U32(0).U32(0)));
        AssertFault("version 2.0", Ng().Block(0x0A0D0D0A, b => b.U32(0x1A2B3C4D).U16(2).U16(0).U32(0).U32(0)));
    }

    [Theory]
    [InlineData(105, "105 (IEEE802_11)")]
    [InlineData(9999, "link type 9999 ")]
    public void An_unsupported_link_type_is_named_with_what_is_supported(int linkType, string text)
    {
        Count(new CaptureBuilder(false).PcapHeader(linkType).ToArray(), out CaptureException? fault);
        Assert.Contains(text, fault!.Message, StringComparison.Ordinal);
        Assert.Contains("Ethernet (1)", fault.Message, StringComparison.Ordinal);

        // In pcapng only a packet of the interface is a fault; the others are read.
        byte[] file = Ng().Interface(linkType).Enhanced(0, 1, s_udp).Enhanced(1, 1, s_udp).ToArray();
        Assert.Equal(1, Count(file, out fault));
        Assert.Contains(text, fault!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0x1F, 0x8B, 8, 0, 0 }, "gzip")]
    [InlineData(new byte[] { 0x28, 0xB5, 0x2F, 0xFD }, "zstd")]
    [InlineData(new byte[] { 0xFD, 0x37, 0x7A, 0x58, 0x5A }, "xz")]
    [InlineData(new byte[] { 0x50, 0x4B, 3, 4 }, "zip")]
    [InlineData(new byte[] { 0x73, 0x6E, 0x6F, 0x6F, 0x70 }, "snoop")]
    [InlineData(new byte[] { 0x7B, 0x22, 0x61, 0x22, 0x3A }, "begins with 7B226122")]
    public void A_foreign_file_is_told_what_it_is(byte[] file, string text)
    {
        Count(file, out CaptureException? fault);
        Assert.Contains("neither a pcap nor a pcapng", fault!.Message, StringComparison.Ordinal);
        Assert.Contains(text, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_version_is_refused()
    {
        Count(new CaptureBuilder(false).PcapHeader(1, major: 3).ToArray(), out CaptureException? fault);
        Assert.Contains("version 3.4", fault!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_missing_or_a_directory_is_named()
    {
        CaptureException missing = Assert.Throws<CaptureException>(() => CaptureReader.OpenFile("/no/such/file.pcap"));
        Assert.Equal("/no/such/file.pcap: there is no such file.", missing.Message);
        CaptureException directory = Assert.Throws<CaptureException>(() => CaptureReader.OpenFile(Path.GetTempPath()));
        Assert.Contains("directory", directory.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_a_fault_there_is_nothing_more()
    {
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(s_pcap[..^1]), "test");
        Assert.True(reader.TryReadNext(out _));
        bool thrown = false;
        try
        {
            reader.TryReadNext(out _);
        }
        catch (CaptureException)
        {
            thrown = true;
        }

        Assert.True(thrown);
        Assert.False(reader.TryReadNext(out _));
    }

    private static CaptureBuilder Ng() => new CaptureBuilder(false).Section().Interface(LinkType.Raw);

    private static void AssertFault(string text, CaptureBuilder builder)
    {
        Count(builder.ToArray(), out CaptureException? fault);
        Assert.Contains(text, fault?.Message, StringComparison.Ordinal);
    }

    private static int Count(byte[] file, out CaptureException? fault)
    {
        int count = 0;
        fault = null;
        try
        {
            using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), "test");
            while (reader.TryReadNext(out _)) count++;
        }
        catch (CaptureException e)
        {
            fault = e;
        }

        return count;
    }
}
