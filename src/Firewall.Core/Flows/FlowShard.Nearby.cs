using System.Runtime.CompilerServices;

namespace Firewall.Core.Flows;

/// <content>Finding in three steps, with time between them, so that the looks at far memory of many packets overlap.</content>
internal sealed partial class FlowShard
{
    /// <summary>Brings the index near for a search that comes soon. Needs no lock.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void PrefetchIndex(ulong hash) => _memory.PrefetchBucket(HomeOf(hash));

    /// <summary>
    /// Brings the record near, some time after <see cref="PrefetchIndex"/>, and returns its number for <see cref="Find(in FlowKey, ulong, int, uint)"/>;
    /// -1 if there is none nearby. Needs no lock: what another worker is changing is only a hint that leads to the wrong place.
    /// </summary>
    public int PrefetchRecord(ulong hash)
    {
        ref FlowBucket bucket = ref _memory.Bucket(HomeOf(hash));
        uint matches = bucket.Find(TagOf(hash));
        if (matches == 0) return -1;
        int number = bucket.RecordAt(FlowBucket.TakeFirst(ref matches));
        _memory.PrefetchRecord(number);
        return number;
    }

    /// <summary>The same as <see cref="Find(in FlowKey, ulong, uint)"/>, if it is in all likelihood the record of that number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref FlowRecord Find(scoped in FlowKey key, ulong hash, int number, uint now)
    {
        if ((uint)number < (uint)_capacity)
        {
            // Freed ones keep their addresses, but have no state.
            ref FlowRecord record = ref _memory.Record(number);
            if (record.Matches(key) && record.State != 0 && !record.IsExpired(now)) return ref record;
        }

        return ref Find(key, hash, now);
    }
}
