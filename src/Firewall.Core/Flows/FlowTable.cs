using System.Runtime.CompilerServices;

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

    private readonly FlowRegion _region;
    private readonly FlowShard[] _shards;
    private readonly FlowHash _hash;
    private readonly SourceCounters _sources;
    private readonly HandshakeGate _gate;
    private long _lastAdvance = long.MinValue;
    private int _nextShard;

    /// <summary>Makes an empty table without other limits than its size.</summary>
    public FlowTable(int maxFlows)
        : this(new FlowLimits { MaxFlows = maxFlows, HalfOpenPercent = 100, MaxFlowsPerSource = 0, AdaptiveStartPercent = 100, HandshakesPerSecond = 0 })
    {
    }

    /// <summary>Makes an empty table.</summary>
    /// <param name="limits">Its size and what guards it. With several workers each shard holds its even share.</param>
    /// <param name="workers">How many workers will use it at once; with one there are no locks.</param>
    /// <param name="region">Zeroed memory of <see cref="LengthFor"/> bytes that the table then owns; null takes private memory.</param>
    /// <param name="bootId">Names this start of the machine, from which the clock counts; for <see cref="Adopt"/> by a later process.</param>
    public FlowTable(FlowLimits limits, int workers = 1, FlowRegion? region = null, Guid bootId = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        FlowLayout layout = LayoutFor(limits, workers);
        _region = region ?? FlowRegion.Create(layout.Length);
        var key = default(FlowHeader.HashKey);
        RandomKey.Fill(key);
        FlowHeader.Of(_region).Write(layout, bootId, key);
        _hash = new FlowHash(key);
        _sources = new SourceCounters(_hash, limits.SourceLimit);
        _gate = new HandshakeGate(limits.MaxFlows, limits.HandshakesPerSecond);
        _shards = new FlowShard[layout.Shards];
        for (int i = 0; i < _shards.Length; i++) _shards[i] = new FlowShard(new FlowMemory(_region, layout, i), workers > 1, _hash, _sources, limits);
        MaxFlows = limits.MaxFlows;
    }

    /// <summary>The fixed maximum of flows.</summary>
    public int MaxFlows { get; }

    /// <summary>How many shards: the bound of <see cref="FlowSlot.Shard"/>.</summary>
    public int ShardCount => _shards.Length;

    /// <summary>How many records of a shard have ever been used, at most: the bound of <see cref="FlowSlot.Number"/> of now.</summary>
    public int EverUsed => _shards.Max(static shard => shard.EverUsed);

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

    /// <summary>Flows that an operator ended.</summary>
    public long Killed => _shards.Sum(static shard => shard.Killed);

    /// <summary>
    /// What a rule's flows have carried that left the table. Read it before a <see cref="FlowWalk"/> over those that are in it: then no packet
    /// is in both, and one of a flow that ends meanwhile may be in neither.
    /// </summary>
    /// <param name="rule">The rule's number.</param>
    /// <returns>Packets, and bytes with IP headers. An adopted flow brings what it has carried before.</returns>
    public (long Packets, long Bytes) EndedTrafficOf(int rule) =>
        (_shards.Sum(shard => shard.Traffic.PacketsOf(rule)), _shards.Sum(shard => shard.Traffic.BytesOf(rule)));

    /// <summary>Memory reserved for flows, in bytes; committed only as far as it is used.</summary>
    public long SizeInBytes => _region.Length;

    /// <summary>
    /// Removes flows whose time is over, a bounded amount of work per call. Call it before the packets of a batch, with their time.
    /// </summary>
    /// <param name="now">Milliseconds; not less than in the call before.</param>
    /// <param name="budget">The most records and timer slots to look at, in all shards together.</param>
    /// <returns>True if that did not suffice: there is more to do at once.</returns>
    public bool Advance(long now, int budget)
    {
        long last = Interlocked.Exchange(ref _lastAdvance, now);
        bool forgetAll = last != long.MinValue && now - last > LongestGap;
        int left = budget;
        int first = _nextShard;
        for (int i = 0; i < _shards.Length; i++)
        {
            int at = (first + i) & (_shards.Length - 1);
            FlowShard shard = _shards[at];
            shard.Enter();
            if (forgetAll) shard.Clear();
            else left = shard.Advance(now, left);
            shard.Exit();

            // Whoever gets nothing of the budget now is the first next time.
            if (left > 0 || i == 0) _nextShard = (at + 1) & (_shards.Length - 1);
        }

        if (forgetAll) _sources.Clear();
        return left == 0 && budget > 0;
    }

    /// <summary>The bytes of memory that a table needs.</summary>
    public static long LengthFor(FlowLimits limits, int workers) => LayoutFor(limits, workers).Length;

    /// <summary>The bytes that an earlier table takes in its memory; 0 if it is none that could be adopted.</summary>
    /// <param name="old">The earlier table's memory.</param>
    /// <param name="bootId">This start of the machine.</param>
    public static long LengthOf(FlowRegion old, Guid bootId)
    {
        ArgumentNullException.ThrowIfNull(old);
        if (old.Length < FlowLayout.HeaderLength) return 0;
        FlowHeader header = FlowHeader.Of(old);
        return header.FindFault(bootId, old.Length) is null ? new FlowLayout(header.MaxFlows, header.Shards).Length : 0;
    }

    /// <summary>
    /// Takes over the flows that an earlier process left behind in its region. Nothing in it is trusted but whole records: a record counts
    /// if the index points to it with the tag of its own key, and if nobody was changing it. The region itself stays as it is.
    /// </summary>
    /// <param name="old">The earlier table's memory; no process may be writing to it.</param>
    /// <param name="bootId">This start of the machine.</param>
    /// <param name="now">Milliseconds of the same clock that the earlier process had.</param>
    /// <param name="ruleOf">The number here of a rule that had that number there; null: all flows lose their rule's name.</param>
    /// <param name="onExpired">Called with each flow whose time was over before it could be taken over, its rule's number being one of here; may be null.</param>
    /// <remarks>
    /// An adopted flow has policy version 0, which no loaded policy has: with flushConnection it is judged again at its next packet, without
    /// it stays.
    /// </remarks>
    public FlowAdoption Adopt(FlowRegion old, Guid bootId, long now, Func<int, int>? ruleOf = null, Action<FlowRecord>? onExpired = null)
    {
        ArgumentNullException.ThrowIfNull(old);
        if (old.Length < FlowLayout.HeaderLength) return new FlowAdoption("it is too short for a flow table", 0, 0, 0);
        FlowHeader header = FlowHeader.Of(old);
        if (header.FindFault(bootId, old.Length) is string fault) return new FlowAdoption(fault, 0, 0, 0);
        Advance(now, 0);
        var layout = new FlowLayout(header.MaxFlows, header.Shards);
        var hash = new FlowHash(header.Key);
        int adopted = 0;
        int expired = 0;
        int torn = 0;
        for (int i = 0; i < layout.Shards; i++)
        {
            var memory = new FlowMemory(old, layout, i);
            for (int at = 0; at < memory.Buckets; at++)
            {
                ref FlowBucket bucket = ref memory.Bucket(at);
                uint used = bucket.Used;
                while (used != 0)
                {
                    int slot = FlowBucket.TakeFirst(ref used);
                    uint number = (uint)bucket.RecordAt(slot);
                    if (number >= (uint)memory.Records || !IsWhole(memory.Head((int)number), bucket.TagAt(slot), hash)) torn++;
                    else if (Take(new FlowRecord(memory.Head((int)number), memory.Tail((int)number)))) adopted++;
                }
            }
        }

        return new FlowAdoption(null, adopted, expired, torn);

        bool Take(FlowRecord record)
        {
            record.Head.Rule = ruleOf?.Invoke(record.Rule) ?? 0;
            record.Tail.PolicyVersion = 0;
            if (record.IsExpired((uint)now))
            {
                expired++;
                onExpired?.Invoke(record);
                return false;
            }

            if (Import(record, now)) return true;
            torn++;
            return false;
        }
    }

    /// <summary>
    /// From now on tells every flow that begins or ends. Call it before workers use the table, and once.
    /// </summary>
    /// <param name="capacity">Events in all rings together; what finds its ring full is counted as lost.</param>
    /// <returns>One ring for each shard, each for one consumer; a flow's events are all in the same one, in their order.</returns>
    public IReadOnlyList<EventRing<FlowEvent>> Tell(int capacity) =>
        [.. _shards.Select(shard => shard.Tell(Math.Max(capacity / _shards.Length, 1)))];

    /// <inheritdoc/>
    public void Dispose() => _region.Dispose();

    private static FlowLayout LayoutFor(FlowLimits limits, int workers)
    {
        ArgumentNullException.ThrowIfNull(limits);
        ArgumentOutOfRangeException.ThrowIfLessThan(limits.MaxFlows, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limits.MaxFlows, LargestMaximum);
        return FlowLayout.For(limits.MaxFlows, workers);
    }

    private static bool IsWhole(in FlowHead record, ushort tag, FlowHash hash) =>
        (record.Flags & FlowFlags.Changing) == 0
        && record.HasKnownState
        && record.Low <= record.High
        && FlowShard.TagOf(hash.Of(FlowShard.KeyOf(record))) == tag;

    private bool Import(in FlowRecord record, long now)
    {
        FlowKey key = FlowShard.KeyOf(record.Head);
        ulong hash = HashOf(key);
        FlowShard shard = ShardOf(hash);
        return Unsafe.IsNullRef(ref shard.Find(key, hash, (uint)now)) && shard.Import(record, key, hash, now);
    }

    /// <summary>Whether a connection request with that hash may open a flow; see <see cref="HandshakeGate"/>.</summary>
    internal bool AdmitsHandshake(ulong hash, long now) => _gate.Admits(hash, ShardOf(hash).IsHalfOpenFull, now);

    /// <summary>Ends a flow. Called by a worker. False if it has ended already.</summary>
    /// <param name="end">Which one.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="ended">The flow as it was.</param>
    internal bool Kill(in FlowEnd end, long now, out FlowRecord ended)
    {
        ulong hash = HashOf(end.Key);
        FlowShard shard = ShardOf(hash);
        shard.Enter();
        bool isKilled = shard.Kill(end, hash, (uint)now, out ended);
        shard.Exit();
        return isKilled;
    }

    internal FlowShard[] Shards => _shards;

    internal ref readonly FlowHash Hash => ref _hash;

    internal ulong HashOf(in FlowKey key) => _hash.Of(key);

    internal FlowShard ShardOf(ulong hash) => ShardOf(_shards, hash);

    /// <summary>For who keeps the shards at hand: one load less in the chain that a packet's lookup waits for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static FlowShard ShardOf(FlowShard[] shards, ulong hash) => shards[(int)(hash >> 32) & (shards.Length - 1)];
}
