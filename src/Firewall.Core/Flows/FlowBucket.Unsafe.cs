using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Firewall.Core.Flows;

/// <summary>
/// One cache line of the flow table's index: eight slots of a 16-bit tag and a 32-bit record number. The tag (16 bits of the hash,
/// never 0) rules out all but one in 8,000 foreign records before their memory is touched.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeInBytes)]
internal unsafe struct FlowBucket
{
    public const int SizeInBytes = 64;
    public const int Slots = 8;

    private fixed ushort _tags[Slots];
    private fixed int _records[Slots];

    /// <summary>How many records that belong to this bucket or to one in front went on to a bucket behind; 0 ends a search.</summary>
    public int Overflow;

    /// <summary>One bit for each slot that holds the tag; tag 0 finds the free slots.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint Find(ushort tag) =>
        Vector128.Equals(Vector128.LoadUnsafe(in _tags[0]), Vector128.Create(tag)).ExtractMostSignificantBits();

    public readonly int RecordAt(int slot) => _records[slot & (Slots - 1)];

    public void Set(int slot, ushort tag, int record)
    {
        _tags[slot & (Slots - 1)] = tag;
        _records[slot & (Slots - 1)] = record;
    }

    /// <summary>Takes the first set bit off a mask and returns its number.</summary>
    public static int TakeFirst(ref uint mask)
    {
        int slot = BitOperations.TrailingZeroCount(mask);
        mask &= mask - 1;
        return slot;
    }
}
