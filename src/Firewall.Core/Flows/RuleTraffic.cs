namespace Firewall.Core.Flows;

/// <summary>
/// What each rule's flows have carried, of those that have left the table: with the counters of the flows that are in it, all that the rule
/// let through. One shard's; written under its lock, read by anybody.
/// </summary>
internal sealed class RuleTraffic
{
    // Replaced as a whole when a rule with a larger number comes, so that a reader never sees a half of it.
    private volatile Entry[] _rules = new Entry[64];

    /// <summary>Packets of that rule's flows. Less than nothing where a flow came from another rule and is still in the table.</summary>
    public long PacketsOf(int rule) => _rules is var rules && (uint)rule < (uint)rules.Length ? Volatile.Read(ref rules[rule].Packets) : 0;

    /// <summary>Their bytes, IP headers included.</summary>
    public long BytesOf(int rule) => _rules is var rules && (uint)rule < (uint)rules.Length ? Volatile.Read(ref rules[rule].Bytes) : 0;

    /// <summary>Adds what a flow has carried under that rule; with a sign of minus one takes it away.</summary>
    public void Add(int rule, in FlowRecord flow, int sign = 1) => Add(rule, sign * flow.Packets, sign * flow.Bytes);

    /// <summary>Adds packets and bytes.</summary>
    public void Add(int rule, long packets, long bytes)
    {
        Entry[] rules = _rules;
        if (rule >= rules.Length)
        {
            Array.Resize(ref rules, Math.Max(rule + 1, rules.Length * 2));
            _rules = rules;
        }

        ref Entry entry = ref rules[rule];
        Volatile.Write(ref entry.Packets, entry.Packets + packets);
        Volatile.Write(ref entry.Bytes, entry.Bytes + bytes);
    }

    private struct Entry
    {
        public long Packets;
        public long Bytes;
    }
}
