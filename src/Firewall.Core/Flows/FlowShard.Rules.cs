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
    public void ChangeRule(ref FlowRecord record, int rule)
    {
        if (record.Rule == rule) return;
        Traffic.Add(record.Rule, record);
        Traffic.Add(rule, record, -1);
        record.Rule = rule;
    }

    private void CountAllEnded()
    {
        for (int number = 0; number < EverUsed; number++)
        {
            ref readonly FlowRecord record = ref Peek(number);
            if (record.State != 0) Traffic.Add(record.Rule, record);
        }
    }

    /// <summary>Tells that a record's counter has just begun anew.</summary>
    /// <param name="record">The record.</param>
    /// <param name="isForward">In which direction.</param>
    /// <param name="bytes">Of the packet that was counted last.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void CountWrap(ref FlowRecord record, bool isForward, int bytes)
    {
        bool packetsWrapped = (isForward ? record.ForwardPackets : record.ReplyPackets) == 0;
        bool bytesWrapped = (isForward ? record.ForwardBytes : record.ReplyBytes) < (uint)bytes;
        Traffic.Add(record.Rule, packetsWrapped ? FlowRecord.PacketsRange : 0, bytesWrapped ? FlowRecord.BytesRange : 0);
    }
}
