using System.Buffers.Binary;

namespace Firewall.Devices.Captures;

/// <summary>
/// The block-structured capture file (draft-ietf-opsawg-pcapng): sections, each in its own byte order, with interfaces, each with its
/// own link type and clock resolution. Blocks that hold no packets are stepped over.
/// </summary>
internal sealed class PcapngFormat : CaptureFormat
{
    /// <summary>The type of a section header block; a palindrome, so it is the same in either byte order.</summary>
    public const uint SectionHeader = 0x0A0D0D0A;

    private const uint InterfaceDescription = 1;
    private const uint ObsoletePacket = 2;
    private const uint SimplePacket = 3;
    private const uint EnhancedPacket = 6;
    private const uint ByteOrderMagic = 0x1A2B3C4D;

    private const int BlockHeaderLength = 8;
    private const int TrailerLength = 4;
    private const int SectionHeaderLength = 16;
    private const int InterfaceHeaderLength = 8;

    // Interface, time, captured and original length: the enhanced block and its predecessor share the places but for the interface.
    private const int PacketHeaderLength = 20;

    private const int ResolutionOption = 9;
    private const int OffsetOption = 14;

    // No writer has that many, and each takes memory.
    private const int MaxInterfaces = 65_536;

    private readonly List<PcapngInterface> _interfaces = [];
    private long _blockStart;
    private uint _blockLength;
    private long _lastTimestamp;
    private bool _isInBlock;

    /// <summary>Reads the first section header.</summary>
    public PcapngFormat(CaptureInput input)
        : base(input)
    {
        BeginBlock();
        ReadSectionHeader();
    }

    /// <inheritdoc/>
    public override bool TryRead(out CaptureRecord record)
    {
        record = default;
        while (true)
        {
            // The packet of the last call is given back only now: stepping over the rest of its block moves the buffer.
            EndBlock();
            if (Input.Peek(1).IsEmpty) return false;
            uint type = BeginBlock();
            switch (type)
            {
                case SectionHeader: ReadSectionHeader(); break;
                case InterfaceDescription: ReadInterface(); break;
                case EnhancedPacket: record = ReadPacket(isObsolete: false); return true;
                case ObsoletePacket: record = ReadPacket(isObsolete: true); return true;
                case SimplePacket: record = ReadSimplePacket(); return true;
            }
        }
    }

    private uint BeginBlock()
    {
        _blockStart = Input.Offset;
        ReadOnlySpan<byte> header = Input.Peek(BlockHeaderLength + 4);
        uint type = header.Length >= 4 ? ReadUInt32(header) : 0;
        if (type == SectionHeader)
        {
            if (header.Length < BlockHeaderLength + 4) Input.Take(BlockHeaderLength + 4, "a section header");

            // The section's byte order, which its length field is written in already, stands behind that.
            uint magic = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
            if (magic != ByteOrderMagic && BinaryPrimitives.ReverseEndianness(magic) != ByteOrderMagic)
            {
                throw Input.Fault(_blockStart + 8, $"the byte-order magic of a section is {magic:x8}; 1a2b3c4d was expected, in either byte order.");
            }

            IsBigEndian = magic == ByteOrderMagic;
        }

        _blockLength = ReadUInt32(Input.Take(BlockHeaderLength, "a block header")[4..]);
        if (_blockLength < BlockHeaderLength + TrailerLength || _blockLength % 4 != 0)
        {
            throw Input.Fault(_blockStart + 4, $"a block length of {_blockLength} cannot be; a multiple of 4, at least 12, was expected.");
        }

        _isInBlock = true;
        return type;
    }

    private void EndBlock()
    {
        if (!_isInBlock) return;
        _isInBlock = false;
        Input.Skip(BodyLeft(), "a block");
        long offset = Input.Offset;
        uint trailer = ReadUInt32(Input.Take(TrailerLength, "the length at a block's end"));
        if (trailer != _blockLength)
        {
            throw Input.Fault(offset, $"a block of {_blockLength} bytes repeats its length at its end as {trailer}. The file is damaged in or before it.");
        }
    }

    private long BodyLeft() => _blockStart + _blockLength - TrailerLength - Input.Offset;

