namespace Firewall.Core.Flows;

/// <content>Tells flows that begin and end. The ring is the shard's, and written under its lock, so that a flow's end never overtakes its begin.</content>
internal sealed partial class FlowShard
{
    private EventRing<FlowEvent>? _events;

    /// <summary>From now on tells what begins and ends. Call it before workers use the shard.</summary>
    public EventRing<FlowEvent> Tell(int capacity) => _events = new EventRing<FlowEvent>(capacity);

    /// <summary>Tells that a record is about to leave the table.</summary>
    private void TellEnded(in FlowHead head, in FlowTail tail, int number, uint now)
    {
        var record = new FlowRecord(head, tail);
        _events?.Add(new FlowEvent(FlowEventKind.Ended, now, number, record));
        Traffic.Add(record.Rule, record);
    }

    /// <summary>Tells that a record is a whole flow now.</summary>
    public void TellBegun(ref FlowHead record)
    {
        if (_events is null) return;
        int number = _memory.IndexOf(ref record);
        ref FlowTail tail = ref _memory.Tail(number);
        _events.Add(new FlowEvent(FlowEventKind.Begun, tail.Started, number, new FlowRecord(record, tail)));
    }
}
