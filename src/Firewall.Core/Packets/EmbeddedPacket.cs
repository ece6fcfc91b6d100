using System.Buffers.Binary;

namespace Firewall.Core.Packets;

/// <summary>
/// The packet that an ICMP error complains about, of which the error quotes the beginning: the IP header and at least eight bytes
/// behind it (RFC 792, RFC 1812 section 4.3.2.3, RFC 4443 section 2.4).
/// </summary>
public static class EmbeddedPacket
{
    // Transport bytes that every quote has: enough for ports and TCP sequence number, or for type and identifier of ICMP.
    private const int QuotedTransportLength = 8;

    /// <summary>
    /// Reads the quoted packet. Never throws, never allocates. The quote is mostly shorter than its own length fields say, and some
    /// systems send those fields altered, so they are not judged.
    /// </summary>
    /// <param name="bytes">The whole ICMP packet; borrowed for the call.</param>
    /// <param name="icmpError">What <see cref="PacketParser"/> made of it.</param>
    /// <param name="embedded">
    /// Addresses, protocol, ports (of an ICMP query: its identifier) and the TCP sequence number, in the direction of the packet that was
    /// complained about. Offsets count from the quoted header. Length and payload length are what the quote claims; the other TCP fields
    /// are zero.
    /// </param>
    /// <returns>
    /// False if this is no error that can be about a flow: no ICMP error, a quote that is too short or broken or of the other IP version, a
    /// later fragment, an ICMP message that is no query or answer, or a neighbour-discovery redirect.
    /// </returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, in PacketInfo icmpError, out PacketInfo embedded)
    {
        embedded = default;
        if (!icmpError.IsIcmpError || (icmpError.Protocol == IpProtocol.Icmpv6 && icmpError.IcmpType >= 128)) return false;
        int start = icmpError.TransportOffset + TransportReader.IcmpHeaderLength;
        int end = Math.Min(icmpError.Length, bytes.Length);
        if (start >= end) return false;
        ReadOnlySpan<byte> quote = bytes[start..end];
        if (!(icmpError.IsIPv4 ? TryReadIPv4(quote, ref embedded) : TryReadIPv6(quote, ref embedded)) || embedded.IsLaterFragment) return false;
        embedded.PayloadLength = Math.Max(0, embedded.Length - embedded.TransportOffset);
        return TryReadTransport(quote, ref embedded);
    }

    private static bool TryReadIPv4(ReadOnlySpan<byte> quote, ref PacketInfo embedded)
    {
        if (quote.Length < Ipv4Reader.MinHeaderLength || quote[0] >> 4 != 4) return false;
        int headerLength = Ipv4Reader.ReadFixedHeader(quote, ref embedded, out _, out int fragmentField);
        Ipv4Reader.ReadFragmentFields(quote, fragmentField, ref embedded);
        embedded.TransportOffset = headerLength;
        return headerLength >= Ipv4Reader.MinHeaderLength && headerLength <= quote.Length;
    }

    private static bool TryReadIPv6(ReadOnlySpan<byte> quote, ref PacketInfo embedded)
    {
        if (quote.Length < Ipv6Reader.HeaderLength || quote[0] >> 4 != 6) return false;
        byte next = Ipv6Reader.ReadFixedHeader(quote, ref embedded);
        if (embedded.Source.IsIPv4 || embedded.Destination.IsIPv4) return false;
        return !Ipv6ExtensionWalk.IsExtension(next) || Ipv6ExtensionWalk.Walk(quote, next, ref embedded) == MalformedReason.None;
    }

    private static bool TryReadTransport(ReadOnlySpan<byte> quote, ref PacketInfo embedded)
    {
        bool isIcmp = embedded.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;
        if (!isIcmp && !embedded.HasPorts) return true;
        if (quote.Length - embedded.TransportOffset < QuotedTransportLength) return false;
        ReadOnlySpan<byte> header = quote.Slice(embedded.TransportOffset, QuotedTransportLength);
        if (isIcmp)
        {
            if (embedded.IsIPv4 != (embedded.Protocol == IpProtocol.Icmp)) return false;
            TransportReader.ReadIcmpFields(header, ref embedded);
            return embedded.IcmpCode == 0 && (embedded.IsIcmpRequest || embedded.IsIcmpReply);
        }

        embedded.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(header);
        embedded.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        if (embedded.Protocol == IpProtocol.Tcp) embedded.Sequence = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        return true;
    }
}
