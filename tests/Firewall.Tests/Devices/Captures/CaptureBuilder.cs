using System.Buffers.Binary;

namespace Firewall.Tests.Devices.Captures;

/// <summary>Writes capture files byte by byte, in either byte order, for tests.</summary>
internal sealed class CaptureBuilder(bool bigEndian)
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public CaptureBuilder PcapHeader(int linkType, uint magic = 0xA1B2C3D4, ushort major = 2, ushort minor = 4) =>
        U32(magic).U16(major).U16(minor).U32(0).U32(0).U32(65535).U32((uint)linkType);

    public CaptureBuilder PcapRecord(uint seconds, uint fraction, byte[] frame, int wireLength = -1) =>
        U32(seconds).U32(fraction).U32((uint)frame.Length).U32((uint)(wireLength < 0 ? frame.Length : wireLength)).Raw(frame);

    public CaptureBuilder Section() => Block(0x0A0D0D0A, b => b.U32(0x1A2B3C4D).U16(1).U16(0).U32(uint.MaxValue).U32(uint.MaxValue));

    public CaptureBuilder Interface(int linkType, uint snapLength = 0, byte? resolution = null, long? offset = null) => Block(1, b =>
    {
        b.U16((ushort)linkType).U16(0).U32(snapLength);
        b.Option(2, "eth0"u8.ToArray());
        if (resolution is byte power) b.Option(9, [power]);
        if (offset is long seconds) b.Option(14, bigEndian ? [.. BitConverter.GetBytes(seconds).Reverse()] : BitConverter.GetBytes(seconds));
        b.Option(0, []);
    });

    public CaptureBuilder Enhanced(uint source, ulong time, byte[] frame, int wireLength = -1, bool withOptions = false) => Block(6, b =>
    {
        b.U32(source).U32((uint)(time >> 32)).U32((uint)time).U32((uint)frame.Length).U32((uint)(wireLength < 0 ? frame.Length : wireLength)).Raw(frame).Pad();
        if (withOptions) b.Option(1, "a comment"u8.ToArray()).Option(0, []);
    });

    public CaptureBuilder Obsolete(ushort source, ulong time, byte[] frame) => Block(2, b =>
        b.U16(source).U16(7).U32((uint)(time >> 32)).U32((uint)time).U32((uint)frame.Length).U32((uint)frame.Length).Raw(frame).Pad());

    public CaptureBuilder Simple(byte[] frame, int wireLength) => Block(3, b => b.U32((uint)wireLength).Raw(frame).Pad());

    public CaptureBuilder Block(uint type, Action<CaptureBuilder> body)
    {
        CaptureBuilder inner = new(bigEndian);
        body(inner);
        byte[] bytes = inner.ToArray();
        return U32(type).U32((uint)bytes.Length + 12).Raw(bytes).U32((uint)bytes.Length + 12);
    }

    public CaptureBuilder Raw(byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public CaptureBuilder U16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        if (bigEndian) BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
        return this;
    }

    public CaptureBuilder U32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        if (bigEndian) BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        else BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _bytes.AddRange(bytes);
        return this;
    }

    private CaptureBuilder Option(ushort code, byte[] value) => U16(code).U16((ushort)value.Length).Raw(value).Pad();

    private CaptureBuilder Pad()
    {
        while (_bytes.Count % 4 != 0) _bytes.Add(0);
        return this;
    }
}
