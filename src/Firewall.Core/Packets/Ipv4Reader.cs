using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Firewall.Core.Packets;

/// <summary>The IPv4 header (RFC 791 section 3.1).</summary>
internal static class Ipv4Reader
{
    /// <summary>Bytes of a header without options.</summary>
    public const int MinHeaderLength = 20;

    /// <summary>The longest datagram, header included.</summary>
    public const int MaxLength = 65_535;

    private const int MoreFragmentsBit = 0x2000;
    private const int OffsetMask = 0x1FFF;

    /// <summary>Reads the header and what is behind it. The first byte's version is already known to be 4.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MalformedReason Read(ReadOnlySpan<byte> bytes, int wireLength, ref PacketInfo info)
    {
        if (bytes.Length < MinHeaderLength) return MalformedReason.Truncated;
        int headerLength = ReadFixedHeader(bytes, ref info, out int length, out int fragmentField);
        if (headerLength < MinHeaderLength || headerLength > wireLength) return MalformedReason.IPv4HeaderLength;
        if (length < headerLength || length > wireLength) return MalformedReason.IpTotalLength;
        if (headerLength > bytes.Length) return MalformedReason.Truncated;
        info.TransportOffset = headerLength;
        info.PayloadLength = length - headerLength;
        if ((fragmentField & (MoreFragmentsBit | OffsetMask)) != 0)
        {
            MalformedReason fault = ReadFragment(bytes, fragmentField, ref info);
            if (fault != MalformedReason.None || info.IsLaterFragment) return fault;
        }

        return TransportReader.Read(bytes[headerLength..], length - headerLength, ref info);
    }

    /// <summary>
    /// Reads the fixed 20 bytes without judging them.
    /// </summary>
    /// <param name="bytes">At least 20 bytes.</param>
    /// <param name="info">Gets addresses, protocol, time to live and length.</param>
    /// <param name="length">The packet's length that the header claims.</param>
    /// <param name="fragmentField">Flags and fragment offset as they stand in the header.</param>
    /// <returns>The header length that the header claims, in bytes: 0–60.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReadFixedHeader(ReadOnlySpan<byte> bytes, ref PacketInfo info, out int length, out int fragmentField)
    {
        ReadOnlySpan<byte> header = bytes[..MinHeaderLength];
        length = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        info.Length = length;
        fragmentField = BinaryPrimitives.ReadUInt16BigEndian(header[6..]);
        info.TimeToLive = header[8];
        info.Protocol = header[9];
        info.Source = IpAddress.ReadIPv4(header[12..]);
        info.Destination = IpAddress.ReadIPv4(header[16..]);
        return (header[0] & 0x0F) * 4;
    }

    /// <summary>Reads flags, offset and identification of a fragment, without judging them.</summary>
    public static void ReadFragmentFields(ReadOnlySpan<byte> bytes, int fragmentField, ref PacketInfo info)
    {
        info.IsFragment = (fragmentField & (MoreFragmentsBit | OffsetMask)) != 0;
        info.MoreFragments = (fragmentField & MoreFragmentsBit) != 0;
        info.FragmentOffset = (ushort)((fragmentField & OffsetMask) * 8);
        info.FragmentId = info.IsFragment ? BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]) : 0u;
    }

    private static MalformedReason ReadFragment(ReadOnlySpan<byte> bytes, int fragmentField, ref PacketInfo info)
    {
        ReadFragmentFields(bytes, fragmentField, ref info);
        return FragmentBounds.Check(in info, info.TransportOffset, MaxLength);
    }
}
