using Firewall.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Devices.Captures;

public class CaptureReaderTests
{
    private static readonly byte[] s_udp = PacketBuilder.Udp("203.0.113.5:40000", "10.0.0.4:53", 5);
    private static readonly byte[] s_udp6 = PacketBuilder.Udp("[2001:db8::5]:40000", "[fd00::4]:53", 5);

    private sealed record Row(long Number, long Timestamp, int LinkType, byte[] Packet, int WireLength, bool IsIp);

    [Theory]
    [InlineData(false, 0xA1B2C3D4, 123_456, 123_456_000)]
    [InlineData(true, 0xA1B2C3D4, 123_456, 123_456_000)]
    [InlineData(false, 0xA1B23C4D, 123_456_789, 123_456_789)]
    [InlineData(true, 0xA1B23C4D, 123_456_789, 123_456_789)]
    public void Classic_files_are_read_in_both_byte_orders_and_resolutions(bool bigEndian, uint magic, uint fraction, int nanoseconds)
    {
        byte[] file = new CaptureBuilder(bigEndian).PcapHeader(LinkType.Raw, magic)
            .PcapRecord(4_000_000_000, fraction, s_udp)
            .PcapRecord(4_000_000_001, 0, s_udp6[..44], wireLength: s_udp6.Length).ToArray();
        List<Row> rows = ReadAll(file);
        Assert.Equal(2, rows.Count);
        Assert.Equal((1, 4_000_000_000_000_000_000 + nanoseconds, LinkType.Raw), (rows[0].Number, rows[0].Timestamp, rows[0].LinkType));
        Assert.Equal(s_udp, rows[0].Packet);
        Assert.Equal((2, s_udp6.Length), (rows[1].Number, rows[1].WireLength));
        Assert.Equal(s_udp6[..44], rows[1].Packet);
    }

    [Fact]
    public void The_lengths_of_old_classic_files_are_the_other_way_round()
    {
        byte[] file = new CaptureBuilder(false).PcapHeader(LinkType.Raw, minor: 2)
            .U32(1).U32(0).U32((uint)s_udp.Length).U32(28).Raw(s_udp[..28]).ToArray();
        Row row = Assert.Single(ReadAll(file));
        Assert.Equal((28, s_udp.Length), (row.Packet.Length, row.WireLength));
    }

    [Fact]
    public void Files_of_the_patched_libpcap_have_longer_record_headers()
    {
        byte[] file = new CaptureBuilder(false).PcapHeader(LinkType.Raw, 0xA1B2CD34)
            .U32(1).U32(0).U32((uint)s_udp.Length).U32((uint)s_udp.Length).U32(9).U32(9).Raw(s_udp).ToArray();
        Assert.Equal(s_udp, Assert.Single(ReadAll(file)).Packet);
    }

    [Fact]
    public void The_checksum_length_beside_the_link_type_is_ignored() =>
        Assert.Equal(s_udp, Assert.Single(ReadAll(new CaptureBuilder(false).PcapHeader(LinkType.Raw | 0x1400_0000).PcapRecord(1, 0, s_udp).ToArray())).Packet);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void All_packet_blocks_of_pcapng_are_read_and_others_stepped_over(bool bigEndian)
    {
        byte[] ethernet = [.. new byte[12], 8, 0, .. s_udp];
        byte[] file = new CaptureBuilder(bigEndian).Section()
            .Interface(LinkType.Ethernet)
            .Block(5, b => b.U32(0).U32(0).U32(0))
            .Interface(LinkType.Raw, snapLength: 30, resolution: 9)
            .Block(0x4242, b => b.Raw(new byte[70_000]))
            .Enhanced(0, 1_700_000_000_000_001, ethernet, withOptions: true)
            .Enhanced(1, 1_700_000_000_000_000_002, s_udp6[..45], s_udp6.Length)
            .Obsolete(1, 1_700_000_000_000_000_003, s_udp)
            .Simple(ethernet, ethernet.Length)
            .ToArray();
        List<Row> rows = ReadAll(file);
        Assert.Equal([1L, 2, 3, 4], rows.Select(r => r.Number));
        Assert.Equal([1_700_000_000_000_001_000, 1_700_000_000_000_000_002, 1_700_000_000_000_000_003, 1_700_000_000_000_000_003], rows.Select(r => r.Timestamp));
        Assert.Equal([LinkType.Ethernet, LinkType.Raw, LinkType.Raw, LinkType.Ethernet], rows.Select(r => r.LinkType));
        Assert.Equal([s_udp, s_udp6[..45], s_udp, s_udp], rows.Select(r => r.Packet));
        Assert.Equal([s_udp.Length, s_udp6.Length, s_udp.Length, s_udp.Length], rows.Select(r => r.WireLength));
    }

