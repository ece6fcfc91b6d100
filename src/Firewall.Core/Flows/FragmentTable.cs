using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// What was decided about a fragmented datagram, by its addresses, protocol and identification: the later fragments carry no ports
/// and follow the first one's verdict. Fixed memory; the oldest entry of a set makes room for a new one.
/// </summary>
public sealed class FragmentTable
{
    /// <summary>How long a verdict is kept: the receiver's reassembly time of RFC 791 practice and Linux (30 s).</summary>
    public const long LifetimeMilliseconds = 30_000;

    private const int Ways = 4;
    private readonly Entry[] _entries;
    private readonly FlowHash _hash = FlowHash.CreateRandom();
    private readonly int _setMask;
    private int _lock;

    /// <summary>Makes an empty table.</summary>
    /// <param name="capacity">Datagrams remembered at once; rounded up to a power of two, at least four.</param>
    public FragmentTable(int capacity = 4096)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        int sets = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, capacity / Ways));
        _setMask = sets - 1;
        _entries = new Entry[sets * Ways];
    }

    /// <summary>Remembers what the first fragment's verdict was.</summary>
    /// <param name="first">The first fragment.</param>
    /// <param name="isAllowed">Its verdict.</param>
    /// <param name="rule">The rule of the verdict.</param>
    /// <param name="now">Milliseconds.</param>
    public void Remember(in PacketInfo first, bool isAllowed, int rule, long now)
    {
        Enter();
        Span<Entry> set = SetOf(first);
        int victim = 0;
        for (int i = 0; i < set.Length; i++)
        {
            if (set[i].Matches(first))
            {
                victim = i;

                // A second first fragment never widens what the first one got.
                isAllowed &= set[i].Deadline <= now || set[i].IsAllowed;
                break;
            }

            if (set[i].Deadline < set[victim].Deadline) victim = i;
        }

        set[victim] = new Entry
        {
            Source = first.Source,
            Destination = first.Destination,
            Id = first.FragmentId,
            Protocol = ProtocolOf(first),
            Deadline = now + LifetimeMilliseconds,
            Rule = rule,
            IsAllowed = isAllowed,
        };
        Exit();
    }

    /// <summary>Looks up the verdict of a later fragment's datagram. Returns false if no first fragment is remembered.</summary>
    public bool TryFind(in PacketInfo fragment, long now, out bool isAllowed, out int rule)
    {
        Enter();
        foreach (ref Entry entry in SetOf(fragment))
        {
            if (entry.Deadline <= now || !entry.Matches(fragment)) continue;
            isAllowed = entry.IsAllowed;
            rule = entry.Rule;
            Exit();
            return true;
        }

        Exit();
        isAllowed = false;
        rule = 0;
        return false;
    }

    // RFC 8200 section 4.5 leaves the protocol out for IPv6: a later fragment may not know it. RFC 791 has it in.
    private static byte ProtocolOf(in PacketInfo packet) => packet.IsIPv4 ? packet.Protocol : (byte)0;

    private Span<Entry> SetOf(in PacketInfo fragment)
    {
        ulong hash = _hash.Of(fragment.Source, fragment.Destination, ((ulong)fragment.FragmentId << 8) | ProtocolOf(fragment));
        return _entries.AsSpan(((int)hash & _setMask) * Ways, Ways);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Enter()
    {
        var spin = default(SpinWait);
        while (Interlocked.CompareExchange(ref _lock, 1, 0) != 0) spin.SpinOnce(sleep1Threshold: -1);
    }

    private void Exit() => Volatile.Write(ref _lock, 0);

    private struct Entry
    {
        public IpAddress Source;
        public IpAddress Destination;
        public long Deadline;
        public int Rule;
        public uint Id;
        public byte Protocol;
        public bool IsAllowed;

        public readonly bool Matches(in PacketInfo packet) =>
            Id == packet.FragmentId && Protocol == ProtocolOf(packet) && Source == packet.Source && Destination == packet.Destination;
    }
}
