using System.Numerics;

namespace Firewall.Core.Flows;

/// <summary>
/// Where things lie in a flow table's region: a header page, then for each shard a page of its own figures, its index, the heads
/// and the tails of its records, and its timer slots. Everything is found by counting from the start, so that another process can map the region anywhere.
/// </summary>
internal readonly record struct FlowLayout
{
    /// <summary>Raised whenever the meaning of a byte in the region changes; a region of another version is not adopted.</summary>
    public const uint Version = 6;

    /// <summary>Parts start at multiples of this.</summary>
    public const int Alignment = 64;

    /// <summary>Bytes in front of the first shard.</summary>
    public const int HeaderLength = 4096;

    /// <summary>Slots of a shard's timer wheel.</summary>
    public const int WheelSlots = 1024;

    /// <summary>With several workers the table is cut into at most so many shards.</summary>
    public const int MaxShards = 64;

    // Flows fall into shards by their hash, so some get more than others: with fewer records a shard would be full long before the table is.
    private const int LeastRecords = 1024;

    // So few records for each slot: searches stay within two buckets nearly always, even in a full table, and one flow in twenty is not in its
    // first. At 0.9 one in nine is not, and a packet of a known flow takes 40.7 ns instead of 38.7; below 0.81 a flow takes more than 128 bytes.
    private const double Load = 0.82;

    /// <summary>The layout for a table of that size.</summary>
    public FlowLayout(int maxFlows, int shards)
    {
        MaxFlows = maxFlows;
        Shards = shards;
    }

    /// <summary>Records in all shards.</summary>
    public int MaxFlows { get; }

    /// <summary>How many shards, a power of two.</summary>
    public int Shards { get; }

    /// <summary>The whole region's length.</summary>
    public long Length => OffsetOf(Shards);

    /// <summary>The layout of a table for so many workers.</summary>
    public static FlowLayout For(int maxFlows, int workers) =>
        new(maxFlows, workers == 1 || maxFlows < LeastRecords ? 1 : Math.Min(MaxShards, 1 << BitOperations.Log2((uint)(maxFlows / LeastRecords))));

    /// <summary>True for a number of shards that a table can have.</summary>
    public static bool CanHave(int shards) => shards is > 0 and <= MaxShards && BitOperations.IsPow2(shards);

    /// <summary>Records of a shard: an even share.</summary>
    public int RecordsOf(int shard) => (MaxFlows / Shards) + (shard < MaxFlows % Shards ? 1 : 0);

    /// <summary>Buckets of a shard's index.</summary>
    public static int BucketsFor(int records) => Math.Max(1, (int)Math.Ceiling(records / Load / FlowBucket.Slots));

    /// <summary>Where a shard starts.</summary>
    public long OffsetOf(int shard)
    {
        int larger = Math.Min(shard, MaxFlows % Shards);
        return HeaderLength + (larger * LengthFor((MaxFlows / Shards) + 1)) + ((shard - larger) * LengthFor(MaxFlows / Shards));
    }

    /// <summary>Bytes of a shard with so many records.</summary>
    public static long LengthFor(int records) =>
        Aligned(((long)BucketsFor(records) * FlowBucket.SizeInBytes) + ((long)records * FlowRecord.SizeInBytes) + (WheelSlots * sizeof(int)));

    private static long Aligned(long length) => (length + Alignment - 1) & -Alignment;
}