    [Fact]
    public void A_simple_packet_block_is_cut_by_the_snap_length()
    {
        byte[] file = new CaptureBuilder(false).Section().Interface(LinkType.Raw, snapLength: 30).Simple(s_udp[..30], s_udp.Length).ToArray();
        Row row = Assert.Single(ReadAll(file));
        Assert.Equal((30, s_udp.Length, 0L), (row.Packet.Length, row.WireLength, row.Timestamp));
    }

    [Fact]
    public void Each_section_has_its_own_byte_order_and_interfaces()
    {
        byte[] first = new CaptureBuilder(false).Section().Interface(LinkType.Raw).Enhanced(0, 1, s_udp).ToArray();
        byte[] second = new CaptureBuilder(true).Section().Interface(LinkType.Loop).Enhanced(0, 2, [0, 0, 0, 2, .. s_udp]).ToArray();
        Assert.Equal([s_udp, s_udp], ReadAll([.. first, .. second]).Select(r => r.Packet));
        byte[] bare = new CaptureBuilder(true).Section().Enhanced(0, 2, s_udp).ToArray();
        CaptureException e = Assert.Throws<CaptureException>(() => ReadAll([.. first, .. bare]));
        Assert.Contains("interface 0", e.Message, StringComparison.Ordinal);
        Assert.Equal(first.Length + 28, e.Offset);
    }

    [Theory]
    [InlineData(3, 1_700_000_000_123ul, 0L, 1_700_000_000_123_000_000)]
    [InlineData(0, 1_700_000_000ul, 0L, 1_700_000_000_000_000_000)]
    [InlineData(9, 5ul, 0L, 5)]
    [InlineData(12, 5_000ul, 0L, 5)]
    [InlineData(127, 5_000ul, 0L, 0)]
    [InlineData(0x80 | 1, 3ul, 0L, 1_500_000_000)]
    [InlineData(0x80 | 32, 0x1_8000_0000ul, 0L, 1_500_000_000)]
    [InlineData(6, 5ul, 100L, 100_000_005_000)]
    [InlineData(6, 5ul, -100L, 0)]
    [InlineData(0, ulong.MaxValue, 0L, long.MaxValue)]
    public void Timestamps_of_every_resolution_become_nanoseconds(byte resolution, ulong time, long offset, long expected)
    {
        byte[] file = new CaptureBuilder(true).Section().Interface(LinkType.Raw, resolution: resolution, offset: offset).Enhanced(0, time, s_udp).ToArray();
        Assert.Equal(expected, Assert.Single(ReadAll(file)).Timestamp);
    }

    [Fact]
    public void A_stream_that_is_not_seekable_and_gives_a_byte_at_a_time_is_read_alike()
    {
        byte[] file = new CaptureBuilder(false).Section().Interface(LinkType.Raw).Enhanced(0, 1, s_udp).Enhanced(0, 2, s_udp6).ToArray();
        using CaptureReader reader = CaptureReader.Open(new TrickleStream(file), "trickle");
        Assert.Null(reader.TotalBytes);
        Assert.True(reader.TryReadNext(out CapturedPacket packet));
        Assert.True(packet.Packet.SequenceEqual(s_udp));
        Assert.InRange(reader.BytesRead, s_udp.Length, file.Length - 1);
        Assert.True(reader.TryReadNext(out packet));
        Assert.True(packet.Packet.SequenceEqual(s_udp6));
        Assert.False(reader.TryReadNext(out _));
        Assert.Equal(file.Length, reader.BytesRead);
    }

    [Fact]
    public void A_seekable_file_tells_its_length_for_progress()
    {
        byte[] file = new CaptureBuilder(false).PcapHeader(LinkType.Raw).PcapRecord(1, 0, s_udp).ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), "memory");
        Assert.Equal((file.Length, 24), (reader.TotalBytes, reader.BytesRead));
    }

    [Fact]
    public void Reading_packets_allocates_nothing()
    {
        CaptureBuilder builder = new CaptureBuilder(false).Section().Interface(LinkType.Raw);
        for (uint i = 0; i < 3000; i++) builder.Enhanced(0, i, s_udp);
        byte[] file = builder.ToArray();

        // The runtime may allocate on this thread when it exchanges a method's code for a better one: the least of a few rounds counts.
        long least = long.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), "memory");
            Assert.True(reader.TryReadNext(out _));
            long before = GC.GetAllocatedBytesForCurrentThread();
            int count = 1;
            while (reader.TryReadNext(out _)) count++;
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.Equal(3000, count);
        }

        Assert.Equal(0, least);
    }

    private static List<Row> ReadAll(byte[] file)
    {
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(file), "test");
        List<Row> rows = [];
        while (reader.TryReadNext(out CapturedPacket p)) rows.Add(new Row(p.Number, p.Timestamp, p.LinkType, p.Packet.ToArray(), p.WireLength, p.IsIp));
        return rows;
    }

    private sealed class TrickleStream(byte[] bytes) : Stream
    {
        private int _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (_position == bytes.Length || count == 0) return 0;
            buffer[offset] = bytes[_position++];
            return 1;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
