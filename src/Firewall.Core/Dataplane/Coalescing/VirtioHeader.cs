using System.Buffers.Binary;

namespace Firewall.Core.Dataplane.Coalescing;

/// <summary>
/// struct virtio_net_hdr (Virtio 1.2, section 5.1.6), which stands in front of each packet of a TUN. Its numbers are in the machine's byte
/// order; we only run on little-endian machines.
/// </summary>
internal static class VirtioHeader
{
    /// <summary>Bytes of the header.</summary>
    public const int Length = 10;

    /// <summary>VIRTIO_NET_HDR_F_NEEDS_CSUM: the checksum field holds the sum of the pseudo header alone.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>VIRTIO_NET_HDR_F_DATA_VALID: the kernel, or the network card, has found the checksum right.</summary>
    public const byte ChecksumValid = 2;

    /// <summary>VIRTIO_NET_HDR_GSO_NONE: a packet as it is on the wire.</summary>
    public const byte SinglePacket = 0;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV4.</summary>
    public const byte TcpV4 = 1;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV6.</summary>
    public const byte TcpV6 = 4;

    /// <summary>VIRTIO_NET_HDR_GSO_UDP_L4: datagrams of one flow, Linux 6.2 and later.</summary>
    public const byte Datagrams = 5;

    /// <summary>The flags.</summary>
    public static byte Flags(ReadOnlySpan<byte> header) => header[0];

    /// <summary>What kind of super-packet it is.</summary>
    public static byte Kind(ReadOnlySpan<byte> header) => header[1];

    /// <summary>Where the checksum starts that is to be finished, from the IP header on.</summary>
    public static int ChecksumStart(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt16LittleEndian(header[6..]);

    /// <summary>Where in the transport header its result belongs.</summary>
    public static int ChecksumOffset(ReadOnlySpan<byte> header) => BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);

    /// <summary>Writes the header of a super-packet.</summary>
    /// <param name="header">10 bytes.</param>
    /// <param name="kind">One of the kinds above.</param>
    /// <param name="headerLength">Bytes of the IP and transport headers.</param>
    /// <param name="segmentSize">Payload bytes of every packet but the last.</param>
    /// <param name="checksumStart">Where the transport header starts.</param>
    /// <param name="checksumOffset">Where in it the checksum stands.</param>
    public static void Write(Span<byte> header, byte kind, int headerLength, int segmentSize, int checksumStart, int checksumOffset)
    {
        header[0] = NeedsChecksum;
        header[1] = kind;
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)headerLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)segmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)checksumStart);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], (ushort)checksumOffset);
    }
}
