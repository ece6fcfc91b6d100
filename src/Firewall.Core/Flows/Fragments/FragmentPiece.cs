using Firewall.Core.Packets;

namespace Firewall.Core.Flows.Fragments;

/// <summary>The part of a datagram that one fragment carries. Bytes count from the start of the fragmentable part (RFC 8200 section 4.5).</summary>
/// <param name="Start">First byte, 0 for the first fragment.</param>
/// <param name="End">The byte behind the last one, at most 65,535.</param>
/// <param name="IsLast">True if it says that nothing follows.</param>
/// <param name="Digest">A <see cref="FragmentDigest"/> of its bytes.</param>
internal readonly record struct FragmentPiece(ushort Start, ushort End, bool IsLast, ulong Digest)
{
    private const byte FragmentHeader = 44;

    /// <summary>True for the piece that has the transport header.</summary>
    public bool IsFirst => Start == 0;

    /// <summary>The piece that a well-formed fragment carries.</summary>
    /// <param name="packet">From its IP header on; in a capture perhaps cut short, the digest then covers what is there.</param>
    /// <param name="info">What the parser found without a fault.</param>
    /// <param name="digest">The table's digest.</param>
    public static FragmentPiece Of(ReadOnlySpan<byte> packet, in PacketInfo info, FragmentDigest digest)
    {
        int data = DataOffset(packet, info);
        int end = info.FragmentOffset + info.Length - data;
        ReadOnlySpan<byte> bytes = packet[data..Math.Min(packet.Length, info.Length)];
        return new FragmentPiece(info.FragmentOffset, (ushort)end, !info.MoreFragments, digest.Of(bytes));
    }

    // Extension headers behind the fragment header belong to the fragmented part; in the first fragment the parser has stepped over them.
    private static int DataOffset(ReadOnlySpan<byte> packet, in PacketInfo info)
    {
        if (info.IsIPv4 || info.IsLaterFragment) return info.TransportOffset;
        byte next = packet[6];
        int offset = Ipv6Reader.HeaderLength;
        while (next != FragmentHeader)
        {
            ReadOnlySpan<byte> header = packet[offset..];
            offset += Ipv6ExtensionWalk.LengthOf(next, header);
            next = header[0];
        }

        return offset + Ipv6ExtensionWalk.FragmentHeaderLength;
    }
}
