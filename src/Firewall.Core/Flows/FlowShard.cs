using System.Runtime.CompilerServices;

namespace Firewall.Core.Flows;

/// <summary>
/// A part of the flow table with its own index, records, timer wheel and lock. A flow lives in the shard that its hash names, so
/// that a packet needs one shard only, whichever worker it comes to.
/// </summary>
/// <remarks>
/// The index is open addressing over buckets of ten: a record goes into the first bucket from its home on that has a free slot, and
/// every full bucket it passes counts it, so that a search ends where nothing went on and a removal leaves no tombstone.
/// The timer wheel is lazy: a packet only moves the record's deadline, and the wheel looks again when the old one comes up.
/// </remarks>
internal sealed partial class FlowShard
{
    private const int WheelSlots = FlowLayout.WheelSlots;
    private const int TickShift = 10; // one tick is 1,024 ms

    private readonly FlowMemory _memory;
    private readonly int _bucketCount;
    private readonly int _capacity;
    private readonly int _halfOpenLimit;
    private readonly int _adaptiveStart;
    private readonly bool _isShared;
    private readonly FlowHash _hash;
    private readonly SourceCounters _sources;
    private int _lock;
    private int _firstFree;
    private int _everUsed;
    private long _wheelTick = -1;
    private uint _random = 0x9E37_79B9;

    public FlowShard(FlowMemory memory, bool isShared, FlowHash hash, SourceCounters sources, FlowLimits limits)
    {
        _memory = memory;
        _capacity = memory.Records;
        _bucketCount = memory.Buckets;
        _halfOpenLimit = Math.Max(1, (int)((long)_capacity * limits.HalfOpenPercent / 100));
        _adaptiveStart = (int)((long)_capacity * limits.AdaptiveStartPercent / 100);
        _isShared = isShared;
        _hash = hash;
        _sources = sources;
    }

    /// <summary>Records in use.</summary>
    public int Count { get; private set; }

    /// <summary>The most records that were ever in use at once.</summary>
    public int Peak { get; private set; }

    /// <summary>Records ever created.</summary>
    public long Created { get; private set; }

    /// <summary>Records that idled out.</summary>
    public long Expired { get; private set; }

    /// <summary>Records in use whose ends have both agreed to talk.</summary>
    public int Assured { get; private set; }

    /// <summary>Half-open records that had to make room.</summary>
    public long Evicted { get; private set; }

    /// <summary>Records that an operator ended.</summary>
    public long Killed { get; private set; }

    /// <summary>Records from here on have never been used. May be read without the lock.</summary>
    public int EverUsed => Math.Min(Volatile.Read(ref _everUsed), _capacity);

    /// <summary>True if a new half-open record takes the place of another one. May be read without the lock.</summary>
    public bool IsHalfOpenFull => Count - Assured >= _halfOpenLimit;

    /// <summary>
    /// Takes the shard. The critical sections are some tens of nanoseconds long and hold no call that waits, so a second worker spins;
    /// with one worker there is no lock at all.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enter()
    {
        if (_isShared && Interlocked.CompareExchange(ref _lock, 1, 0) != 0) Spin();
    }

    /// <summary>Gives the shard back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Exit()
    {
        if (_isShared) Volatile.Write(ref _lock, 0);
    }

    /// <summary>The live record of that key, or a null reference. The record of a flow whose time is over is removed here.</summary>
    public ref FlowHead Find(scoped in FlowKey key, ulong hash, uint now)
    {
        ushort tag = TagOf(hash);
        int index = HomeOf(hash);
        for (int probed = 0; probed < _bucketCount; probed++)
        {
            ref FlowBucket bucket = ref _memory.Bucket(index);
            uint matches = bucket.Find(tag);
            while (matches != 0)
            {
                ref FlowHead record = ref _memory.Head(bucket.RecordAt(FlowBucket.TakeFirst(ref matches)));
                if (!record.Matches(key)) continue;
                if (!record.IsExpired(now)) return ref record;
                Expired++;
                Remove(ref record, hash, now);
                return ref Unsafe.NullRef<FlowHead>();
            }

            if (bucket.Overflow == 0) break;
            if (++index == _bucketCount) index = 0;
        }

        return ref Unsafe.NullRef<FlowHead>();
    }

