using Firewall.Core.Flows.Fragments;
using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// Virtual reassembly: fragments are never put together, but the table knows of each datagram what was decided about its first
/// fragment, which bytes have come, and where it ends. Later fragments follow the first one's verdict as long as they fit; ones that come
/// before the first are held. A datagram whose fragments contradict each other is poisoned: nothing more of it passes, so that what came
/// out can be put together in one way only (RFC 1858, RFC 3128, RFC 5722).
/// </summary>
/// <remarks>
/// Right from any worker, under one lock whose critical sections are short; only fragments come here. All memory is fixed, see
/// <see cref="FragmentLimits"/>. docs/decisions/0007-fragments.md has the reasons.
/// </remarks>
public sealed class FragmentTable
{
    private const int Ways = 4;
    private const int PairCounters = 4096;
    private const long SweepMilliseconds = 100;
    private const int SweptDatagrams = 256;
    private const int SweptHeld = 64;

    private readonly FragmentDatagram[] _datagrams;
    private readonly uint[] _begun = new uint[PairCounters];
    private readonly FragmentCoverage _coverage = new(FragmentLimits.Pieces);
    private readonly FlowHash _hash;
    private readonly HeldFragments _held;
    private readonly int _setMask;
    private int _lock;
    private int _hand;
    private long _serial;
    private long _nextSweep = long.MinValue;

    /// <summary>Makes an empty table.</summary>
    /// <param name="capacity">Datagrams known at once; rounded up to a power of two, at least four.</param>
    public FragmentTable(int capacity = FragmentLimits.Datagrams)
        : this(capacity, FlowHash.CreateRandom())
    {
    }

