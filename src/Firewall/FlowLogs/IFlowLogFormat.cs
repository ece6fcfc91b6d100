namespace Firewall.FlowLogs;

/// <summary>A kind of flow log: gathers entries as text and hands them to its writer. Called by one thread at a time, and never waits for a disk.</summary>
internal interface IFlowLogFormat
{
    /// <summary>Takes an entry.</summary>
    void Add(in FlowLogEntry entry);

    /// <summary>Passes over an entry that this log has already.</summary>
    /// <param name="number">Its <see cref="FlowLogEntry.Number"/>.</param>
    void Pass(long number);

    /// <summary>Called several times a second, behind the entries that came meanwhile.</summary>
    void EndTurn();

    /// <summary>Called at the end of each interval, and at the very end.</summary>
    /// <param name="now">Wall clock: the interval's last moment.</param>
    void EndInterval(DateTimeOffset now);
}
