using System.Runtime.CompilerServices;

namespace Firewall.Core.Packets;

/// <summary>
/// The header reader of the packet path: reads IP and transport headers of one packet into a <see cref="PacketInfo"/>. It never
/// allocates, never throws, never reads behind the given bytes, and does a bounded amount of work whatever the bytes are.
/// </summary>
/// <remarks>
/// <para>
/// Checksums are not looked at. The kernel hands a TUN packets whose transport checksum is still to be completed
/// (VIRTIO_NET_HDR_F_NEEDS_CSUM), a capture of a sender's own traffic holds the same, and the receiving host checks anyway.
/// </para>
/// <para>
/// Super-packets (segmentation offload) look like ordinary packets of up to 65,535 bytes. Bytes behind the IP packet's own length
/// (Ethernet padding) are ignored.
/// </para>
/// <para>
/// An authentication header (51) ends the walk in both IP versions: security rules name <c>Ah</c> as a protocol of its own, and one
/// packet must not be <c>Ah</c> in IPv4 and <c>Tcp</c> in IPv6. The same holds for ESP, whose content cannot be read.
/// </para>
/// </remarks>
public static class PacketParser
{
    /// <summary>Reads a whole packet; see <see cref="Parse(ReadOnlySpan{byte}, int, out PacketInfo)"/>.</summary>
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, out PacketInfo info) => Parse(bytes, bytes.Length, out info);

    /// <summary>Reads the headers of one packet.</summary>
    /// <param name="bytes">The packet from its IP header on; borrowed for the call.</param>
    /// <param name="wireLength">
    /// How many bytes the packet had on the wire. Larger than <paramref name="bytes"/> only for captures that were cut by a snap
    /// length: lengths are then checked against this number, and a header that was cut off is <see cref="MalformedReason.Truncated"/>.
    /// TCP options may be cut off. A smaller number than there are bytes counts as their number.
    /// </param>
    /// <param name="info">
    /// What was read. For a malformed packet: the fields read before the fault was met, the others zero, so that a log can still name
    /// the addresses.
    /// </param>
    /// <returns><see cref="MalformedReason.None"/>, or the first fault that was met.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static MalformedReason Parse(ReadOnlySpan<byte> bytes, int wireLength, out PacketInfo info)
    {
        info = default;
        if (wireLength < bytes.Length) wireLength = bytes.Length;
        if (bytes.IsEmpty) return MalformedReason.Truncated;
        return (bytes[0] >> 4) switch
        {
            4 => Ipv4Reader.Read(bytes, wireLength, ref info),
            6 => Ipv6Reader.Read(bytes, wireLength, ref info),
            _ => MalformedReason.IpVersion,
        };
    }
}
