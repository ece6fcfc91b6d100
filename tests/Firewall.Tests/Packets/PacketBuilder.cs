using System.Buffers.Binary;
using System.Net;
using Firewall.Core.Packets;

namespace Firewall.Tests.Packets;

/// <summary>
/// Writes whole, correct packets (lengths and checksums included) for tests. Endpoints are texts: <c>10.0.0.4:22</c>,
/// <c>[2001:db8::1]:22</c>, and without a port <c>10.0.0.4</c>, <c>2001:db8::1</c>. To make a broken packet, make a right one and spoil it.
/// </summary>
public static class PacketBuilder
{
    public const byte DefaultTimeToLive = 64;

    /// <summary>A TCP segment; <paramref name="options"/> is padded with zeros to a multiple of four.</summary>
    public static byte[] Tcp(
        string source, string destination, TcpFlags flags, uint seq = 0, uint ack = 0, ushort window = 65535, int payload = 0, byte[]? options = null)
    {
        int optionLength = ((options?.Length ?? 0) + 3) & -4;
        byte[] segment = new byte[20 + optionLength + payload];
        WritePorts(segment, source, destination);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), seq);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), ack);
        segment[12] = (byte)((20 + optionLength) / 4 << 4);
        segment[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), window);
        options?.CopyTo(segment.AsSpan(20));
        FillPayload(segment.AsSpan(20 + optionLength));
        return Ip(source, destination, IpProtocol.Tcp, segment);
    }

    /// <summary>The option list of a SYN as common stacks send it; leave out what is null or false.</summary>
    public static byte[] TcpOptions(ushort? maximumSegmentSize = null, byte? windowScale = null, bool sackPermitted = false, uint? timestamp = null)
    {
        List<byte> list = [];
        if (maximumSegmentSize is ushort size) list.AddRange([2, 4, (byte)(size >> 8), (byte)size]);
        if (sackPermitted) list.AddRange([4, 2]);
        if (timestamp is uint value) list.AddRange([8, 10, (byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value, 0, 0, 0, 0]);
        if (windowScale is byte shift) list.AddRange([1, 3, 3, shift]);
        return [.. list];
    }

    public static byte[] Udp(string source, string destination, int payload = 0)
    {
        byte[] datagram = new byte[8 + payload];
        WritePorts(datagram, source, destination);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        FillPayload(datagram.AsSpan(8));
        return Ip(source, destination, IpProtocol.Udp, datagram);
    }

    /// <summary>An echo request or reply; ICMPv6 if the addresses are IPv6.</summary>
    public static byte[] IcmpEcho(string source, string destination, ushort id, ushort seq = 1, bool reply = false, int payload = 0)
    {
        bool v4 = AddressOf(source).IsIPv4;
        byte[] message = new byte[8 + payload];
        message[0] = v4 ? (byte)(reply ? 0 : 8) : (byte)(reply ? 129 : 128);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), seq);
        FillPayload(message.AsSpan(8));
        return Ip(source, destination, v4 ? IpProtocol.Icmp : IpProtocol.Icmpv6, message);
    }

    /// <summary>
    /// An ICMP or ICMPv6 error about <paramref name="embedded"/>, of which <paramref name="quote"/> bytes are quoted (-1: all; 28 is what old
    /// IPv4 routers send). <paramref name="rest"/> is the second word: unused, next-hop MTU, gateway, pointer.
    /// </summary>
    public static byte[] IcmpError(string source, string destination, byte type, byte code, byte[] embedded, int quote = -1, uint rest = 0)
    {
        ReadOnlySpan<byte> quoted = quote < 0 ? embedded : embedded.AsSpan(0, Math.Min(quote, embedded.Length));
        byte[] message = new byte[8 + quoted.Length];
        message[0] = type;
        message[1] = code;
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), rest);
        quoted.CopyTo(message.AsSpan(8));
        return Ip(source, destination, AddressOf(source).IsIPv4 ? IpProtocol.Icmp : IpProtocol.Icmpv6, message);
    }

    /// <summary>An IP packet around any payload; the checksum of a TCP, UDP or ICMP payload is filled in.</summary>
    public static byte[] Ip(string source, string destination, byte protocol, byte[] payload, byte timeToLive = DefaultTimeToLive)
    {
        IpAddress from = AddressOf(source);
        IpAddress to = AddressOf(destination);
        if (from.IsIPv4 != to.IsIPv4) throw new ArgumentException($"'{source}' and '{destination}' are of two address families.");
        int headerLength = from.IsIPv4 ? 20 : 40;
        byte[] packet = new byte[headerLength + payload.Length];
        if (from.IsIPv4)
        {
            packet[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), checked((ushort)packet.Length));
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), 0x1234);
            packet[6] = 0x40;
            packet[8] = timeToLive;
            packet[9] = protocol;
            from.WriteBytes(packet.AsSpan(12));
            to.WriteBytes(packet.AsSpan(16));
            WriteIPv4Checksum(packet);
        }
        else
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), checked((ushort)payload.Length));
            packet[6] = protocol;
            packet[7] = timeToLive;
            from.WriteBytes(packet.AsSpan(8));
            to.WriteBytes(packet.AsSpan(24));
        }

        payload.CopyTo(packet.AsSpan(headerLength));
        WriteTransportChecksum(packet.AsSpan(headerLength), protocol, from, to);
        return packet;
    }

    /// <summary>Puts IPv4 options (padded with zeros to a multiple of four) into a packet without any.</summary>
    public static byte[] WithIPv4Options(byte[] packet, byte[] options)
    {
        int length = (options.Length + 3) & -4;
        byte[] result = [.. packet[..20], .. options, .. new byte[length - options.Length], .. packet[20..]];
        result[0] = (byte)(0x45 + length / 4);
        BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(2), (ushort)result.Length);
        WriteIPv4Checksum(result);
        return result;
    }

    /// <summary>
    /// Puts extension headers between the fixed IPv6 header and what followed it. Each body is everything behind the next-header
    /// byte, so that its first byte is the header's own length byte.
    /// </summary>
    public static byte[] WithExtensions(byte[] packet, params (byte Type, byte[] Body)[] headers)
    {
        List<byte> chain = [];
        for (int i = 0; i < headers.Length; i++)
        {
            chain.Add(i + 1 < headers.Length ? headers[i + 1].Type : packet[6]);
            chain.AddRange(headers[i].Body);
        }

        byte[] result = [.. packet[..40], .. chain, .. packet[40..]];
        if (headers.Length > 0) result[6] = headers[0].Type;
        BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(4), (ushort)(result.Length - 40));
        return result;
    }

    /// <summary>The body of a destination or hop-by-hop header of the given size (a multiple of eight), filled with padding options.</summary>
    public static byte[] PaddingBody(int headerLength)
    {
        byte[] body = new byte[headerLength - 1];
        body[0] = (byte)(headerLength / 8 - 1);
        return body;
    }

    /// <summary>The body of a fragment header.</summary>
    public static byte[] FragmentBody(int offset, bool more, uint id)
    {
        byte[] body = new byte[7];
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(1), (ushort)(offset | (more ? 1 : 0)));
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(3), id);
        return body;
    }

    /// <summary>
    /// Cuts a packet (IPv4 without options, or IPv6 without extension headers) into fragments in order, with <paramref name="size"/>
    /// payload bytes (a multiple of eight) in each but the last.
    /// </summary>
    public static byte[][] Fragments(byte[] packet, int size, uint id)
    {
        bool v4 = packet[0] >> 4 == 4;
        int headerLength = v4 ? 20 : 40;
        byte[] payload = packet[headerLength..];
        List<byte[]> fragments = [];
        for (int offset = 0; offset < payload.Length; offset += size)
        {
            byte[] part = payload[offset..Math.Min(offset + size, payload.Length)];
            bool more = offset + size < payload.Length;
            byte[] fragment = [.. packet[..headerLength], .. part];
            if (v4)
            {
                BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(2), (ushort)fragment.Length);
                BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), (ushort)id);
                BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(6), (ushort)(offset / 8 | (more ? 0x2000 : 0)));
                WriteIPv4Checksum(fragment);
            }
            else
            {
                fragment = WithExtensions(fragment, (44, FragmentBody(offset, more, id)));
            }

            fragments.Add(fragment);
        }

        return [.. fragments];
    }

    /// <summary>
    /// One fragment of a packet (IPv4 without options, or IPv6, all of whose extension headers are fragmented too): any part of its payload,
    /// zeros where it reaches beyond. <paramref name="before"/> are extension headers in front of the fragment header.
    /// </summary>
    public static byte[] Fragment(byte[] packet, int offset, int length, bool more, uint id, params (byte Type, byte[] Body)[] before)
    {
        bool v4 = packet[0] >> 4 == 4;
        int headerLength = v4 ? 20 : 40;
        byte[] part = new byte[length];
        int start = Math.Min(headerLength + offset, packet.Length);
        packet.AsSpan(start, Math.Min(length, packet.Length - start)).CopyTo(part);
        byte[] fragment = [.. packet[..headerLength], .. part];
        if (!v4) return WithExtensions(fragment, [.. before, (44, FragmentBody(offset, more, id))]);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(2), (ushort)fragment.Length);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(4), (ushort)id);
        BinaryPrimitives.WriteUInt16BigEndian(fragment.AsSpan(6), (ushort)(offset / 8 | (more ? 0x2000 : 0)));
        WriteIPv4Checksum(fragment);
        return fragment;
    }

    /// <summary>The internet checksum (RFC 1071) over the bytes, as it is written on the wire.</summary>
    public static ushort Checksum(ReadOnlySpan<byte> bytes, uint start = 0)
    {
        ulong sum = start;
        for (int i = 0; i < bytes.Length; i += 2) sum += (uint)(bytes[i] << 8 | (i + 1 < bytes.Length ? bytes[i + 1] : 0));
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>True if the checksums of the IPv4 header and of a TCP, UDP or ICMP payload are right (no extension headers, no fragments).</summary>
    public static bool HasRightChecksums(ReadOnlySpan<byte> packet)
    {
        bool v4 = packet[0] >> 4 == 4;
        int headerLength = v4 ? (packet[0] & 15) * 4 : 40;
        if (v4 && Checksum(packet[..headerLength]) != 0) return false;
        byte protocol = v4 ? packet[9] : packet[6];
        IpAddress from = v4 ? IpAddress.ReadIPv4(packet[12..]) : IpAddress.ReadIPv6(packet[8..]);
        IpAddress to = v4 ? IpAddress.ReadIPv4(packet[16..]) : IpAddress.ReadIPv6(packet[24..]);
        ReadOnlySpan<byte> payload = packet[headerLength..];
        return Checksum(payload, protocol == IpProtocol.Icmp ? 0 : PseudoHeaderSum(from, to, protocol, payload.Length)) == 0;
    }

    /// <summary>The address of an endpoint text.</summary>
    public static IpAddress AddressOf(string endpoint) => Split(endpoint).Address;

    private static (IpAddress Address, ushort Port) Split(string endpoint)
    {
        bool hasPort = endpoint.StartsWith('[') || (endpoint.Contains('.', StringComparison.Ordinal) && endpoint.Contains(':', StringComparison.Ordinal));
        if (hasPort)
        {
            IPEndPoint parsed = IPEndPoint.Parse(endpoint);
            return (IpAddress.From(parsed.Address), (ushort)parsed.Port);
        }

        return (IpAddress.From(IPAddress.Parse(endpoint)), 0);
    }

    private static void WritePorts(Span<byte> header, string source, string destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(header, Split(source).Port);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], Split(destination).Port);
    }

    // Recognisable in a dump, and different at every place, so that a test sees moved bytes.
    private static void FillPayload(Span<byte> payload)
    {
        for (int i = 0; i < payload.Length; i++) payload[i] = (byte)('a' + i % 26);
    }

    private static void WriteIPv4Checksum(Span<byte> packet)
    {
        Span<byte> header = packet[..((packet[0] & 15) * 4)];
        header[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], Checksum(header));
    }

    private static void WriteTransportChecksum(Span<byte> payload, byte protocol, IpAddress from, IpAddress to)
    {
        (int offset, int least) = protocol switch
        {
            IpProtocol.Tcp => (16, 20),
            IpProtocol.Udp => (6, 8),
            IpProtocol.Icmp or IpProtocol.Icmpv6 => (2, 4),
            _ => (0, int.MaxValue),
        };
        if (payload.Length < least) return;
        payload.Slice(offset, 2).Clear();
        uint pseudo = protocol == IpProtocol.Icmp ? 0 : PseudoHeaderSum(from, to, protocol, payload.Length);
        ushort sum = Checksum(payload, pseudo);
        if (sum == 0 && protocol == IpProtocol.Udp) sum = 0xFFFF;
        BinaryPrimitives.WriteUInt16BigEndian(payload[offset..], sum);
    }

    private static uint PseudoHeaderSum(IpAddress from, IpAddress to, byte protocol, int length)
    {
        Span<byte> addresses = stackalloc byte[32];
        int half = from.WriteBytes(addresses);
        to.WriteBytes(addresses[half..]);
        uint sum = protocol + (uint)length;
        for (int i = 0; i < 2 * half; i += 2) sum += BinaryPrimitives.ReadUInt16BigEndian(addresses[i..]);
        return sum;
    }
}
