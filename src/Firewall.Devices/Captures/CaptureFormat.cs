using System.Buffers.Binary;

namespace Firewall.Devices.Captures;

/// <summary>A capture file format: what stands between the file's bytes and its records.</summary>
internal abstract class CaptureFormat(CaptureInput input)
{
    private const string Foreign = "this is neither a pcap nor a pcapng file.";

    private readonly SortedSet<int> _linkTypes = [];

    /// <summary>The link types that the file has announced so far.</summary>
    public IReadOnlyCollection<int> LinkTypes => _linkTypes;

    /// <summary>True if the file has announced timestamps finer than a microsecond.</summary>
    public bool HasNanoseconds { get; protected set; }

    protected CaptureInput Input => input;

    /// <summary>True if the file's numbers are in network byte order.</summary>
    protected bool IsBigEndian { get; set; }

    /// <summary>Tells the format by the first bytes and reads the file's header.</summary>
    /// <exception cref="CaptureException">The file is none of the formats, or is cut off.</exception>
    public static CaptureFormat Detect(CaptureInput input)
    {
        ReadOnlySpan<byte> magic = input.Peek(4);
        if (magic.Length < 4) throw input.Fault(0, magic.IsEmpty ? "the file is empty; a pcap or pcapng header was expected." : $"{Foreign} It has only {magic.Length} bytes.");
        uint number = BinaryPrimitives.ReadUInt32BigEndian(magic);
        if (number == PcapngFormat.SectionHeader) return new PcapngFormat(input);
        return PcapFormat.TryCreate(input, number) ?? throw input.Fault(0, $"{Foreign} {Hint(number)}");
    }

    /// <summary>Reads the next record; false at the end of the file.</summary>
    /// <exception cref="CaptureException">The file is damaged here.</exception>
    public abstract bool TryRead(out CaptureRecord record);

    protected void AddLinkType(int linkType) => _linkTypes.Add(linkType);

    protected CaptureException UnsupportedLinkType(long offset, int linkType) =>
        input.Fault(offset, $"link type {LinkType.Describe(linkType)} is not supported. {LinkType.Supported}");

    protected void CheckPacketLength(long offset, uint length)
    {
        if (length <= CaptureInput.MaxPacketLength) return;
        throw input.Fault(offset, $"a packet of {length} bytes cannot be, at most {CaptureInput.MaxPacketLength} are taken. The file is damaged here.");
    }

    protected ushort ReadUInt16(ReadOnlySpan<byte> bytes) =>
        IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    protected uint ReadUInt32(ReadOnlySpan<byte> bytes) =>
        IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    /// <summary>The wire length that a record claims, made safe: no less than what was captured, no more than an int holds.</summary>
    protected static int WireLength(uint claimed, int captured) => (int)Math.Clamp(claimed, (uint)captured, int.MaxValue);

    private static string Hint(uint magic) => magic switch
    {
        _ when magic >> 16 == 0x1F8B => "It is compressed by gzip: decompress it first.",
        0x28B52FFD => "It is compressed by zstd: decompress it first.",
        0xFD377A58 => "It is compressed by xz: decompress it first.",
        0x504B0304 => "It is a zip archive: unpack it first.",
        0x736E6F6F => "It is a snoop file: convert it with 'editcap -F pcap'.",
        _ => $"It begins with {magic:X8}; a1b2c3d4, a1b23c4d (in either byte order) or 0a0d0d0a were expected.",
    };
}
