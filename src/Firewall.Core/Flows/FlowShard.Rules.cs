using System.Runtime.CompilerServices;

namespace Firewall.Core.Flows;

/// <content>
/// Adds up what flows carry, rule by rule, without touching the way of a known flow's packet: the records count, and a record's counters are
/// added where it leaves the table.
/// </content>
internal sealed partial class FlowShard
{
    /// <summary>What flows carried that are gone.</summary>
    public RuleTraffic Traffic { get; } = new();

    /// <summary>From now on another rule is the one that allows the flow; what it has carried so far stays the old one's.</summary>
    public void ChangeRule(ref FlowHead record, int rule)
    {
        if (record.Rule == rule) return;
        var copy = new FlowRecord(record, TailOf(ref record));
        Traffic.Add(record.Rule, copy);
        Traffic.Add(rule, copy, -1);
        record.Rule = rule;
    }

    private void CountAllEnded()
    {
        for (int number = 0; number < EverUsed; number++)
        {
            FlowRecord record = Peek(number);
            if (record.State != 0) Traffic.Add(record.Rule, record);
        }
    }

    /// <summary>Tells that a counter of a record's head has just begun anew: carries into the tail, and tells the rule if that begins anew too.</summary>
    /// <param name="record">The record.</param>
    /// <param name="isForward">In which direction.</param>
    /// <param name="bytes">Of the packet that was counted last.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void CountWrap(ref FlowHead record, bool isForward, int bytes)
    {
        ref FlowTail tail = ref TailOf(ref record);
        bool packetsWrapped = (isForward ? record.ForwardPackets : record.ReplyPackets) == 0;
        bool isCarried = (isForward ? record.ForwardBytesLow : record.ReplyBytesLow) < (uint)bytes;
        bool bytesWrapped = isCarried && (isForward ? ++tail.ForwardBytesHigh : ++tail.ReplyBytesHigh) == 0;
        Traffic.Add(record.Rule, packetsWrapped ? FlowRecord.PacketsRange : 0, bytesWrapped ? FlowRecord.BytesRange : 0);
    }
}
