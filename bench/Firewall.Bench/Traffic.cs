using System.Buffers.Binary;

namespace Firewall.Bench;

/// <summary>Packets for benchmarks: numbered UDP and TCP flows from the outside to one inside host.</summary>
internal static class Traffic
{
    private const uint Server = 0x0A000004;

    /// <summary>A UDP datagram of 64 bytes of the flow of that number.</summary>
    public static byte[] Udp(int flow)
    {
        byte[] packet = Ip(flow, 17, 64);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(22), 53);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(24), 44);
        return packet;
    }

    /// <summary>A TCP segment of the flow of that number: SYN, SYN/ACK (in reply) or data behind the handshake.</summary>
    public static byte[] Tcp(int flow, byte flags, int payload = 0)
    {
        const byte Syn = 0x02;
        const byte SynAck = 0x12;
        byte[] packet = Ip(flow, 6, 40 + payload);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(22), 443);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(24), flags == Syn ? 1000u : flags == SynAck ? 5000u : 1001u);
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(28), flags == Syn ? 0u : flags == SynAck ? 1001u : 5001u);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(34), 65_000);
        packet[32] = 0x50;
        packet[33] = flags;
        if (flags == SynAck)
        {
            packet.AsSpan(12, 4).CopyTo(packet.AsSpan(16));
            BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(12), Server);
            packet.AsSpan(20, 2).CopyTo(packet.AsSpan(22));
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(20), 443);
        }

        return packet;
    }

    private static byte[] Ip(int flow, byte protocol, int length)
    {
        byte[] packet = new byte[length];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)length);
        packet[8] = 64;
        packet[9] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(16), Server);
        Number(packet, flow);
        return packet;
    }

    /// <summary>Makes a packet to the server one of the flow of that number.</summary>
    public static void Number(Span<byte> packet, int flow)
    {
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], 0xCB000000 + (uint)(flow >> 14));
        BinaryPrimitives.WriteUInt16BigEndian(packet[20..], (ushort)(1024 + (flow & 0x3FFF)));
    }
}
