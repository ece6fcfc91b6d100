using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>Numbers of linux/netlink.h and linux/rtnetlink.h.</summary>
internal static class NetlinkMessage
{
    public const int HeaderLength = 16;

    public const ushort Error = 2;
    public const ushort Done = 3;

    public const ushort Request = 0x1;
    public const ushort Acknowledge = 0x4;
    public const ushort DumpInterrupted = 0x10;
    public const ushort Dump = 0x300;
    public const ushort Exclusive = 0x200;
    public const ushort Replace = 0x100;
    public const ushort Create = 0x400;
    public const ushort Capped = 0x100;
    public const ushort AcknowledgeAttributes = 0x200;

    public const ushort NewLink = 16;
    public const ushort DeleteLink = 17;
    public const ushort GetLink = 18;
    public const ushort SetLink = 19;
    public const ushort NewAddress = 20;
    public const ushort GetAddress = 22;
    public const ushort NewRoute = 24;
    public const ushort DeleteRoute = 25;
    public const ushort GetRoute = 26;
    public const ushort NewNeighbor = 28;
    public const ushort DeleteNeighbor = 29;
    public const ushort GetNeighbor = 30;
    public const ushort NewRule = 32;
    public const ushort DeleteRule = 33;
    public const ushort GetRule = 34;
    public const ushort SetNeighborTable = 67;

    public const byte IPv4 = 2;
    public const byte IPv6 = 10;

    /// <summary>Rounds up to the 4 bytes that netlink aligns to.</summary>
    public static int Align(int length) => (length + 3) & ~3;

    /// <summary>Reads a fixed part of a message in the machine's byte order.</summary>
    public static uint ReadUInt32(ReadOnlySpan<byte> bytes) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);

    /// <summary>Reads a fixed part of a message in the machine's byte order.</summary>
    public static ushort ReadUInt16(ReadOnlySpan<byte> bytes) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    /// <summary>Throws for an answer that does not follow the protocol.</summary>
    [DoesNotReturn]
    public static void ThrowMalformed(string what) => throw new NetlinkException($"the kernel's netlink answer cannot be read: {what}");

    /// <summary>Throws if a message's fixed part is cut.</summary>
    public static void RequireLength(ReadOnlySpan<byte> body, int length, string what)
    {
        if (body.Length < length) ThrowMalformed($"{what} of {body.Length} bytes, at least {length} expected");
    }
}
