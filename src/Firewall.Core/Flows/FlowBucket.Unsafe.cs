using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Firewall.Core.Flows;

/// <summary>
/// One cache line of the flow table's index: ten slots of a 16-bit tag and a 32-bit record number. The tag (16 bits of the hash,
/// never 0) rules out all but one in 6,500 foreign records before their memory is touched.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeInBytes)]
internal unsafe struct FlowBucket
{
    public const int SizeInBytes = 64;
    public const int Slots = 10;

    private const uint SlotMask = (1 << Slots) - 1;

    private fixed ushort _tags[Slots];
    private fixed int _records[Slots];

    /// <summary>How many records that belong to this bucket or to one in front went on to a bucket behind; 0 ends a search.</summary>
    public int Overflow;

    /// <summary>One bit for each slot that holds the tag; tag 0 finds the free slots. The loads read on into the record numbers.</summary>
    /// <remarks>
    /// Compiled ahead of time for any x86-64 processor, the portable way is a call and a loop; what every such processor has is four
    /// instructions.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint Find(ushort tag)
    {
        if (!Sse2.IsSupported)
            return Vector256.Equals(Vector256.LoadUnsafe(in _tags[0]), Vector256.Create(tag)).ExtractMostSignificantBits() & SlotMask;
        Vector128<ushort> wanted = Vector128.Create(tag);
        Vector128<short> first = Vector128.Equals(Vector128.LoadUnsafe(in _tags[0]), wanted).AsInt16();
        Vector128<short> second = Vector128.Equals(Vector128.LoadUnsafe(in _tags[0], 8), wanted).AsInt16();
        return (uint)Sse2.MoveMask(Sse2.PackSignedSaturate(first, second)) & SlotMask;
    }

    /// <summary>One bit for each slot in use.</summary>
    public readonly uint Used => ~Find(0) & SlotMask;

    public readonly ushort TagAt(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Slots);
        return _tags[slot];
    }

    public readonly int RecordAt(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Slots);
        return _records[slot];
    }

    /// <summary>Fills a free slot. The tag, which makes it count, comes last: whoever dies in between has added nothing.</summary>
    public void Set(int slot, ushort tag, int record)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Slots);
        _records[slot] = record;
        Volatile.Write(ref _tags[slot], tag);
    }

    /// <summary>Frees a slot. Before anything else happens to the record: whoever dies behind this has removed it.</summary>
    public void Free(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)Slots);
        Volatile.Write(ref _tags[slot], 0);
    }

    /// <summary>Takes the first set bit off a mask and returns its number.</summary>
    public static int TakeFirst(ref uint mask)
    {
        int slot = BitOperations.TrailingZeroCount(mask);
        mask &= mask - 1;
        return slot;
    }
}
