using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <summary>
/// How often each rule decided: a flow's first packet that it allowed, or a packet that it denied. One engine's; written by its worker
/// alone, read by anybody.
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

    internal void Count(int rule, long now)
    {
        Hit[] hits = _hits;
        if (rule >= hits.Length)
        {
            // A handful of times in the life of a process: numbers are given to rules, not to packets.
            Array.Resize(ref hits, Math.Max(rule + 1, hits.Length * 2));
            _hits = hits;
        }

        ref Hit hit = ref hits[rule];
        Volatile.Write(ref hit.Last, now);
        Volatile.Write(ref hit.Count, hit.Count + 1);
    }

    private struct Hit
    {
        public long Count;
        public long Last;
    }
}
