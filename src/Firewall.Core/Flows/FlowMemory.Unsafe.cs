using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Firewall.Core.Flows;

/// <summary>
/// One shard's part of a flow region: buckets, records and timer slots, addressed by index only. Every access is checked against the
/// counts.
/// </summary>
internal readonly unsafe struct FlowMemory
{
    private readonly FlowRegion _region; // keeps the memory alive
    private readonly FlowBucket* _buckets;
    private readonly FlowHead* _heads;
    private readonly FlowTail* _tails;
    private readonly int* _slots;

    public FlowMemory(FlowRegion region, in FlowLayout layout, int shard)
    {
        Records = layout.RecordsOf(shard);
        Buckets = FlowLayout.BucketsFor(Records);
        long start = layout.OffsetOf(shard);
        if (start < 0 || start + FlowLayout.LengthFor(Records) > region.Length) throw new ArgumentException("The region is too small for its layout.");
        _region = region;
        byte* part = (byte*)_region.Address + start;
        _buckets = (FlowBucket*)part;
        _heads = (FlowHead*)(part + ((long)Buckets * FlowBucket.SizeInBytes));
        _tails = (FlowTail*)(_heads + Records);
        _slots = (int*)(_tails + Records);
    }

    /// <summary>How many records there are.</summary>
    public int Records { get; }

    /// <summary>How many buckets there are.</summary>
    public int Buckets { get; }

    public ref FlowBucket Bucket(int index)
    {
        if ((uint)index >= (uint)Buckets) ThrowOutOfRange();
        return ref _buckets[index];
    }

    /// <summary>The head of the record of that 0-based index.</summary>
    public ref FlowHead Head(int index)
    {
        if ((uint)index >= (uint)Records) ThrowOutOfRange();
        return ref _heads[index];
    }

    /// <summary>The tail of the record of that 0-based index.</summary>
    public ref FlowTail Tail(int index)
    {
        if ((uint)index >= (uint)Records) ThrowOutOfRange();
        return ref _tails[index];
    }

    /// <summary>The tail that belongs to a head that <see cref="Head"/> gave.</summary>
    public ref FlowTail TailOf(ref FlowHead head) => ref Tail(IndexOf(ref head));

    /// <summary>Asks the processor to bring a bucket near; a help that changes nothing. An index out of range is ignored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchBucket(int index)
    {
        if (Sse.IsSupported && (uint)index < (uint)Buckets) Sse.Prefetch0(_buckets + index);
    }

    /// <summary>The same for a record: one cache line, and one or two for its tail.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchRecord(int index, bool withTail)
    {
        if (!Sse.IsSupported || (uint)index >= (uint)Records) return;
        Sse.Prefetch0(_heads + index);
        if (!withTail) return;
        Sse.Prefetch0(_tails + index);
        Sse.Prefetch0((byte*)(_tails + index + 1) - 1);
    }

    /// <summary>The index of a record whose head <see cref="Head"/> gave.</summary>
    public int IndexOf(ref FlowHead head) => (int)((ulong)Unsafe.ByteOffset(ref Unsafe.AsRef<FlowHead>(_heads), ref head) / FlowHead.SizeInBytes);

    /// <summary>The first record of a timer slot, 1-based; 0 if the slot is empty.</summary>
    public ref int Slot(int index)
    {
        if ((uint)index >= FlowLayout.WheelSlots) ThrowOutOfRange();
        return ref _slots[index];
    }

    /// <summary>Empties buckets and timer slots; the records stay as they are.</summary>
    public void Clear()
    {
        NativeMemory.Clear(_buckets, (nuint)Buckets * FlowBucket.SizeInBytes);
        NativeMemory.Clear(_slots, FlowLayout.WheelSlots * sizeof(int));
    }

    private static void ThrowOutOfRange() => throw new InvalidOperationException("The flow table points outside of its memory.");
}