    /// <summary>
    /// A new record with key, originator and times set and all else zero. A null reference if there is no room: the table is full of flows
    /// that are worth more than this one, or the source has its fill.
    /// </summary>
    public ref FlowHead Add(scoped in FlowKey key, bool fromHigh, ulong hash, uint now, out FlowRefusal refusal)
    {
        refusal = FlowRefusal.None;
        if (!_sources.TryAdd(fromHigh ? key.High : key.Low))
        {
            // Before anybody has to make room for it.
            refusal = FlowRefusal.SourceLimit;
            return ref Unsafe.NullRef<FlowHead>();
        }

        if (Count == _capacity || IsHalfOpenFull) EvictHalfOpen(now);
        if (Count == _capacity)
        {
            _sources.Remove(fromHigh ? key.High : key.Low);
            refusal = FlowRefusal.TableFull;
            return ref Unsafe.NullRef<FlowHead>();
        }

        int number = TakeFreeRecord();
        ref FlowHead record = ref _memory.Head(number);
        record = default;
        ref FlowTail tail = ref _memory.Tail(number);
        tail = default;
        record.Low = key.Low;
        record.High = key.High;
        record.LowPort = key.LowPort;
        record.HighPort = key.HighPort;
        record.Protocol = key.Protocol;
        record.Flags = FlowFlags.Changing | (fromHigh ? FlowFlags.OriginatorIsHigh : FlowFlags.None);
        tail.Started = now;
        record.See(now, now);
        Index(number, hash);
        Count++;
        Created++;
        if (Count > Peak) Peak = Count;
        return ref record;
    }

    /// <summary>Takes in a whole record of another table. False if there is no room.</summary>
    public bool Import(in FlowRecord other, in FlowKey key, ulong hash, long now)
    {
        ref FlowHead record = ref Add(key, other.IsForward(true), hash, (uint)now, out _);
        if (Unsafe.IsNullRef(ref record)) return false;
        ref FlowTail tail = ref TailOf(ref record);
        tail = other.Tail;
        tail.Next = 0;
        tail.Previous = 0;
        FlowHead head = other.Head; // still marked as being changed: also here no half record is ever taken for a whole one
        head.Flags |= FlowFlags.Changing;
        record = head;
        if ((record.Flags & FlowFlags.Assured) != 0) Assured++;
        Schedule(ref record, now);
        record.EndChange();
        return true;
    }

    /// <summary>Puts a new record on the timer wheel, once its first deadline is known.</summary>
    public void Schedule(ref FlowHead record, long now) => LinkAt(_memory.IndexOf(ref record), SlotFor(record.Deadline, now));

    /// <summary>Moves a record on the wheel whose deadline has come closer; one that moved away needs no call.</summary>
    public void Reschedule(ref FlowHead record, long now)
    {
        Unlink(ref TailOf(ref record));
        Schedule(ref record, now);
    }

    /// <summary>Tells that a record has just become an assured one.</summary>
    public void CountAssured() => Assured++;

    /// <summary>The timeout as the table's fill allows it: from the adaptive start on it shrinks, to a third in a full table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Adapt(uint timeout) => Count <= _adaptiveStart || _adaptiveStart == _capacity ? timeout : Shorten(timeout);

    private uint Shorten(uint timeout)
    {
        long span = _capacity - _adaptiveStart;
        long over = Count - _adaptiveStart;
        return (uint)Math.Max(1, timeout - (timeout * 2 * over / (3 * span)));
    }

    /// <summary>Takes a record out of the table.</summary>
    public void Remove(ref FlowHead record, ulong hash, uint now)
    {
        int number = _memory.IndexOf(ref record);
        ref FlowTail tail = ref _memory.Tail(number);
        TellEnded(record, tail, number, now);
        record.BeginChange();
        Unindex(number, hash);
        Unlink(ref tail);
        _sources.Remove(record.IsForward(true) ? record.High : record.Low);
        if ((record.Flags & FlowFlags.Assured) != 0) Assured--;
        record.Protocol = 0;
        record.State = 0; // no live record's: also a slot of a damaged index that points here is not believed
        tail.Next = _firstFree;
        _firstFree = number + 1;
        Count--;
    }

    /// <summary>Takes a record out because an operator said so. False if it is another flow by now.</summary>
    public bool Kill(in FlowEnd end, ulong hash, uint now, out FlowRecord ended)
    {
        ref FlowHead record = ref Find(end.Key, hash, now);
        ended = default;
        if (Unsafe.IsNullRef(ref record) || TailOf(ref record).Started != end.Started) return false;
        ended = new FlowRecord(record, TailOf(ref record));
        Remove(ref record, hash, now);
        Killed++;
        return true;
    }

    /// <summary>The tail of a record of this shard.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref FlowTail TailOf(ref FlowHead record) => ref _memory.TailOf(ref record);

