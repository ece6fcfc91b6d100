using System.Buffers.Binary;

namespace Firewall.Core.Packets;

/// <summary>
/// The bounded walk over IPv6 extension headers (RFC 8200 section 4, list of IANA "IPv6 Extension Header Types"). Hop-by-hop,
/// routing, fragment, destination, mobility, HIP and shim6 headers are walked over; ESP, AH, "no next header" and everything else end
/// the walk and are the packet's protocol.
/// </summary>
internal static class Ipv6ExtensionWalk
{
    /// <summary>More headers than this make a packet malformed. Real ones have one or two.</summary>
    public const int MaxHeaders = 8;

    /// <summary>More bytes of extension headers than this make a packet malformed.</summary>
    public const int MaxBytes = 256;

    /// <summary>Bytes of a fragment header.</summary>
    public const int FragmentHeaderLength = 8;

    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte Fragment = 44;
    private const byte Destination = 60;
    private const byte Mobility = 135;
    private const byte HostIdentity = 139;
    private const byte Shim6 = 140;

    private const byte Pad1Option = 0;
    private const byte JumboOption = 0xC2;

    /// <summary>True for the headers that the walk steps over.</summary>
    public static bool IsExtension(byte next) =>
        next is HopByHop or Routing or Fragment or Destination or Mobility or HostIdentity or Shim6;

    /// <summary>The length in bytes that an extension header of this kind claims; needs its first two bytes.</summary>
    public static int LengthOf(byte kind, ReadOnlySpan<byte> header) => kind == Fragment ? FragmentHeaderLength : (header[1] + 1) * 8;

    /// <summary>
    /// Walks from the end of the fixed header to the transport header, or in a later fragment to its payload, and fills
    /// protocol, offsets, payload length and fragment fields. A later fragment's protocol is what its fragment header names, which
    /// is an extension header if the fragmented part began with one.
    /// </summary>
    /// <remarks>The destination stays the one of the fixed header, also where a routing header (type 2, segment routing) names more.</remarks>
    /// <param name="bytes">The packet; at least the fixed header.</param>
    /// <param name="next">The fixed header's next-header value.</param>
    /// <param name="info">Filled from the fixed header.</param>
    public static MalformedReason Walk(ReadOnlySpan<byte> bytes, byte next, ref PacketInfo info)
    {
        int end = info.Length;
        int offset = Ipv6Reader.HeaderLength;
        bool seenFragment = false;
        for (int count = 0; IsExtension(next); count++)
        {
            if (count == MaxHeaders) return MalformedReason.ExtensionHeaderChain;
            if (next == HopByHop && count != 0) return MalformedReason.ExtensionHeaderOrder;

            // A jumbogram's payload length is zero, so that by its own header nothing follows.
            int limit = next == HopByHop && end == Ipv6Reader.HeaderLength ? bytes.Length : end;
            if (offset + 8 > limit) return MalformedReason.ExtensionHeaderLength;
            if (offset + 8 > bytes.Length) return MalformedReason.Truncated;
            ReadOnlySpan<byte> header = bytes[offset..];
            int length = LengthOf(next, header);
            if (offset + length > limit) return MalformedReason.ExtensionHeaderLength;
            if (offset + length - Ipv6Reader.HeaderLength > MaxBytes) return MalformedReason.ExtensionHeaderChain;
            if (offset + length > bytes.Length) return MalformedReason.Truncated;
            MalformedReason fault = next switch
            {
                HopByHop => CheckHopByHopOptions(header[2..length]),
                Routing when header[2] == 0 => MalformedReason.RoutingHeaderType0,
                Fragment when seenFragment => MalformedReason.ExtensionHeaderOrder,
                _ => MalformedReason.None,
            };
            if (fault != MalformedReason.None) return fault;
            if (offset + length > end) return MalformedReason.ExtensionHeaderLength;
            if (next == Fragment)
            {
                seenFragment = true;
                ReadFragmentFields(header, ref info);
            }

            next = header[0];
            offset += length;
            info.Protocol = next;
            info.TransportOffset = offset;
            info.PayloadLength = end - offset;

            // Behind the header of a later fragment stands payload, whatever its next-header value says.
            if (info.IsLaterFragment) return MalformedReason.None;
        }

        return MalformedReason.None;
    }

    private static void ReadFragmentFields(ReadOnlySpan<byte> header, ref PacketInfo info)
    {
        int field = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        info.MoreFragments = (field & 1) != 0;
        info.FragmentOffset = (ushort)(field & 0xFFF8);
        info.IsFragment = (field & 0xFFF9) != 0;
        info.FragmentId = info.IsFragment ? BinaryPrimitives.ReadUInt32BigEndian(header[4..]) : 0u;
    }

    // Only the jumbo option matters here; the others are between the hosts.
    private static MalformedReason CheckHopByHopOptions(ReadOnlySpan<byte> options)
    {
        while (!options.IsEmpty)
        {
            if (options[0] == Pad1Option)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options.Length < 2 + options[1]) return MalformedReason.ExtensionHeaderLength;
            if (options[0] == JumboOption) return MalformedReason.Jumbogram;
            options = options[(2 + options[1])..];
        }

        return MalformedReason.None;
    }
}
