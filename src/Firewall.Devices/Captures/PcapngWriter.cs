using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Firewall.Devices.Captures;

/// <summary>
/// Writes raw IP packets, each with a comment, as a pcapng file of one section and one interface (draft-ietf-opsawg-pcapng), little-endian, with
/// nanoseconds. For one thread.
/// </summary>
public sealed class PcapngWriter
{
    private const uint SectionHeader = 0x0A0D0D0A;
    private const uint InterfaceDescription = 1;
    private const uint EnhancedPacket = 6;
    private const uint ByteOrderMagic = 0x1A2B3C4D;

    private const ushort EndOfOptions = 0;
    private const ushort Comment = 1;
    private const ushort InterfaceName = 2;
    private const ushort Application = 4;
    private const ushort Resolution = 9;

    private readonly Stream _output;
    private readonly ArrayBufferWriter<byte> _body = new();

    /// <summary>Writes the file's head.</summary>
    /// <param name="output">Where the file goes; stays the caller's.</param>
    /// <param name="application">Who writes it.</param>
    /// <param name="interfaceName">Where the packets were seen.</param>
    /// <param name="snapLength">The most bytes of a packet.</param>
    public PcapngWriter(Stream output, string application, string interfaceName, int snapLength)
    {
        ArgumentNullException.ThrowIfNull(output);
        _output = output;
        Add32(ByteOrderMagic);
        Add16(1); // version 1.0
        Add16(0);
        Add32(uint.MaxValue); // the section's length: not known
        Add32(uint.MaxValue);
        AddText(Application, application);
        Add32(EndOfOptions);
        End(SectionHeader);

        Add16(LinkType.Raw);
        Add16(0);
        Add32((uint)snapLength);
        AddText(InterfaceName, interfaceName);
        AddOption(Resolution, [9]); // 10^-9 s
        Add32(EndOfOptions);
        End(InterfaceDescription);
    }

    /// <summary>Writes one packet.</summary>
    /// <param name="time">Nanoseconds since 1970.</param>
    /// <param name="packet">What was kept of it, from its IP header on.</param>
    /// <param name="wireLength">Its length on the wire.</param>
    /// <param name="comment">What readers show beside it.</param>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Write(long time, ReadOnlySpan<byte> packet, int wireLength, string comment)
    {
        Add32(0); // the interface
        Add32((uint)(time >> 32));
        Add32((uint)time);
        Add32((uint)packet.Length);
        Add32((uint)wireLength);
        _body.Write(packet);
        Pad();
        AddText(Comment, comment);
        Add32(EndOfOptions);
        End(EnhancedPacket);
    }

    private void AddText(ushort code, string text) => AddOption(code, Encoding.UTF8.GetBytes(text));

    private void AddOption(ushort code, ReadOnlySpan<byte> value)
    {
        value = value[..Math.Min(value.Length, ushort.MaxValue)];
        Add16(code);
        Add16((ushort)value.Length);
        _body.Write(value);
        Pad();
    }

    private void Add16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        _body.Write(bytes);
    }

    private void Add32(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _body.Write(bytes);
    }

    private void Pad()
    {
        while (_body.WrittenCount % 4 != 0) _body.Write([(byte)0]);
    }

    private void End(uint type)
    {
        uint length = (uint)_body.WrittenCount + 12;
        Write32(type);
        Write32(length);
        _output.Write(_body.WrittenSpan);
        Write32(length);
        _body.ResetWrittenCount();
    }

    private void Write32(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        _output.Write(bytes);
    }
}
