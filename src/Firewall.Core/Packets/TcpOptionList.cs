using System.Buffers.Binary;

namespace Firewall.Core.Packets;

/// <summary>The option list behind the fixed TCP header (RFC 9293 section 3.1).</summary>
internal static class TcpOptionList
{
    private const byte EndOfList = 0;
    private const byte NoOperation = 1;
    private const byte WindowScaleKind = 3;
    private const byte SackPermittedKind = 4;
    private const byte SackKind = 5;
    private const int SackBlockLength = 8;
    private const uint AlignedTimestamp = 0x0101_080A;
    private const int AlignedTimestampLength = 12;

    /// <summary>
    /// Checks that the list adds up: every option fits, and the options whose value the firewall uses have the length that their
    /// RFC gives them. Hosts differ in what they make of a list that does not, so that such a packet opens no flow.
    /// </summary>
    /// <param name="options">The list, as far as it is there.</param>
    /// <param name="isCut">True if a snap length cut the list off, so that an option may run beyond what is there.</param>
    /// <param name="used">Bytes up to the end-of-list option or to the last whole option; what follows is padding, or was cut off.</param>
    /// <returns>True if the list adds up.</returns>
    public static bool TryMeasure(ReadOnlySpan<byte> options, bool isCut, out int used)
    {
        used = 0;
        while (used < options.Length)
        {
            byte kind = options[used];
            if (kind == EndOfList) return true;
            if (kind == NoOperation)
            {
                used++;
                continue;
            }

            if (used + 1 == options.Length) return isCut;
            int length = options[used + 1];
            if (length < 2 || !HasRightLength(kind, length)) return false;
            if (used + length > options.Length) return isCut;
            used += length;
        }

        return true;
    }

    /// <summary>The options of a TCP header, as far as they are there.</summary>
    public static ReadOnlySpan<byte> Of(ReadOnlySpan<byte> packet, in PacketInfo info)
    {
        int start = info.TransportOffset + TransportReader.MinTcpHeaderLength;
        int end = Math.Min(info.TransportOffset + info.TcpHeaderLength, packet.Length);
        return start < end ? packet[start..end] : default;
    }

    /// <summary>True if a capture's snap length cut the options off.</summary>
    public static bool IsCut(ReadOnlySpan<byte> packet, in PacketInfo info) => packet.Length < info.TransportOffset + info.TcpHeaderLength;

    /// <summary>Reads what a SYN or SYN/ACK says about windows. Allocates nothing; a list that does not add up ends where it breaks.</summary>
    /// <param name="options">The list.</param>
    /// <param name="windowScale">The shift, 0–14, or -1 without the option.</param>
    /// <param name="sackPermitted">Whether selective acknowledgments are welcome.</param>
    public static void ReadSyn(ReadOnlySpan<byte> options, out int windowScale, out bool sackPermitted)
    {
        windowScale = -1;
        sackPermitted = false;
        while (TakeNext(ref options, out byte kind, out ReadOnlySpan<byte> value))
        {
            if (kind == WindowScaleKind && value.Length == 1) windowScale = Math.Min(value[0], (byte)OpeningPacket.MaxWindowScale);
            else if (kind == SackPermittedKind && value.Length == 0) sackPermitted = true;
        }
    }

    /// <summary>The highest right edge of the SACK blocks (RFC 2018), or the acknowledgment itself if none lies above it.</summary>
    public static uint HighestSackEdge(ReadOnlySpan<byte> options, uint acknowledgment)
    {
        // Nearly every segment with options has exactly this, which holds no SACK (RFC 7323 appendix A).
        if (options.Length == AlignedTimestampLength && BinaryPrimitives.ReadUInt32BigEndian(options) == AlignedTimestamp) return acknowledgment;
        uint highest = acknowledgment;
        while (TakeNext(ref options, out byte kind, out ReadOnlySpan<byte> value))
        {
            if (kind != SackKind) continue;
            for (; value.Length >= SackBlockLength; value = value[SackBlockLength..])
            {
                uint edge = BinaryPrimitives.ReadUInt32BigEndian(value[4..]);
                if (unchecked((int)(edge - highest)) > 0) highest = edge;
            }
        }

        return highest;
    }

    private static bool TakeNext(ref ReadOnlySpan<byte> options, out byte kind, out ReadOnlySpan<byte> value)
    {
        while (!options.IsEmpty && options[0] == NoOperation) options = options[1..];
        kind = EndOfList;
        value = default;
        if (options.Length < 2 || options[0] == EndOfList) return false;
        int length = options[1];
        if (length < 2 || length > options.Length) return false;
        kind = options[0];
        value = options[2..length];
        options = options[length..];
        return true;
    }

    // Maximum segment size, window scale, SACK permitted, timestamps (RFC 9293, RFC 7323, RFC 2018).
    private static bool HasRightLength(byte kind, int length) => kind switch
    {
        2 => length == 4,
        3 => length == 3,
        4 => length == 2,
        8 => length == 10,
        _ => true,
    };
}