    /// <summary>A copy of the record of that number, live or not; for who reads without the lock: it may be torn.</summary>
    public FlowRecord Peek(int number) => new(_memory.Head(number), _memory.Tail(number));

    /// <summary>
    /// Runs the timer wheel up to now, looking at no more than <paramref name="budget"/> records; what is left is done in the next call.
    /// Returns what is left of the budget.
    /// </summary>
    public int Advance(long now, int budget)
    {
        long tick = now >> TickShift;
        if (_wheelTick < 0 || tick < _wheelTick) _wheelTick = tick;
        if (tick - _wheelTick > WheelSlots) _wheelTick = tick - WheelSlots;
        while (_wheelTick < tick && budget > 0)
        {
            int slot = (int)((_wheelTick + 1) & (WheelSlots - 1));
            while (budget > 0 && _memory.Slot(slot) is int number && number != 0)
            {
                budget--;
                ref FlowHead record = ref _memory.Head(number - 1);
                if (record.IsExpired((uint)now))
                {
                    Expired++;
                    Remove(ref record, _hash.Of(KeyOf(record)), (uint)now);
                }
                else
                {
                    Reschedule(ref record, now);
                }
            }

            if (_memory.Slot(slot) != 0) break;
            _wheelTick++;
            budget--;
        }

        return Math.Max(budget, 0);
    }

    /// <summary>Forgets every flow.</summary>
    public void Clear()
    {
        CountAllEnded();
        Expired += Count;
        _memory.Clear();
        _firstFree = 0;
        _everUsed = 0;
        _wheelTick = -1;
        Count = 0;
        Assured = 0;
    }

    public static ushort TagOf(ulong hash) => (ushort)Math.Max((uint)(hash >> 48), 1);

    public static FlowKey KeyOf(in FlowHead record) =>
        FlowKey.Order(record.Low, record.LowPort, record.High, record.HighPort, record.Protocol, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int HomeOf(ulong hash) => (int)(((hash & 0xFFFF_FFFF) * (ulong)_bucketCount) >> 32);

    private void Index(int number, ulong hash)
    {
        int index = HomeOf(hash);
        while (true)
        {
            ref FlowBucket bucket = ref _memory.Bucket(index);
            uint free = bucket.Find(0);
            if (free != 0)
            {
                bucket.Set(FlowBucket.TakeFirst(ref free), TagOf(hash), number);
                return;
            }

            // Count < _capacity < slots: some bucket has room.
            bucket.Overflow++;
            if (++index == _bucketCount) index = 0;
        }
    }

    private void Unindex(int number, ulong hash)
    {
        ushort tag = TagOf(hash);
        int index = HomeOf(hash);
        while (true)
        {
            ref FlowBucket bucket = ref _memory.Bucket(index);
            uint matches = bucket.Find(tag);
            while (matches != 0)
            {
                int slot = FlowBucket.TakeFirst(ref matches);
                if (bucket.RecordAt(slot) != number) continue;
                bucket.Free(slot);
                return;
            }

            bucket.Overflow--;
            if (++index == _bucketCount) index = 0;
        }
    }

    private int TakeFreeRecord()
    {
        if (_firstFree == 0) return _everUsed++;
        int number = _firstFree - 1;
        _firstFree = _memory.Tail(number).Next;
        return number;
    }

    private int SlotFor(uint deadline, long now)
    {
        // The slot is looked at once its whole tick is over, so that the deadline has passed by then; a far deadline waits in the last slot.
        long due = now + unchecked((int)(deadline - (uint)now));
        long reached = Math.Max(_wheelTick, 0);
        long tick = Math.Clamp((due >> TickShift) + 1, reached + 1, reached + WheelSlots - 1);
        return (int)(tick & (WheelSlots - 1));
    }

    private void LinkAt(int number, int slot)
    {
        ref FlowTail tail = ref _memory.Tail(number);
        ref int first = ref _memory.Slot(slot);
        tail.Next = first;
        tail.Previous = -(slot + 1);
        if (first != 0) _memory.Tail(first - 1).Previous = number + 1;
        first = number + 1;
    }

    private void Unlink(ref FlowTail tail)
    {
        if (tail.Previous == 0) return;
        if (tail.Previous < 0) _memory.Slot(-tail.Previous - 1) = tail.Next;
        else _memory.Tail(tail.Previous - 1).Next = tail.Next;
        if (tail.Next != 0) _memory.Tail(tail.Next - 1).Previous = tail.Previous;
        tail.Previous = 0;
        tail.Next = 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Spin()
    {
        var spin = default(SpinWait);
        do
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
        while (Interlocked.CompareExchange(ref _lock, 1, 0) != 0);
    }
}
