namespace Firewall.FlowLogs;

/// <summary>What an earlier process had told of flows, and what of it is not yet in the logs.</summary>
internal sealed class FlowJournalState
{
    private readonly Dictionary<ulong, FlowBaseline> _flows = [];
    private readonly List<(FlowJournalRecord Record, bool[] Lacking)> _pending = [];

    /// <summary>Entries in the order in which they were made, with, for each <see cref="FlowLogKind"/>, whether that log lacks it.</summary>
    public IReadOnlyList<(FlowJournalRecord Record, bool[] Lacking)> Pending => _pending;

    /// <summary>What a flow's last entry said; nobody's if nothing was told of the flow.</summary>
    /// <param name="identity">From <see cref="FlowBaselines.IdentityOf"/>.</param>
    public FlowBaseline Of(ulong identity) => _flows.GetValueOrDefault(identity);

    /// <summary>Adds what stands behind the ring; nobody's is passed over.</summary>
    public void Add(in FlowBaseline last)
    {
        if (last.Identity != 0) _flows[last.Identity] = last;
    }

    /// <summary>Adds an entry of the ring, in their order.</summary>
    public void Add(in FlowJournalRecord record, bool[] lacking)
    {
        Add(record.Last);
        _pending.Add((record, lacking));
    }
}
