using Firewall.Admin.Flows;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>
/// Makes entries of what the workers tell: begins, ends and denials from their rings, and, by a walk over the table that takes no lock, what
/// goes on. It remembers for each flow what its last entry said, so that the counters of all entries add up. For one thread at a time.
/// </summary>
internal sealed class FlowCollector
{
    // Some hundred microseconds; at ten turns a second a million flows are met within seven seconds.
    private const int LooksPerTurn = 16_384;

    // The timer wheel takes a flow out up to two ticks late.
    private const int WheelDelay = 4096;
    private const int EndBudget = 512;

    private readonly FlowTable _table;
    private readonly RuleCatalog _catalog;
    private readonly IReadOnlyList<EventRing<FlowEvent>> _rings;
    private readonly long _continueAfter;
    private readonly FlowBaselines _baselines;
    private readonly DeniedFlows _denied = new();
    private readonly Action<FlowLogEntry> _take;
    private FlowJournal? _journal;
    private FlowWalk? _walk;
    private long _nextWalk;

    /// <summary>Makes it; nothing is read yet.</summary>
    /// <param name="table">The flows.</param>
    /// <param name="rings">From <see cref="FlowTable.Tell"/>.</param>
    /// <param name="catalog">Names and directions of rules.</param>
    /// <param name="continueAfter">How long a flow may go on without an entry.</param>
    /// <param name="take">Where entries go.</param>
    public FlowCollector(
        FlowTable table, IReadOnlyList<EventRing<FlowEvent>> rings, RuleCatalog catalog, TimeSpan continueAfter, Action<FlowLogEntry> take)
    {
        _table = table;
        _rings = rings;
        _catalog = catalog;
        _continueAfter = (long)continueAfter.TotalMilliseconds;
        _baselines = new FlowBaselines(rings.Count);
        _take = take;
    }

    /// <summary>Events that found their ring full.</summary>
    public long Lost => _rings.Sum(ring => ring.Lost);

    /// <summary>
    /// Goes on with the flows of an earlier process, which are in the table already. Call it before workers begin, and before anything else.
    /// </summary>
    /// <param name="clock">Milliseconds of the workers' clock.</param>
    /// <param name="wall">The same moment in milliseconds since 1970.</param>
    /// <param name="before">What that process had told of them; null: all that they have carried so far.</param>
    /// <param name="journal">Where to keep what is told; null for nowhere.</param>
    public void GoOn(long clock, long wall, FlowJournalState? before, FlowJournal? journal)
    {
        _journal = journal;
        var walk = new FlowWalk(_table);
        int looks = int.MaxValue;
        while (walk.TryNext(clock, out FlowRecord flow, ref looks))
        {
            ulong identity = FlowBaselines.IdentityOf(flow);
            FlowBaseline last = before?.Of(identity) ?? new FlowBaseline { Identity = identity, Time = (uint)clock, Traffic = TrafficOf(flow) };
            // One of which nothing was told: its begin was about to be.
            if (last.Identity == 0) last = Tell(FlowLogState.Begin, flow, flow.Started, _baselines.Of(walk.Slot, flow), clock, wall);
            Keep(walk.Slot, last);
        }
    }

    /// <summary>Tells the end of flows of an earlier process that are not in the table any more.</summary>
    /// <param name="expired">As they were.</param>
    /// <param name="before">What that process had told of them.</param>
    /// <param name="clock">Milliseconds of the workers' clock.</param>
    /// <param name="wall">The same moment in milliseconds since 1970.</param>
    public void EndThose(IReadOnlyList<FlowRecord> expired, FlowJournalState before, long clock, long wall)
    {
        foreach (FlowRecord flow in expired)
        {
            FlowBaseline last = before.Of(FlowBaselines.IdentityOf(flow));
            if (last.Identity == 0) last = Tell(FlowLogState.Begin, flow, flow.Started, new FlowBaseline { Identity = FlowBaselines.IdentityOf(flow) }, clock, wall);
            Tell(FlowLogState.End, flow, flow.Deadline, last, clock, wall);
        }
    }

    /// <summary>Takes what has been told since the last call, and looks for flows that go on.</summary>
    /// <param name="clock">Milliseconds of the workers' clock.</param>
    /// <param name="wall">The same moment in milliseconds since 1970.</param>
    public void Turn(long clock, long wall)
    {
        Drain(clock, wall);
        if (_walk is null && clock >= _nextWalk) _walk = new FlowWalk(_table);
        if (_walk is null) return;
        int looks = LooksPerTurn;
        while (_walk.TryNext(clock, out FlowRecord flow, ref looks))
        {
            FlowBaseline last = _baselines.Of(_walk.Slot, flow);
            if (unchecked((int)((uint)clock - last.Time)) < _continueAfter) continue;
            Keep(_walk.Slot, Tell(FlowLogState.Continue, flow, (uint)clock, last, clock, wall));
        }

        if (!_walk.IsAtEnd) return;
        _walk = null;
        // A tenth of the time is as exact as anybody wants it.
        _nextWalk = clock + (_continueAfter / 10);
    }

