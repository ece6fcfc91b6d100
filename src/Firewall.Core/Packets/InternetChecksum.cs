using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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
        uint pseudo = protocol + (uint)message.Length + (uint)(ushort)~Of(addresses[..length]);
        return Of(message, pseudo);
    }

    /// <summary>The checksum of some bytes, as a number: zero if they hold their right one.</summary>
    /// <param name="bytes">An odd number of them counts as if a zero followed.</param>
    /// <param name="start">A sum of 16-bit numbers to begin with.</param>
    public static ushort Of(ReadOnlySpan<byte> bytes, uint start = 0)
    {
        // Added up in the machine's byte order and swapped at the end, which comes to the same (RFC 1071 section 2 (B)).
        ulong sum = 0;
        if (bytes.Length >= Vector256<byte>.Count)
        {
            ReadOnlySpan<Vector256<uint>> blocks = MemoryMarshal.Cast<byte, Vector256<uint>>(bytes);
            Vector256<ulong> sums = Vector256<ulong>.Zero;
            foreach (Vector256<uint> block in blocks)
            {
                (Vector256<ulong> low, Vector256<ulong> high) = Vector256.Widen(block);
                sums += low + high;
            }

            sum = Vector256.Sum(sums);
            bytes = bytes[(blocks.Length * Vector256<byte>.Count)..];
        }

        foreach (uint word in MemoryMarshal.Cast<byte, uint>(bytes)) sum += word;
        bytes = bytes[(bytes.Length & ~3)..];
        if (bytes.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(bytes);
            bytes = bytes[2..];
        }

        if (!bytes.IsEmpty) sum += bytes[0];
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
        while (sum >> 16 != 0) sum = (sum & 0xFFFF) + (sum >> 16);
        uint total = BinaryPrimitives.ReverseEndianness((ushort)sum) + (start & 0xFFFF) + (start >> 16);
        while (total >> 16 != 0) total = (total & 0xFFFF) + (total >> 16);
        return (ushort)~total;
    }
}
