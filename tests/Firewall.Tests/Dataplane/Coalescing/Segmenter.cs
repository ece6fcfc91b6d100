using System.Buffers.Binary;
using Firewall.Core.Packets;
using Firewall.Tests.Packets;

namespace Firewall.Tests.Dataplane.Coalescing;

/// <summary>
/// What the kernel, or a network card, makes of a frame (virtio-net header and packet): the packets of the wire, with finished checksums.
/// Written from the description of the header and of segmentation (Virtio 1.2, section 5.1.6.2), not from the coalescer.
/// </summary>
internal static class Segmenter
{
    private const int DeviceHeader = 10;

    /// <summary>The packets that a frame stands for.</summary>
    public static List<byte[]> Cut(ReadOnlySpan<byte> frame)
    {
        byte[] packet = frame[DeviceHeader..].ToArray();
        bool needsChecksum = (frame[0] & 1) != 0;
        int start = BinaryPrimitives.ReadUInt16LittleEndian(frame[6..]);
        int place = BinaryPrimitives.ReadUInt16LittleEndian(frame[8..]);
        if (frame[1] == 0)
        {
            if (needsChecksum) FinishChecksum(packet, start, place);
            return [packet];
        }

        if (!needsChecksum) throw new InvalidOperationException("A super-packet without a checksum to finish.");
        if (BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(start + place)) != PseudoSum(packet, start))
            throw new InvalidOperationException("The checksum field does not hold the sum of the pseudo header.");
        int headers = BinaryPrimitives.ReadUInt16LittleEndian(frame[2..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(frame[4..]);
        bool v4 = packet[0] >> 4 == 4;
        bool tcp = frame[1] is 1 or 4;
        if (tcp && frame[1] != (v4 ? 1 : 4)) throw new InvalidOperationException("The kind does not fit the IP version.");
        if (!tcp && frame[1] != 5) throw new InvalidOperationException($"Kind {frame[1]} is not one that a coalescer makes.");
        if (packet.Length - headers <= size) throw new InvalidOperationException("A super-packet of one packet.");
        if (v4 && PacketBuilder.Checksum(packet.AsSpan(0, start)) != 0) throw new InvalidOperationException("The IPv4 header's checksum is wrong.");
        int claimed = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(v4 ? 2 : 4)) + (v4 ? 0 : 40);
        if (claimed != packet.Length) throw new InvalidOperationException("The IP length is not that of the packet.");

        var cut = new List<byte[]>();
        for (int at = headers; at < packet.Length; at += size)
        {
            bool last = at + size >= packet.Length;
            byte[] part = [.. packet[..headers], .. packet[at..Math.Min(at + size, packet.Length)]];
            if (v4)
            {
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(2), (ushort)part.Length);
                ushort id = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(4));
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(4), (ushort)(id + cut.Count));
                FinishIPv4(part);
            }
            else
            {
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(4), (ushort)(part.Length - 40));
            }

            if (tcp)
            {
                uint sequence = BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(start + 4));
                BinaryPrimitives.WriteUInt32BigEndian(part.AsSpan(start + 4), sequence + (uint)(at - headers));
                if (!last) part[start + 13] &= 0xF6; // neither FIN nor PSH
            }
            else
            {
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(start + 4), (ushort)(part.Length - start));
            }

            BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(start + place), PseudoSum(part, start));
            FinishChecksum(part, start, place);
            cut.Add(part);
        }

        return cut;
    }

    /// <summary>Fills in the checksum of an IPv4 header.</summary>
    public static void FinishIPv4(Span<byte> packet)
    {
        packet[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], PacketBuilder.Checksum(packet[..((packet[0] & 15) * 4)]));
    }

    /// <summary>The folded sum of the pseudo header.</summary>
    public static ushort PseudoSum(ReadOnlySpan<byte> packet, int start)
    {
        bool v4 = packet[0] >> 4 == 4;
        uint first = (uint)(packet.Length - start) + packet[v4 ? 9 : 6];
        return (ushort)~PacketBuilder.Checksum(packet[(v4 ? 12 : 8)..(v4 ? 20 : 40)], first);
    }

    private static void FinishChecksum(Span<byte> packet, int start, int place)
    {
        ushort sum = PacketBuilder.Checksum(packet[start..]);
        if (sum == 0 && packet[packet[0] >> 4 == 4 ? 9 : 6] == IpProtocol.Udp) sum = 0xFFFF;
        BinaryPrimitives.WriteUInt16BigEndian(packet[(start + place)..], sum);
    }
}