    /// <summary>Takes a packet that a rule denied; the same flow again within an interval is no news.</summary>
    /// <param name="drop">The packet; those that were dropped for other reasons than a rule are no flows.</param>
    /// <param name="clock">Milliseconds of the workers' clock.</param>
    /// <param name="wall">The same moment in milliseconds since 1970.</param>
    public void Add(in DropEvent drop, long clock, long wall)
    {
        if (drop.Verdict.Reason is not (VerdictReason.Rule or VerdictReason.FlushedConnection)) return;
        PacketInfo packet = drop.Packet;
        bool isIcmp = packet.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;
        ushort port = isIcmp ? packet.IcmpType : packet.DestinationPort;
        if (!_denied.IsNew(packet, port, drop.Verdict.Rule)) return;
        Take(default, new FlowLogEntry(
            FlowLogState.Deny, wall - Math.Max(0, clock - drop.Time), packet.Source, packet.SourcePort, packet.Destination, port, packet.Protocol,
            drop.Verdict.Rule, DirectionOf(drop.Verdict.Rule, drop.Verdict.Direction), default));
    }

    /// <summary>From now on denied flows are news again.</summary>
    public void EndInterval() => _denied.Clear();

    /// <summary>After the workers: takes what is left, and gives every flow a last entry. The flows end.</summary>
    /// <param name="clock">Milliseconds of the workers' clock.</param>
    /// <param name="wall">The same moment in milliseconds since 1970.</param>
    public void End(long clock, long wall)
    {
        do Drain(clock, wall);
        while (_table.Advance(clock, EndBudget));
        Drain(clock, wall);
        var walk = new FlowWalk(_table);
        int looks = int.MaxValue;
        while (walk.TryNext(clock - WheelDelay, out FlowRecord flow, ref looks)) Tell(FlowLogState.End, flow, (uint)clock, _baselines.Of(walk.Slot, flow), clock, wall);
    }

    /// <summary>
    /// After the workers: takes what is left, and gives every flow the last entry of this process, while another one goes on with them. Since then
    /// the table stands still here, so nothing that has happened to them later is known.
    /// </summary>
    /// <param name="stopped">When the workers stopped, in milliseconds of their clock.</param>
    /// <param name="clock">Now, in milliseconds of the workers' clock.</param>
    /// <param name="wall">The same moment in milliseconds since 1970.</param>
    public void HandOver(long stopped, long clock, long wall)
    {
        Drain(clock, wall);
        var walk = new FlowWalk(_table);
        int looks = int.MaxValue;
        while (walk.TryNext(stopped - WheelDelay, out FlowRecord flow, ref looks))
        {
            // One whose time was over is not taken over.
            bool isOver = flow.IsExpired((uint)stopped);
            Tell(isOver ? FlowLogState.End : FlowLogState.Continue, flow, isOver ? flow.Deadline : (uint)stopped, _baselines.Of(walk.Slot, flow), clock, wall);
        }
    }

    private void Drain(long clock, long wall)
    {
        for (int shard = 0; shard < _rings.Count; shard++)
        {
            EventRing<FlowEvent> ring = _rings[shard];
            // No more than were there when it began: workers that are faster than this must not keep it here.
            for (int left = ring.Capacity; left > 0 && ring.TryTake(out FlowEvent happened); left--)
            {
                var slot = new FlowSlot(shard, happened.Number);
                if (happened.Kind == FlowEventKind.Begun)
                {
                    var first = new FlowBaseline { Identity = FlowBaselines.IdentityOf(happened.Flow) };
                    Keep(slot, Tell(FlowLogState.Begin, happened.Flow, happened.Time, first, clock, wall));
                }
                else
                {
                    Tell(FlowLogState.End, happened.Flow, happened.Time, _baselines.Of(slot, happened.Flow), clock, wall);
                }
            }
        }
    }

    // Returns what the entry says. A begin says nothing of packets: the first one is not yet in the record that is told, or its begin comes late.
    private FlowBaseline Tell(FlowLogState state, in FlowRecord flow, uint time, FlowBaseline last, long clock, long wall)
    {
        FlowTraffic traffic = state == FlowLogState.Begin ? default : TrafficOf(flow);
        FlowTraffic passed = traffic.Since(last.Traffic);
        last.Traffic = traffic;
        last.Time = time;
        var view = new FlowView(flow);
        Take(last, new FlowLogEntry(
            state, wall - Math.Max(0, unchecked((int)((uint)clock - time))), view.Source, view.SourcePort, view.Destination, view.DestinationPort,
            flow.Protocol, flow.Rule, DirectionOf(flow.Rule, (TrafficDirection)flow.Direction), passed));
        return last;
    }

    private void Keep(FlowSlot slot, in FlowBaseline last)
    {
        _baselines.Set(slot, last);
        _journal?.Keep(slot, last);
    }

    private void Take(in FlowBaseline last, in FlowLogEntry entry) => _take(_journal is null ? entry : entry with { Number = _journal.Append(entry, last) });

    private RuleDirection DirectionOf(int rule, TrafficDirection lies) =>
        _catalog[rule]?.Direction ?? (lies is TrafficDirection.Outbound or TrafficDirection.Transit ? RuleDirection.Outbound : RuleDirection.Inbound);

    private static FlowTraffic TrafficOf(in FlowRecord flow) => new(flow.ForwardPackets, flow.ForwardBytes, flow.ReplyPackets, flow.ReplyBytes);
}
