namespace Firewall.Core.Flows;

/// <summary>
/// The connection table: every tracked flow, with a fixed maximum. Right from any worker; all its memory is reserved at start and
/// committed as it is used.
/// </summary>
public sealed class FlowTable : IDisposable
{
    /// <summary>The most flows that a table can be made for.</summary>
    public const int LargestMaximum = 64 * 1024 * 1024;

    // A gap in time that the record's 32-bit milliseconds cannot measure: every flow's time is over by then.
    private const long LongestGap = int.MaxValue / 2;
    private const int SharedShards = 64;

    private readonly FlowShard[] _shards;
    private readonly FlowHash _hash;
    private readonly SourceCounters _sources;
    private long _lastAdvance = long.MinValue;

    /// <summary>Makes an empty table without other limits than its size.</summary>
    public FlowTable(int maxFlows)
        : this(new FlowLimits { MaxFlows = maxFlows, HalfOpenPercent = 100, MaxFlowsPerSource = 0, AdaptiveStartPercent = 100 })
    {
    }

    /// <summary>Makes an empty table.</summary>
    /// <param name="limits">Its size and what guards it. With several workers each shard holds its even share.</param>
    /// <param name="workers">How many workers will use it at once; with one there are no locks.</param>
    /// <param name="hash">Null takes a random key; tests give their own.</param>
    public FlowTable(FlowLimits limits, int workers = 1, FlowHash? hash = null)
    {
        ArgumentNullException.ThrowIfNull(limits);
        ArgumentOutOfRangeException.ThrowIfLessThan(limits.MaxFlows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limits.MaxFlows, LargestMaximum);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        int maxFlows = limits.MaxFlows;
        int shards = workers == 1 || maxFlows < SharedShards ? 1 : SharedShards;
        _hash = hash ?? FlowHash.CreateRandom();
        _sources = new SourceCounters(_hash, limits.SourceLimit);
        _shards = new FlowShard[shards];
        for (int i = 0; i < shards; i++)
        {
            int share = (maxFlows / shards) + (i < maxFlows % shards ? 1 : 0);
            _shards[i] = new FlowShard(share, workers > 1, _hash, _sources, limits);
        }

        MaxFlows = maxFlows;
    }

    /// <summary>The fixed maximum of flows.</summary>
    public int MaxFlows { get; }

    /// <summary>Flows in the table now. With several workers a close estimate.</summary>
    public int Count => _shards.Sum(static shard => shard.Count);

    /// <summary>The most flows at once so far; with several shards the sum of their own peaks, so an upper bound.</summary>
    public int Peak => _shards.Sum(static shard => shard.Peak);

    /// <summary>Flows ever created.</summary>
    public long Created => _shards.Sum(static shard => shard.Created);

    /// <summary>Flows that ended by their idle timeout.</summary>
    public long Expired => _shards.Sum(static shard => shard.Expired);

    /// <summary>Flows in the table whose ends have both agreed to talk.</summary>
    public int Assured => _shards.Sum(static shard => shard.Assured);

    /// <summary>Half-open flows that had to make room for new ones.</summary>
    public long Evicted => _shards.Sum(static shard => shard.Evicted);

    /// <summary>Memory reserved for flows, in bytes; committed only as far as it is used.</summary>
    public long SizeInBytes => _shards.Sum(static shard => shard.SizeInBytes);

    /// <summary>
    /// Removes flows whose time is over, a bounded amount of work per call. Call it before the packets of a batch, with their time.
    /// </summary>
    /// <param name="now">Milliseconds; not less than in the call before.</param>
    /// <param name="budget">The most records and timer slots to look at in each shard.</param>
    public void Advance(long now, int budget)
    {
        long last = Interlocked.Exchange(ref _lastAdvance, now);
        bool forgetAll = last != long.MinValue && now - last > LongestGap;
        foreach (FlowShard shard in _shards)
        {
            shard.Enter();
            if (forgetAll) shard.Clear();
            else shard.Advance(now, budget);
            shard.Exit();
        }

        if (forgetAll) _sources.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (FlowShard shard in _shards) shard.Dispose();
    }

    internal ulong HashOf(in FlowKey key) => _hash.Of(key);

    internal FlowShard ShardOf(ulong hash) => _shards[(int)(hash >> 32) & (_shards.Length - 1)];
}
