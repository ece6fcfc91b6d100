using System.Text;
using Firewall.Core.Packets;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>
/// Walks the attributes of a message, strictly: a length that does not fit is an error, never a silent end. Use as
/// <c>while (attributes.Next())</c>. Spans are borrowed from the message.
/// </summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    // NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags in the type's two upper bits.
    private const ushort TypeMask = 0x3FFF;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>The current attribute's type.</summary>
    public ushort Type { get; private set; }

    /// <summary>The current attribute's content.</summary>
    public ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The content as a 32-bit number.</summary>
    public readonly uint UInt32 => NetlinkMessage.ReadUInt32(Sized(4));

    /// <summary>The content as one byte.</summary>
    public readonly byte Byte => Sized(1)[0];

    /// <summary>The content as a zero-terminated text.</summary>
    public readonly string Text
    {
        get
        {
            int end = Value.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? Value : Value[..end]);
        }
    }

    /// <summary>The content as an address: 4 or 16 bytes.</summary>
    public readonly IpAddress Address
    {
        get
        {
            if (Value.Length == 4) return IpAddress.ReadIPv4(Value);
            if (Value.Length != 16) NetlinkMessage.ThrowMalformed($"an address of {Value.Length} bytes in attribute {Type}");
            return IpAddress.ReadIPv6(Value);
        }
    }

    /// <summary>The content as two 16-bit numbers, a range of ports.</summary>
    public readonly PortSpan Ports
    {
        get
        {
            ReadOnlySpan<byte> value = Sized(4);
            return new PortSpan(NetlinkMessage.ReadUInt16(value), NetlinkMessage.ReadUInt16(value[2..]));
        }
    }

    /// <summary>The content as attributes of its own.</summary>
    public readonly NetlinkAttributes Nested => new(Value);

    /// <summary>Steps to the next attribute; false at the end.</summary>
    public bool Next()
    {
        if (_rest.IsEmpty) return false;
        NetlinkMessage.RequireLength(_rest, 4, "an attribute");
        int length = NetlinkMessage.ReadUInt16(_rest);
        if (length < 4 || length > _rest.Length) NetlinkMessage.ThrowMalformed($"an attribute of {length} bytes where {_rest.Length} remain");
        Type = (ushort)(NetlinkMessage.ReadUInt16(_rest[2..]) & TypeMask);
        Value = _rest[4..length];
        _rest = _rest[Math.Min(NetlinkMessage.Align(length), _rest.Length)..];
        return true;
    }

    private readonly ReadOnlySpan<byte> Sized(int length)
    {
        if (Value.Length != length) NetlinkMessage.ThrowMalformed($"attribute {Type} has {Value.Length} bytes, {length} expected");
        return Value;
    }
}
