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
    /// <param name="hash">The key's hash.</param>
    /// <param name="withTail">Whether the tail is needed too.</param>
    /// <param name="isFurther">True if its home in the index was full, and the next bucket was brought near for <see cref="PrefetchFurther"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int PrefetchRecord(ulong hash, bool withTail, out bool isFurther)
    {
        int home = HomeOf(hash);
        ref FlowBucket bucket = ref _memory.Bucket(home);
        uint matches = bucket.Find(TagOf(hash));
        isFurther = matches == 0 && bucket.Overflow != 0;
        if (isFurther) _memory.PrefetchBucket(home + 1);
        return matches == 0 ? -1 : PrefetchFirst(ref bucket, matches, withTail);
    }

    /// <summary>
    /// The same in the buckets behind its home. In a full table one flow in twenty is there, and each that was not brought near costs a look at
    /// far memory.
    /// </summary>
    public int PrefetchFurther(ulong hash, bool withTail)
    {
        const int Looks = 8;
        int index = HomeOf(hash);
        for (int look = 0; look < Looks; look++)
        {
            if (++index == _bucketCount) index = 0;
            ref FlowBucket bucket = ref _memory.Bucket(index);
            uint matches = bucket.Find(TagOf(hash));
            if (matches != 0) return PrefetchFirst(ref bucket, matches, withTail);
            if (bucket.Overflow == 0) break;
        }

        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int PrefetchFirst(ref FlowBucket bucket, uint matches, bool withTail)
    {
        int number = bucket.RecordAt(FlowBucket.TakeFirst(ref matches));
        _memory.PrefetchRecord(number, withTail);
        return number;
    }

    /// <summary>The same as <see cref="Find(in FlowKey, ulong, uint)"/>, if it is in all likelihood the record of that number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref FlowHead Find(scoped in FlowKey key, ulong hash, int number, uint now)
    {
        if ((uint)number < (uint)_capacity)
        {
            // Freed ones keep their addresses, but have no state.
            ref FlowHead record = ref _memory.Head(number);
            if (record.Matches(key) && record.State != 0 && !record.IsExpired(now)) return ref record;
        }

        return ref Find(key, hash, now);
    }
}
