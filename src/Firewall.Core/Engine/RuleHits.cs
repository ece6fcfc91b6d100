using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <summary>
/// How often each rule decided: a flow's first packet that it allowed, or a packet that it denied; and packets that no flow record counts.
/// One engine's; written by its worker alone, read by anybody.
/// </summary>
public sealed class RuleHits
{
    // Replaced as a whole when a rule with a larger number hits, so that a reader never sees a half of it.
    private volatile Hit[] _hits = new Hit[64];

    /// <summary>How often a rule decided.</summary>
    /// <param name="rule">Its number in the <see cref="RuleCatalog"/>.</param>
    public long CountOf(int rule) => _hits is var hits && (uint)rule < (uint)hits.Length ? Volatile.Read(ref hits[rule].Count) : 0;

    /// <summary>When it decided last: milliseconds of the engine's clock; meaningless if it never did.</summary>
    /// <param name="rule">Its number in the <see cref="RuleCatalog"/>.</param>
    public long LastOf(int rule) => _hits is var hits && (uint)rule < (uint)hits.Length ? Volatile.Read(ref hits[rule].Last) : 0;

    /// <summary>Packets that it denied, or that passed under it without being one of a flow: ICMP errors about its flows, later fragments.</summary>
    /// <param name="rule">Its number in the <see cref="RuleCatalog"/>.</param>
    public long PacketsOf(int rule) => _hits is var hits && (uint)rule < (uint)hits.Length ? Volatile.Read(ref hits[rule].Packets) : 0;

    /// <summary>Bytes of these packets, from the IP header on.</summary>
    /// <param name="rule">Its number in the <see cref="RuleCatalog"/>.</param>
    public long BytesOf(int rule) => _hits is var hits && (uint)rule < (uint)hits.Length ? Volatile.Read(ref hits[rule].Bytes) : 0;

    /// <summary>Counts a decision that opened a flow; the flow's record counts its packets.</summary>
    internal void CountFlow(int rule, long now)
    {
        ref Hit hit = ref At(rule);
        Volatile.Write(ref hit.Last, now);
        Volatile.Write(ref hit.Count, hit.Count + 1);
    }

    /// <summary>Counts a packet that a rule denied.</summary>
    internal void CountDenied(int rule, int bytes, long now)
    {
        CountFlow(rule, now);
        CountPassed(rule, bytes);
    }

    /// <summary>Counts a packet that passed under a rule, where no flow record counts it.</summary>
    internal void CountPassed(int rule, int bytes)
    {
        ref Hit hit = ref At(rule);
        Volatile.Write(ref hit.Packets, hit.Packets + 1);
        Volatile.Write(ref hit.Bytes, hit.Bytes + bytes);
    }

    private ref Hit At(int rule)
    {
        Hit[] hits = _hits;
        if (rule >= hits.Length)
        {
            // A handful of times in the life of a process: numbers are given to rules, not to packets.
            Array.Resize(ref hits, Math.Max(rule + 1, hits.Length * 2));
            _hits = hits;
        }

        return ref hits[rule];
    }

    private struct Hit
    {
        public long Count;
        public long Last;
        public long Packets;
        public long Bytes;
    }
}
