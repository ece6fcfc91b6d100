namespace Firewall.Core.Packets;

/// <summary>What a fragment's offset and size may be, in both IP versions.</summary>
internal static class FragmentBounds
{
    /// <summary>
    /// Refuses fragments that no sender makes and that reassembly code was attacked with: empty ones, middle ones whose size is no
    /// multiple of eight (RFC 791 section 3.2, RFC 8200 section 4.5), those that reach beyond the longest datagram ("ping of
    /// death"), and TCP fragments that start within the 20 bytes of the fixed header (RFC 1858 section 3.2, RFC 3128).
    /// </summary>
    /// <param name="info">Fragment fields, protocol and payload length are filled.</param>
    /// <param name="headers">Bytes in front of the fragment that the limit counts too.</param>
    /// <param name="limit">The most bytes that the whole datagram can have.</param>
    public static MalformedReason Check(in PacketInfo info, int headers, int limit)
    {
        if (info.PayloadLength == 0) return MalformedReason.FragmentBounds;
        if (info.MoreFragments && (info.PayloadLength & 7) != 0) return MalformedReason.FragmentBounds;
        if (headers + info.FragmentOffset + info.PayloadLength > limit) return MalformedReason.FragmentBounds;
        bool overlapsTcpHeader = info.Protocol == IpProtocol.Tcp && info.FragmentOffset is > 0 and < TransportReader.MinTcpHeaderLength;
        return overlapsTcpHeader ? MalformedReason.TcpHeader : MalformedReason.None;
    }
}
