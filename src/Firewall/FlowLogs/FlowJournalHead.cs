using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Firewall.FlowLogs;

/// <summary>The first page of a <see cref="FlowJournal"/>: what kind of file it is, and how far it and each log have come.</summary>
/// <param name="Head">Entries ever put in.</param>
/// <param name="Reached">For each kind of log the entries that it has; the largest number for one that there was not.</param>
internal readonly record struct FlowJournalHead(long Head, long[] Reached)
{
    /// <summary>Bytes.</summary>
    public const int Size = 4096;

    /// <summary>Kinds of logs.</summary>
    public const int Kinds = 3;

    /// <summary>Where <see cref="Head"/> stands.</summary>
    public const int HeadAt = 32;

    private const long Magic = 0x31444C4F54_5746; // "FWTOLD1"
    private const int SizesAt = 8;
    private const int BootIdAt = 16;

    /// <summary>Where <see cref="Reached"/> stands for a log.</summary>
    public static int ReachedAt(FlowLogKind kind) => HeadAt + sizeof(long) + ((int)kind * sizeof(long));

    /// <summary>The whole page.</summary>
    /// <param name="bootId">This start of the machine, from which the flows' clock counts.</param>
    /// <param name="recordSize">Bytes of an entry.</param>
    /// <param name="baselineSize">Bytes of a flow's last entry.</param>
    /// <param name="head"><see cref="Head"/>.</param>
    /// <param name="reached"><see cref="Reached"/>.</param>
    public static byte[] Write(Guid bootId, int recordSize, int baselineSize, long head, long[] reached)
    {
        byte[] page = new byte[Size];
        BinaryPrimitives.WriteInt64LittleEndian(page, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(page.AsSpan(SizesAt), recordSize);
        BinaryPrimitives.WriteInt32LittleEndian(page.AsSpan(SizesAt + sizeof(int)), baselineSize);
        bootId.TryWriteBytes(page.AsSpan(BootIdAt));
        MemoryMarshal.Write(page.AsSpan(HeadAt), head);
        MemoryMarshal.AsBytes(reached.AsSpan()).CopyTo(page.AsSpan(HeadAt + sizeof(long)));
        return page;
    }

    /// <summary>Reads the page. Null if it is of another kind, version or start of the machine.</summary>
    public static FlowJournalHead? Read(ReadOnlySpan<byte> page, Guid bootId, int recordSize, int baselineSize)
    {
        if (BinaryPrimitives.ReadInt64LittleEndian(page) != Magic
            || BinaryPrimitives.ReadInt32LittleEndian(page[SizesAt..]) != recordSize
            || BinaryPrimitives.ReadInt32LittleEndian(page[(SizesAt + sizeof(int))..]) != baselineSize
            || new Guid(page.Slice(BootIdAt, 16)) != bootId)
        {
            return null;
        }

        return new FlowJournalHead(MemoryMarshal.Read<long>(page[HeadAt..]), MemoryMarshal.Cast<byte, long>(page.Slice(HeadAt + sizeof(long), Kinds * sizeof(long))).ToArray());
    }
}

/// <summary>The kinds of flow logs, by their places in a <see cref="FlowJournalHead"/>.</summary>
internal enum FlowLogKind
{
    /// <summary>Azure's virtual network flow logs.</summary>
    Vnet,

    /// <summary>Azure's network security group flow logs.</summary>
    Nsg,

    /// <summary>JSON lines.</summary>
    Lines,
}

/// <summary>Where a journal outlives its process.</summary>
/// <param name="Path">Full path of its file.</param>
/// <param name="BootId">This start of the machine.</param>
internal sealed record FlowJournalPlace(string Path, Guid BootId);

/// <summary>An entry in a journal. Never leaves the machine, and is read by the same version only: as it lies in memory.</summary>
internal record struct FlowJournalRecord
{
    /// <summary>The entry.</summary>
    public FlowLogEntry Entry;

    /// <summary>What the flow had carried then.</summary>
    public FlowBaseline Last;
}
