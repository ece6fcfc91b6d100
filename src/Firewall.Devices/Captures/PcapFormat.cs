namespace Firewall.Devices.Captures;

/// <summary>The classic capture file (draft-ietf-opsawg-pcap): one header, one link type, records one behind the other.</summary>
internal sealed class PcapFormat : CaptureFormat
{
    /// <summary>First four bytes of a file with microseconds, in network byte order.</summary>
    public const uint MicrosecondMagic = 0xA1B2C3D4;

    /// <summary>First four bytes of a file with nanoseconds, in network byte order.</summary>
    public const uint NanosecondMagic = 0xA1B23C4D;

    /// <summary>Bytes of the file header.</summary>
    public const int FileHeaderLength = 24;

    /// <summary>Bytes of a record header.</summary>
    public const int RecordHeaderLength = 16;

    // The high bits tell how long a checksum stands at each frame's end; IP has its own length, so that it does not matter here.
    private const uint LinkTypeMask = 0x03FF_FFFF;

    // A patched libpcap of the nineties wrote eight bytes more in front of each packet.
    private const uint PatchedMagic = 0xA1B2CD34;
    private const int PatchedExtraLength = 8;

    private readonly int _linkType;
    private readonly int _recordHeaderLength;
    private readonly int _minorVersion;

    private PcapFormat(CaptureInput input, uint magic, bool isBigEndian)
        : base(input)
    {
        IsBigEndian = isBigEndian;
        HasNanoseconds = magic == NanosecondMagic;
        _recordHeaderLength = RecordHeaderLength + (magic == PatchedMagic ? PatchedExtraLength : 0);
        ReadOnlySpan<byte> header = input.Take(FileHeaderLength, "the file header");
        int major = ReadUInt16(header[4..]);
        _minorVersion = ReadUInt16(header[6..]);
        if (major != 2) throw input.Fault(4, $"version {major}.{_minorVersion} of the pcap format is not known; 2.4 was expected.");
        _linkType = (int)(ReadUInt32(header[20..]) & LinkTypeMask);
        if (!LinkType.IsSupported(_linkType)) throw UnsupportedLinkType(20, _linkType);
        AddLinkType(_linkType);
    }

    /// <summary>The format, if the first four bytes (as a number in network byte order) are its own.</summary>
    public static PcapFormat? TryCreate(CaptureInput input, uint magic)
    {
        uint swapped = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(magic);
        if (magic is MicrosecondMagic or NanosecondMagic or PatchedMagic) return new PcapFormat(input, magic, isBigEndian: true);
        return swapped is MicrosecondMagic or NanosecondMagic or PatchedMagic ? new PcapFormat(input, swapped, isBigEndian: false) : null;
    }

    /// <inheritdoc/>
    public override bool TryRead(out CaptureRecord record)
    {
        record = default;
        if (Input.Peek(1).IsEmpty) return false;
        long offset = Input.Offset;
        ReadOnlySpan<byte> header = Input.Take(_recordHeaderLength, "a packet header");
        uint seconds = ReadUInt32(header);
        uint fraction = ReadUInt32(header[4..]);
        uint captured = ReadUInt32(header[8..]);
        uint wire = ReadUInt32(header[12..]);

        // Writers before version 2.3 had the two lengths the other way round, and those of 2.3 were not at one.
        if (_minorVersion < 3 || (_minorVersion == 3 && captured > wire)) (captured, wire) = (wire, captured);
        CheckPacketLength(offset, captured);
        record = new CaptureRecord
        {
            Frame = Input.Take((int)captured, "a packet"),
            WireLength = WireLength(wire, (int)captured),
            Timestamp = seconds * 1_000_000_000L + fraction * (HasNanoseconds ? 1L : 1_000L),
            LinkType = _linkType,
        };
        return true;
    }
}