    /// <summary>The same with a known hash, for tests that must not depend on which datagrams share a set.</summary>
    internal FragmentTable(int capacity, FlowHash hash)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _hash = hash;
        int sets = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, capacity / Ways));
        _setMask = sets - 1;
        _datagrams = new FragmentDatagram[sets * Ways];
        _held = new HeldFragments(_hash);
    }

    /// <summary>Fragments that wait for their datagram's first one.</summary>
    public int HeldCount => _held.Count;

    /// <summary>Memory that they use, in bytes.</summary>
    public int HeldBytes => _held.Bytes;

    /// <summary>The digest that pieces are made with.</summary>
    internal FragmentDigest Digest { get; } = new();

    /// <summary>Takes in a well-formed fragment.</summary>
    /// <param name="packet">Its descriptor.</param>
    /// <param name="piece">What it carries.</param>
    /// <param name="arrival">Its frame, in case that it has to be held.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="settled">The caller's list: what is in it goes back to the table, and what this fragment settles comes in.</param>
    /// <param name="serial">For <see cref="FragmentFate.Judge"/>: the datagram's, to be given to <see cref="Decide"/>.</param>
    /// <param name="rule">The rule of the datagram's verdict.</param>
    internal FragmentFate Add(
        in PacketInfo packet,
        in FragmentPiece piece,
        in FragmentArrival arrival,
        long now,
        ref SettledFragments settled,
        out long serial,
        out int rule)
    {
        Enter();
        _held.Free(ref settled);
        int index = FindOrBegin(packet, now, ref settled);
        if (index < 0)
        {
            Exit();
            serial = 0;
            rule = 0;
            return FragmentFate.Limit;
        }

        FragmentFate fate = Take(index, packet, piece, arrival, now, ref settled);
        serial = _datagrams[index].Serial;
        rule = _datagrams[index].Rule;
        Exit();
        return fate;
    }

    /// <summary>Tells the verdict of a first fragment that <see cref="Add"/> gave to the caller to judge.</summary>
    /// <returns>What becomes of the first fragment: another worker may meanwhile have found its datagram poisoned.</returns>
    internal FragmentFate Decide(in PacketInfo first, long serial, bool isAllowed, int rule, ref SettledFragments settled)
    {
        FragmentFate fate = isAllowed ? FragmentFate.Allowed : FragmentFate.Denied;
        Enter();
        int index = Find(first);
        if (index >= 0 && _datagrams[index].Serial == serial)
        {
            ref FragmentDatagram datagram = ref _datagrams[index];
            if (datagram.State == FragmentState.Judging)
            {
                datagram.Rule = rule;
                End(ref datagram, isAllowed ? FragmentState.Allowed : FragmentState.Denied, fate, ref settled);
            }
            else if (isAllowed)
            {
                fate = FateOf(datagram.State);
            }
        }

        Exit();
        return fate;
    }

    /// <summary>Tells that a first fragment was malformed: its datagram is denied, or poisoned if another first fragment has passed.</summary>
    internal void RefuseFirst(in PacketInfo first, int rule, long now, ref SettledFragments settled)
    {
        Enter();
        _held.Free(ref settled);
        int index = FindOrBegin(first, now, ref settled);
        if (index >= 0)
        {
            ref FragmentDatagram datagram = ref _datagrams[index];
            if (datagram.IsComplete) Begin(ref datagram, first, now);
            if (datagram.State == FragmentState.Waiting)
            {
                datagram.Rule = rule;
                End(ref datagram, FragmentState.Denied, FragmentFate.Denied, ref settled);
            }
            else if (datagram.State is FragmentState.Allowed or FragmentState.Judging)
            {
                End(ref datagram, FragmentState.Poisoned, FragmentFate.Overlap, ref settled);
            }
        }

        Exit();
    }

    /// <summary>Does a bounded amount of upkeep: ends what has waited too long and forgets what is over. Cheap when there is nothing to do.</summary>
    internal void Maintain(long now, ref SettledFragments settled)
    {
        if (settled.First == 0 && now < Volatile.Read(ref _nextSweep)) return;
        Enter();
        _held.Free(ref settled);
        bool isBehind = false;
        if (now >= _nextSweep)
        {
            isBehind = !EndTimedOut(now, ref settled);
            for (int i = 0; i < Math.Min(SweptDatagrams, _datagrams.Length); i++)
            {
                ref FragmentDatagram datagram = ref _datagrams[NextOfSweep()];
                if (datagram.IsOver(now)) End(ref datagram, FragmentState.Free, FragmentFate.Timeout, ref settled);
            }

            Volatile.Write(ref _nextSweep, isBehind ? now : now + SweepMilliseconds);
        }

        Exit();
    }

    /// <summary>Ends everything that waits, at the end of a replay.</summary>
    internal void EndAll(ref SettledFragments settled)
    {
        Enter();
        _held.Free(ref settled);
        while (_held.Oldest != 0)
        {
            End(ref _datagrams[_held[_held.Oldest].Datagram], FragmentState.Free, FragmentFate.WithoutFirst, ref settled);
        }

        Exit();
    }

    /// <summary>A fragment of the caller's settled list.</summary>
    internal ref readonly HeldFragment Settled(int number) => ref _held[number];

    /// <summary>Copies the frame of an allowed fragment of the caller's settled list.</summary>
    internal void CopyFrame(int number, Span<byte> destination) => _held.CopyFrame(number, destination);

    private FragmentFate Take(
        int index, in PacketInfo packet, in FragmentPiece piece, in FragmentArrival arrival, long now, ref SettledFragments settled)
    {
        ref FragmentDatagram datagram = ref _datagrams[index];
        if (FateOf(datagram.State) is FragmentFate.Denied or FragmentFate.Overlap or FragmentFate.Limit)
        {
            if (!IsUsedAgain(datagram)) return FateOf(datagram.State);
            Begin(ref datagram, packet, now);
        }

        // What has waited for its first fragment since the identification was used before belongs to another datagram than this one.
        if (piece.IsFirst && datagram.State == FragmentState.Waiting && IsUsedAgain(datagram))
        {
            End(ref datagram, FragmentState.Free, FragmentFate.Timeout, ref settled);
            Begin(ref datagram, packet, now);
        }

        // A datagram that is complete is with its receiver. What says something else begins a new one; its first fragment always does.
        bool wasComplete = datagram.IsComplete;
        if (wasComplete && piece.IsFirst) Begin(ref datagram, packet, now);
        CoverageResult result = Cover(ref datagram, piece, now, ref settled);
        if (result == CoverageResult.Conflict && (wasComplete || IsUsedAgain(datagram)))
        {
            End(ref datagram, FragmentState.Free, FragmentFate.Overlap, ref settled);
            Begin(ref datagram, packet, now);
            result = Cover(ref datagram, piece, now, ref settled);
        }

        switch (result)
        {
            case CoverageResult.Conflict:
                return End(ref datagram, FragmentState.Poisoned, FragmentFate.Overlap, ref settled);
            case CoverageResult.NoRoom:
                return End(ref datagram, FragmentState.Refused, FragmentFate.Limit, ref settled);
        }

        if (datagram.State == FragmentState.Allowed) return FragmentFate.Allowed;
        if (datagram.State != FragmentState.Waiting || !piece.IsFirst) return Hold(index, packet, arrival, now, ref settled);
        datagram.State = FragmentState.Judging;
        return FragmentFate.Judge;
    }

    private FragmentFate Hold(int index, in PacketInfo packet, in FragmentArrival arrival, long now, ref SettledFragments settled)
    {
        ref FragmentDatagram datagram = ref _datagrams[index];
        bool fits = datagram.HeldCount < FragmentLimits.HeldPerDatagram && HeldFragments.CanHold(arrival.Frame.Length);
        if (fits && _held.TryTakePlace(packet.Source))
        {
            if (MakeRoom(index, arrival.Frame.Length, ref settled))
            {
                _held.Add(ref datagram, index, packet, arrival, now);
                return FragmentFate.Held;
            }

            _held.ReturnPlace(packet.Source);
        }

        // A datagram that lacks a fragment is of no use to anybody, so all of it goes.
        return End(ref datagram, FragmentState.Refused, FragmentFate.Limit, ref settled);
    }

    // The longest waiting ones go first: a reordered fragment needs milliseconds, and a flood of ones without a first must not take those away.
    private bool MakeRoom(int index, int frameLength, ref SettledFragments settled)
    {
        while (!_held.HasRoomFor(frameLength))
        {
            int oldest = _held.Oldest == 0 ? index : _held[_held.Oldest].Datagram;
            if (oldest == index) return false;
            End(ref _datagrams[oldest], FragmentState.Refused, FragmentFate.Limit, ref settled);
        }

        return true;
    }

    private CoverageResult Cover(ref FragmentDatagram datagram, in FragmentPiece piece, long now, ref SettledFragments settled)
    {
        if (_coverage.FreeCount == 0) ReclaimPieces(ref datagram, now, ref settled);
        return _coverage.Add(ref datagram, piece);
    }

    // A bounded search for somebody whose pieces matter least: a complete or expired datagram, else the oldest of those looked at.
    private void ReclaimPieces(ref FragmentDatagram keep, long now, ref SettledFragments settled)
    {
        int victim = -1;
        for (int i = 0; i < Math.Min(SweptDatagrams, _datagrams.Length); i++)
        {
            int index = NextOfSweep();
            ref FragmentDatagram datagram = ref _datagrams[index];
            if (datagram.PieceCount == 0 || datagram.Serial == keep.Serial || datagram.State == FragmentState.Judging) continue;
            if (victim < 0 || datagram.MakesRoomBefore(_datagrams[victim], now)) victim = index;
        }

        if (victim >= 0) End(ref _datagrams[victim], FragmentState.Refused, FragmentFate.Limit, ref settled);
    }

    private bool EndTimedOut(long now, ref SettledFragments settled)
    {
        for (int i = 0; i < SweptHeld; i++)
        {
            int oldest = _held.Oldest;
            if (oldest == 0 || _held[oldest].Time + FragmentLimits.HeldMilliseconds > now) return true;
            End(ref _datagrams[_held[oldest].Datagram], FragmentState.Free, FragmentFate.Timeout, ref settled);
        }

        return false;
    }

    // Every way out of a datagram's state: what waits is settled, and whoever needs no coverage any more gives it back.
    private FragmentFate End(ref FragmentDatagram datagram, FragmentState state, FragmentFate fate, ref SettledFragments settled)
    {
        _held.Settle(ref datagram, fate, ref settled);
        if (state != FragmentState.Allowed) _coverage.Clear(ref datagram);
        datagram.State = state;
        return fate;
    }

    private int Find(in PacketInfo packet)
    {
        int first = SetOf(packet);
        for (int i = first; i < first + Ways; i++)
        {
            if (_datagrams[i].Matches(packet)) return i;
        }

        return -1;
    }

    private int FindOrBegin(in PacketInfo packet, long now, ref SettledFragments settled)
    {
        int index = Find(packet);
        if (index >= 0 && !_datagrams[index].IsOver(now)) return index;
        if (index < 0)
        {
            int first = SetOf(packet);
            index = first;
            for (int i = first + 1; i < first + Ways; i++)
            {
                if (_datagrams[i].MakesRoomBefore(_datagrams[index], now)) index = i;
            }

            if (_datagrams[index].State == FragmentState.Judging && !_datagrams[index].IsOver(now)) return -1;
        }

        ref FragmentDatagram datagram = ref _datagrams[index];
        FragmentFate fate = datagram.IsOver(now) ? FragmentFate.Timeout : FragmentFate.Limit;
        End(ref datagram, FragmentState.Free, fate, ref settled);
        Begin(ref datagram, packet, now);
        return index;
    }

    // Nobody waits in it: it was free, complete, denied, poisoned or refused, or has just been ended.
    private void Begin(ref FragmentDatagram datagram, in PacketInfo packet, long now)
    {
        _coverage.Clear(ref datagram);
        datagram = new FragmentDatagram
        {
            Source = packet.Source,
            Destination = packet.Destination,
            Id = packet.FragmentId,
            Protocol = FragmentDatagram.ProtocolOf(packet),
            State = FragmentState.Waiting,
            Serial = ++_serial,
            Deadline = now + FragmentLimits.LifetimeMilliseconds,
            Begun = ++BegunOf(packet.Source, packet.Destination, FragmentDatagram.ProtocolOf(packet)),
        };
    }

    // The counters are shared by addresses whose hashes meet; that makes an identification look used again too soon, never too late.
    private bool IsUsedAgain(in FragmentDatagram datagram) =>
        datagram.Source.IsIPv4
        && datagram.State != FragmentState.Judging
        && BegunOf(datagram.Source, datagram.Destination, datagram.Protocol) - datagram.Begun > FragmentLimits.DatagramsUntilReuse;

    private ref uint BegunOf(IpAddress source, IpAddress destination, byte protocol) =>
        ref _begun[(int)(_hash.Of(destination, source, protocol) & (PairCounters - 1))];

    private int SetOf(in PacketInfo packet)
    {
        ulong rest = ((ulong)packet.FragmentId << 8) | FragmentDatagram.ProtocolOf(packet);
        return ((int)_hash.Of(packet.Source, packet.Destination, rest) & _setMask) * Ways;
    }

    private int NextOfSweep()
    {
        _hand = (_hand + 1) & (_datagrams.Length - 1);
        return _hand;
    }

    private static FragmentFate FateOf(FragmentState state) => state switch
    {
        FragmentState.Allowed => FragmentFate.Allowed,
        FragmentState.Denied => FragmentFate.Denied,
        FragmentState.Poisoned => FragmentFate.Overlap,
        FragmentState.Refused => FragmentFate.Limit,
        _ => FragmentFate.Held,
    };

    private void Enter()
    {
        var spin = default(SpinWait);
        while (Interlocked.CompareExchange(ref _lock, 1, 0) != 0) spin.SpinOnce(sleep1Threshold: -1);
    }

    private void Exit() => Volatile.Write(ref _lock, 0);
}
