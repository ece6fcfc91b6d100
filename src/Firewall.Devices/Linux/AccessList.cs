using System.Buffers.Binary;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>Access lists of files (acl(5)), as the kernel takes them: linux/posix_acl_xattr.h.</summary>
internal static class AccessList
{
    private const string Attribute = "system.posix_acl_access";
    private const uint Version = 2;
    private const uint NoId = uint.MaxValue;
    private const ushort ReadAndWrite = 6;

    private enum Tag : ushort
    {
        Owner = 0x01,
        OwnGroup = 0x04,
        Group = 0x08,
        Mask = 0x10,
        Other = 0x20,
    }

    /// <summary>Lets the owner, a group, and perhaps the file's own group read and write a file, and nobody else.</summary>
    /// <param name="path">The file.</param>
    /// <param name="group">That group.</param>
    /// <param name="withOwnGroup">Whether the file's own group may too.</param>
    /// <exception cref="IOException">The file system has no access lists.</exception>
    public static void Allow(string path, uint group, bool withOwnGroup)
    {
        Span<(Tag Tag, ushort Rights, uint Id)> entries =
        [
            (Tag.Owner, ReadAndWrite, NoId),
            (Tag.OwnGroup, withOwnGroup ? ReadAndWrite : (ushort)0, NoId),
            (Tag.Group, ReadAndWrite, group),
            (Tag.Mask, ReadAndWrite, NoId),
            (Tag.Other, 0, NoId),
        ];
        const int HeaderLength = 4;
        const int EntryLength = 8;
        Span<byte> list = stackalloc byte[HeaderLength + (5 * EntryLength)];
        BinaryPrimitives.WriteUInt32LittleEndian(list, Version);
        for (int i = 0; i < entries.Length; i++)
        {
            Span<byte> entry = list[(HeaderLength + (i * EntryLength))..];
            BinaryPrimitives.WriteUInt16LittleEndian(entry, (ushort)entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], entries[i].Rights);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], entries[i].Id);
        }

        if (LibC.SetExtendedAttribute(path, Attribute, ref list[0], list.Length, 0) != 0)
            throw new IOException($"a second group cannot be let in ({ErrnoText.Last.Describe()})");
    }
}
