using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Firewall.Core.Flows;

/// <summary>
/// The memory of one shard of the flow table: buckets, records and timer slots in one region outside of the managed heap, addressed
/// by index only. Zeroed at first and committed by the operating system page by page as it is touched, so that a large, empty table
/// costs little. Every access is checked against the counts.
/// </summary>
internal sealed unsafe class FlowMemory : IDisposable
{
    private const int CacheLine = 64;

    private readonly byte* _region;
    private readonly FlowBucket* _buckets;
    private readonly FlowRecord* _records;
    private readonly int* _slots;
    private readonly int _recordCount;
    private readonly int _bucketCount;
    private readonly int _slotCount;
    private bool _disposed;

    public FlowMemory(int recordCount, int bucketCount, int slotCount)
    {
        nuint bucketBytes = (nuint)bucketCount * FlowBucket.SizeInBytes;
        nuint recordBytes = (nuint)recordCount * FlowRecord.SizeInBytes;
        nuint length = bucketBytes + recordBytes + ((nuint)slotCount * sizeof(int));
        Length = (long)length;
        _region = (byte*)NativeMemory.AllocZeroed(length + CacheLine);
        byte* aligned = (byte*)(((nuint)_region + CacheLine - 1) & ~(nuint)(CacheLine - 1));
        _buckets = (FlowBucket*)aligned;
        _records = (FlowRecord*)(aligned + bucketBytes);
        _slots = (int*)(aligned + bucketBytes + recordBytes);
        _recordCount = recordCount;
        _bucketCount = bucketCount;
        _slotCount = slotCount;
    }

    /// <summary>The region's size in bytes.</summary>
    public long Length { get; }

    ~FlowMemory() => Free();

    public ref FlowBucket Bucket(int index)
    {
        if ((uint)index >= (uint)_bucketCount) ThrowOutOfRange();
        return ref _buckets[index];
    }

    /// <summary>The record of that 0-based index.</summary>
    public ref FlowRecord Record(int index)
    {
        if ((uint)index >= (uint)_recordCount) ThrowOutOfRange();
        return ref _records[index];
    }

    /// <summary>The index of a record that <see cref="Record"/> gave.</summary>
    public int IndexOf(ref FlowRecord record) =>
        (int)(Unsafe.ByteOffset(ref Unsafe.AsRef<FlowRecord>(_records), ref record) / FlowRecord.SizeInBytes);

    /// <summary>The first record of a timer slot, 1-based; 0 if the slot is empty.</summary>
    public ref int Slot(int index)
    {
        if ((uint)index >= (uint)_slotCount) ThrowOutOfRange();
        return ref _slots[index];
    }

    /// <summary>Empties buckets and timer slots; the records stay as they are.</summary>
    public void Clear()
    {
        NativeMemory.Clear(_buckets, (nuint)_bucketCount * FlowBucket.SizeInBytes);
        NativeMemory.Clear(_slots, (nuint)_slotCount * sizeof(int));
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_disposed) return;
        _disposed = true;
        NativeMemory.Free(_region);
    }

    private static void ThrowOutOfRange() => throw new InvalidOperationException("The flow table points outside of its memory.");
}
