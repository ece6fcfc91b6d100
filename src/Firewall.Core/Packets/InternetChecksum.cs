using System.Buffers.Binary;

namespace Firewall.Core.Packets;

/// <summary>The internet checksum (RFC 1071).</summary>
public static class InternetChecksum
{
    /// <summary>
    /// The checksum of a TCP, UDP or ICMPv6 message behind its pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1). The message's
    /// own checksum field must be zero; over a message that holds its right checksum the result is zero.
    /// </summary>
    public static ushort ForTransport(ReadOnlySpan<byte> message, byte protocol, IpAddress source, IpAddress destination)
    {
        Span<byte> addresses = stackalloc byte[32];
        int half = source.WriteBytes(addresses);
        int length = half + destination.WriteBytes(addresses[half..]);
        ulong sum = Add(message, Add(addresses[..length], protocol + (ulong)message.Length));
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    private static ulong Add(ReadOnlySpan<byte> bytes, ulong sum)
    {
        for (; bytes.Length >= 4; bytes = bytes[4..]) sum += BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if (bytes.Length >= 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
            bytes = bytes[2..];
        }

        return bytes.IsEmpty ? sum : sum + ((ulong)bytes[0] << 8);
    }
}
