using System.Text;
using Firewall.Core.Packets;
using Firewall.Devices.Captures;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Devices.Captures;

/// <summary>What the pcapng writer writes, the reader reads.</summary>
public sealed class PcapngWriterTests
{
    [Fact]
    public void Packets_come_back_with_time_and_length_and_a_comment_beside_them()
    {
        using var file = new MemoryStream();
        var writer = new PcapngWriter(file, "firewall", "fw0", 128);
        byte[][] packets = [.. Enumerable.Range(1, 9).Select(n => PacketBuilder.Tcp("203.0.113.5:40003", $"10.0.0.{n}:23", TcpFlags.Syn, payload: n))];
        for (int i = 0; i < packets.Length; i++) writer.Write(1_772_446_521_000_000_000 + i, packets[i], packets[i].Length + i, $"Denied \u2026 {i}");
        byte[] bytes = file.ToArray();
        using CaptureReader reader = CaptureReader.Open(new MemoryStream(bytes), "drops.pcapng");
        for (int i = 0; i < packets.Length; i++)
        {
            Assert.True(reader.TryReadNext(out CapturedPacket packet));
            Assert.Equal(packets[i], packet.Packet.ToArray());
            Assert.Equal((1_772_446_521_000_000_000 + i, packets[i].Length + i, LinkType.Raw), (packet.Timestamp, packet.WireLength, packet.LinkType));
            Assert.True(bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"Denied \u2026 {i}")) > 0);
        }

        Assert.False(reader.TryReadNext(out _));
    }
}
