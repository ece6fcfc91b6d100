using System.Buffers.Binary;

namespace Firewall.Core.Packets;

/// <summary>The IPv6 fixed header (RFC 8200 section 3).</summary>
internal static class Ipv6Reader
{
    /// <summary>Bytes of the fixed header.</summary>
    public const int HeaderLength = 40;

    /// <summary>Reads the header and what is behind it. The first byte's version is already known to be 6.</summary>
    public static MalformedReason Read(ReadOnlySpan<byte> bytes, int wireLength, ref PacketInfo info)
    {
        if (bytes.Length < HeaderLength) return MalformedReason.Truncated;
        byte next = ReadFixedHeader(bytes, ref info);
        if (info.Length > wireLength) return MalformedReason.IpTotalLength;

        // The sender of such an address hopes to be taken for an IPv4 host by whoever compares addresses in 128 bits, as we do.
        if (info.Source.IsIPv4 || info.Destination.IsIPv4) return MalformedReason.Address;
        info.PayloadLength = info.Length - HeaderLength;
        if (Ipv6ExtensionWalk.IsExtension(next))
        {
            MalformedReason fault = Ipv6ExtensionWalk.Walk(bytes, next, ref info);
            if (fault != MalformedReason.None) return fault;
            if (info.IsFragment)
            {
                // RFC 8200 section 4.5 bounds the payload length of the whole datagram, which the fixed header is not part of.
                fault = FragmentBounds.Check(in info, info.TransportOffset - HeaderLength - Ipv6ExtensionWalk.FragmentHeaderLength, ushort.MaxValue);
                if (fault != MalformedReason.None || info.IsLaterFragment) return fault;
            }
        }

        return TransportReader.Read(bytes[info.TransportOffset..], info.PayloadLength, ref info);
    }

    /// <summary>Reads the fixed 40 bytes without judging them; needs that many.</summary>
    /// <returns>The first next-header value.</returns>
    public static byte ReadFixedHeader(ReadOnlySpan<byte> bytes, ref PacketInfo info)
    {
        ReadOnlySpan<byte> header = bytes[..HeaderLength];
        info.Length = HeaderLength + BinaryPrimitives.ReadUInt16BigEndian(header[4..]);
        info.Protocol = header[6];
        info.TimeToLive = header[7];
        info.Source = IpAddress.ReadIPv6(header[8..]);
        info.Destination = IpAddress.ReadIPv6(header[24..]);
        info.TransportOffset = HeaderLength;
        return header[6];
    }
}
