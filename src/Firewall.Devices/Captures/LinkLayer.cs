using System.Buffers.Binary;

namespace Firewall.Devices.Captures;

/// <summary>Finds the IP packet in a frame. Never throws: a frame that is cut short or carries something else holds no IP packet.</summary>
internal static class LinkLayer
{
    /// <summary>No IP packet in the frame.</summary>
    public const int None = -1;

    private const int IPv4Type = 0x0800;
    private const int IPv6Type = 0x86DD;
    private const int PppoeSessionType = 0x8864;
    private const int LinuxLlcType = 0x0004;

    // Up to here the field is the length of an IEEE 802.3 frame.
    private const int MaxLengthField = 1500;
    private const int EthernetHeaderLength = 14;
    private const int LinuxCookedHeaderLength = 16;
    private const int LinuxCooked2HeaderLength = 20;
    private const int LoopbackHeaderLength = 4;

    /// <summary>Where the IP packet starts in a frame of a supported link type, or <see cref="None"/>.</summary>
    public static int FindIp(int linkType, ReadOnlySpan<byte> frame) => linkType switch
    {
        LinkType.Ethernet => frame.Length < EthernetHeaderLength ? None : FindBehindType(frame, ReadUInt16(frame, 12), EthernetHeaderLength),
        LinkType.LinuxCooked =>
            frame.Length < LinuxCookedHeaderLength ? None : FindBehindType(frame, ReadUInt16(frame, 14), LinuxCookedHeaderLength),
        LinkType.LinuxCooked2 =>
            frame.Length < LinuxCooked2HeaderLength ? None : FindBehindType(frame, ReadUInt16(frame, 0), LinuxCooked2HeaderLength),
        LinkType.Null or LinkType.Loop => IsIpFamily(frame) ? LoopbackHeaderLength : None,
        _ => 0,
    };

    /// <summary>
    /// Writes the smallest link-layer header with which an IP packet can stand in a file of the link type; all addresses are zero.
    /// Returns its length, at most 20.
    /// </summary>
    public static int WriteHeader(int linkType, bool isIPv4, Span<byte> header)
    {
        ushort type = isIPv4 ? (ushort)IPv4Type : (ushort)IPv6Type;
        (int length, int typeOffset) = linkType switch
        {
            LinkType.Ethernet => (EthernetHeaderLength, 12),
            LinkType.LinuxCooked => (LinuxCookedHeaderLength, 14),
            LinkType.LinuxCooked2 => (LinuxCooked2HeaderLength, 0),
            LinkType.Null or LinkType.Loop => (LoopbackHeaderLength, 0),
            _ => (0, 0),
        };
        header[..length].Clear();
        if (length == LoopbackHeaderLength) BinaryPrimitives.WriteUInt32BigEndian(header, isIPv4 ? 2u : 30u);
        else if (length > 0) BinaryPrimitives.WriteUInt16BigEndian(header[typeOffset..], type);
        return length;
    }

    // Any stack of VLAN tags, then IP, PPPoE, or LLC.
    private static int FindBehindType(ReadOnlySpan<byte> frame, int type, int offset)
    {
        while (IsVlanTag(type))
        {
            if (frame.Length < offset + 4) return None;
            type = ReadUInt16(frame, offset + 2);
            offset += 4;
        }

        return type switch
        {
            IPv4Type or IPv6Type => offset,
            PppoeSessionType => FindBehindPppoe(frame, offset),
            LinuxLlcType or <= MaxLengthField => FindBehindLlc(frame, offset),
            _ => None,
        };
    }

    // 802.1Q, 802.1ad, and two numbers that came before 802.1ad.
    private static bool IsVlanTag(int type) => type is 0x8100 or 0x88A8 or 0x9100 or 0x9200;

    // RFC 2516 section 4: version and type, code, session, length, then PPP's protocol.
    private static int FindBehindPppoe(ReadOnlySpan<byte> frame, int offset)
    {
        if (frame.Length < offset + 8 || frame[offset] != 0x11 || frame[offset + 1] != 0) return None;
        return ReadUInt16(frame, offset + 6) is 0x0021 or 0x0057 ? offset + 8 : None;
    }

    // RFC 1042: SNAP with an Ethernet type, or the SAP that was given to IP.
    private static int FindBehindLlc(ReadOnlySpan<byte> frame, int offset)
    {
        ReadOnlySpan<byte> rest = frame[offset..];
        if (rest.StartsWith<byte>([0x06, 0x06, 0x03])) return offset + 3;
        if (rest.Length < 8 || !rest.StartsWith<byte>([0xAA, 0xAA, 0x03, 0, 0])) return None;

        // Organisation 00-00-00 is RFC 1042; 00-00-F8 is the same behind a bridge (IEEE 802.1H).
        if (rest[5] is not (0x00 or 0xF8)) return None;
        return ReadUInt16(frame, offset + 6) is IPv4Type or IPv6Type ? offset + 8 : None;
    }

    // The family's number differs between systems for IPv6: BSDs 24, 28, 30, Linux 10, Windows 23. The byte order is the writer's.
    private static bool IsIpFamily(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < LoopbackHeaderLength) return false;
        uint family = BinaryPrimitives.ReadUInt32BigEndian(frame);
        if (family > 0xFFFF) family = BinaryPrimitives.ReverseEndianness(family);
        return family is 2 or 10 or 23 or 24 or 28 or 30;
    }

    private static int ReadUInt16(ReadOnlySpan<byte> frame, int offset) => BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]);
}
