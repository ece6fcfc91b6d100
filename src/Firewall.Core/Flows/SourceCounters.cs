using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// How many flows each source has opened, in fixed memory: a count-min sketch of two rows under the table's keyed hash. A source is an address
/// of IPv4, or a network of 64 bits of IPv6, within which a host takes as many addresses as it likes. It may be counted too high when it shares
/// both cells with busier ones, and never too low.
/// </summary>
internal sealed class SourceCounters
{
    private const int Cells = 1 << 16;

    private readonly FlowHash _hash;
    private readonly int _limit;
    private readonly int[] _first;
    private readonly int[] _second;

    /// <summary>Makes empty counters.</summary>
    /// <param name="hash">The table's hash.</param>
    /// <param name="limit">The most flows of one source; 0 counts nothing.</param>
    public SourceCounters(FlowHash hash, int limit)
    {
        _hash = hash;
        _limit = limit;
        _first = limit == 0 ? [] : new int[Cells];
        _second = limit == 0 ? [] : new int[Cells];
    }

    /// <summary>Counts one more flow of that source. False, and nothing is counted, if it has its fill.</summary>
    public bool TryAdd(IpAddress source)
    {
        if (_limit == 0) return true;
        ulong hash = HashOf(source);
        ref int first = ref _first[(int)(hash & (Cells - 1))];
        ref int second = ref _second[(int)((hash >> 32) & (Cells - 1))];
        if (Math.Min(Volatile.Read(ref first), Volatile.Read(ref second)) >= _limit) return false;
        Interlocked.Increment(ref first);
        Interlocked.Increment(ref second);
        return true;
    }

    /// <summary>Counts one flow of that source less.</summary>
    public void Remove(IpAddress source)
    {
        if (_limit == 0) return;
        ulong hash = HashOf(source);
        Interlocked.Decrement(ref _first[(int)(hash & (Cells - 1))]);
        Interlocked.Decrement(ref _second[(int)((hash >> 32) & (Cells - 1))]);
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Array.Clear(_first);
        Array.Clear(_second);
    }

    private ulong HashOf(IpAddress source) => _hash.Of(source.IsIPv4 ? source : new IpAddress(source.High, 0), default, 0);
}