    private ReadOnlySpan<byte> TakeBody(int count, string what)
    {
        if (count > BodyLeft()) throw Input.Fault(_blockStart, $"a block of {_blockLength} bytes is too short for {what}.");
        return Input.Take(count, what);
    }

    private void ReadSectionHeader()
    {
        ReadOnlySpan<byte> body = TakeBody(SectionHeaderLength, "a section header");
        int major = ReadUInt16(body[4..]);
        int minor = ReadUInt16(body[6..]);
        if (major != 1) throw Input.Fault(_blockStart + 12, $"version {major}.{minor} of the pcapng format is not known; 1.0 was expected.");
        _interfaces.Clear();
    }

    private void ReadInterface()
    {
        if (_interfaces.Count == MaxInterfaces) throw Input.Fault(_blockStart, $"more than {MaxInterfaces} interfaces in a section.");
        if (BodyLeft() > CaptureInput.MaxPacketLength) throw Input.Fault(_blockStart, $"an interface description of {_blockLength} bytes cannot be.");
        ReadOnlySpan<byte> body = TakeBody((int)Math.Max(InterfaceHeaderLength, BodyLeft()), "an interface description");
        int linkType = ReadUInt16(body);
        PcapngInterface description = new(linkType, SnapLength: ReadUInt32(body[4..]));
        for (ReadOnlySpan<byte> options = body[InterfaceHeaderLength..]; options.Length >= 4;)
        {
            int code = ReadUInt16(options);
            int length = ReadUInt16(options[2..]);
            if (code == 0 || length > options.Length - 4) break;
            ReadOnlySpan<byte> value = options.Slice(4, length);
            if (code == ResolutionOption && length >= 1) description = description with { Resolution = value[0] };
            if (code == OffsetOption && length >= 8) description = description with { OffsetSeconds = ReadInt64(value) };
            options = options[Math.Min(options.Length, 4 + ((length + 3) & ~3))..];
        }

        _interfaces.Add(description);
        AddLinkType(linkType);
        HasNanoseconds |= description.IsFinerThanMicroseconds;
    }

    private CaptureRecord ReadPacket(bool isObsolete)
    {
        ReadOnlySpan<byte> header = TakeBody(PacketHeaderLength, "a packet block");
        uint number = isObsolete ? ReadUInt16(header) : ReadUInt32(header);
        ulong time = (ulong)ReadUInt32(header[4..]) << 32 | ReadUInt32(header[8..]);
        uint captured = ReadUInt32(header[12..]);
        uint wire = ReadUInt32(header[16..]);
        PcapngInterface source = InterfaceOf(number);
        _lastTimestamp = source.ToUnixNanoseconds(time);
        return ReadFrame(source, captured, wire);
    }

    private CaptureRecord ReadSimplePacket()
    {
        uint wire = ReadUInt32(TakeBody(4, "a simple packet block"));
        PcapngInterface source = InterfaceOf(0);
        uint captured = (uint)Math.Min(wire, BodyLeft());
        if (source.SnapLength != 0) captured = Math.Min(captured, source.SnapLength);
        return ReadFrame(source, captured, wire);
    }

    private CaptureRecord ReadFrame(PcapngInterface source, uint captured, uint wire)
    {
        CheckPacketLength(_blockStart, captured);
        return new CaptureRecord
        {
            Frame = TakeBody((int)captured, "a packet"),
            WireLength = WireLength(wire, (int)captured),

            // A simple packet block has no time of its own; the last packet's keeps the clock where it was.
            Timestamp = _lastTimestamp,
            LinkType = source.LinkType,
        };
    }

    private PcapngInterface InterfaceOf(uint number)
    {
        if (number >= _interfaces.Count)
        {
            throw Input.Fault(_blockStart, $"a packet belongs to interface {number}, but the section has described {_interfaces.Count}.");
        }

        PcapngInterface source = _interfaces[(int)number];
        return LinkType.IsSupported(source.LinkType) ? source : throw UnsupportedLinkType(_blockStart, source.LinkType);
    }

    private long ReadInt64(ReadOnlySpan<byte> bytes) =>
        IsBigEndian ? BinaryPrimitives.ReadInt64BigEndian(bytes) : BinaryPrimitives.ReadInt64LittleEndian(bytes);
}
