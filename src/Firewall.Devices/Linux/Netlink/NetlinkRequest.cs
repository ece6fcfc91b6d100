using System.Text;
using Firewall.Core.Packets;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>Builds one netlink request: header, fixed part, attributes.</summary>
internal sealed class NetlinkRequest
{
    private const ushort NestedFlag = 0x8000;

    private byte[] _bytes = new byte[256];
    private int _length = NetlinkMessage.HeaderLength;

    /// <param name="type">RTM_…</param>
    /// <param name="flags">NLM_F_… beside NLM_F_REQUEST, which is always set.</param>
    /// <param name="what">What the request does, for error messages: "adding the route …".</param>
    public NetlinkRequest(ushort type, ushort flags, string what)
    {
        Type = type;
        Flags = (ushort)(flags | NetlinkMessage.Request);
        What = what;
    }

    public ushort Type { get; }

    public ushort Flags { get; }

    public string What { get; }

    /// <summary>Appends one byte of the fixed part.</summary>
    public NetlinkRequest Byte(byte value)
    {
        Grow(1)[0] = value;
        return this;
    }

    /// <summary>Appends 16 bits of the fixed part.</summary>
    public NetlinkRequest UInt16(ushort value)
    {
        BitConverter.TryWriteBytes(Grow(2), value);
        return this;
    }

    /// <summary>Appends 32 bits of the fixed part.</summary>
    public NetlinkRequest UInt32(uint value)
    {
        BitConverter.TryWriteBytes(Grow(4), value);
        return this;
    }

    /// <summary>Appends an attribute of one byte.</summary>
    public NetlinkRequest Attribute(ushort type, byte value)
    {
        AttributeSpace(type, 1)[0] = value;
        return this;
    }

    /// <summary>Appends an attribute of 32 bits.</summary>
    public NetlinkRequest Attribute(ushort type, uint value)
    {
        BitConverter.TryWriteBytes(AttributeSpace(type, 4), value);
        return this;
    }

    /// <summary>Appends an attribute of 64 bits.</summary>
    public NetlinkRequest Attribute(ushort type, ulong value)
    {
        BitConverter.TryWriteBytes(AttributeSpace(type, 8), value);
        return this;
    }

    /// <summary>Appends a zero-terminated text.</summary>
    public NetlinkRequest Attribute(ushort type, string value)
    {
        Span<byte> space = AttributeSpace(type, Encoding.UTF8.GetByteCount(value) + 1);
        space[Encoding.UTF8.GetBytes(value, space)] = 0;
        return this;
    }

    /// <summary>Appends an address in network order.</summary>
    public NetlinkRequest Attribute(ushort type, IpAddress value)
    {
        value.WriteBytes(AttributeSpace(type, value.IsIPv4 ? 4 : 16));
        return this;
    }

    /// <summary>Appends a range of ports.</summary>
    public NetlinkRequest Attribute(ushort type, PortSpan value)
    {
        Span<byte> space = AttributeSpace(type, 4);
        BitConverter.TryWriteBytes(space, value.First);
        BitConverter.TryWriteBytes(space[2..], value.Last);
        return this;
    }

    /// <summary>Appends an attribute that holds what <paramref name="content"/> appends.</summary>
    public NetlinkRequest Nest(ushort type, Action<NetlinkRequest> content)
    {
        int start = _length;
        AttributeSpace((ushort)(type | NestedFlag), 0);
        content(this);
        BitConverter.TryWriteBytes(_bytes.AsSpan(start), (ushort)(_length - start));
        return this;
    }

    /// <summary>The whole message with its header.</summary>
    public ReadOnlySpan<byte> Finish(uint sequence, ushort extraFlags)
    {
        Span<byte> header = _bytes.AsSpan(0, NetlinkMessage.HeaderLength);
        BitConverter.TryWriteBytes(header, (uint)_length);
        BitConverter.TryWriteBytes(header[4..], Type);
        BitConverter.TryWriteBytes(header[6..], (ushort)(Flags | extraFlags));
        BitConverter.TryWriteBytes(header[8..], sequence);
        header[12..].Clear();
        return _bytes.AsSpan(0, _length);
    }

    private Span<byte> AttributeSpace(ushort type, int length)
    {
        Span<byte> space = Grow(NetlinkMessage.Align(4 + length));
        space.Clear();
        BitConverter.TryWriteBytes(space, (ushort)(4 + length));
        BitConverter.TryWriteBytes(space[2..], type);
        return space.Slice(4, length);
    }

    private Span<byte> Grow(int length)
    {
        if (_bytes.Length - _length < length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + length));
        Span<byte> space = _bytes.AsSpan(_length, length);
        _length += length;
        return space;
    }
}
