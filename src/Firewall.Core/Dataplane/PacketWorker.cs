using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Dataplane;

/// <summary>
/// The packet loop's body: one queue, one engine, one batch. A thread of the appliance turns it for ever, a test or a benchmark turns
/// it as often as it likes. The clock and the policy come from outside, once per batch.
/// </summary>
public sealed class PacketWorker
{
    // The timer wheel may look at this many records for each batch, and more when the worker has nothing else to do; but never so many that
    // a packet which comes meanwhile waits for a millisecond. A record in far memory takes a microsecond.
    private const int BusyBudget = 128;
    private const int IdleBudget = 512;

    // So many packets of a batch are read, and what they need of the flow table brought near, before the first of them is judged. With 16
    // the looks at far memory overlap less (4 million flows: 73 ns a packet instead of 67), and 64 are too much for the nearest cache (10
    // thousand flows: 42 instead of 41).
    private const int Group = 32;

    // So many flows an operator may end in one batch; their resets fit into the batch beside the packets.
    private const int EndsPerBatch = 16;
    private const int EndCapacity = 1024;

    private readonly IPacketQueue _queue;
    private readonly PacketBatch _batch;
    private readonly ReplyLimiter _replies = new();
    private long _ended;
    private readonly byte[] _reply = new byte[ReplyWriter.MaxLength];
    private readonly AnnouncedPacket[] _announced;
    private readonly int[] _further;
    private bool _hasUpkeep;
    private long _maintained = long.MinValue;

    /// <summary>Makes a worker; it allocates all its memory here.</summary>
    public PacketWorker(IPacketQueue queue, FirewallEngine engine)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _queue = queue;
        Engine = engine;
        _batch = new PacketBatch(queue.HeaderLength);
        _announced = new AnnouncedPacket[Group];
        _further = new int[Group];
    }

    /// <summary>The engine that judges this worker's packets.</summary>
    public FirewallEngine Engine { get; }

    /// <summary>Whether denied packets are answered with a RST or an ICMP error instead of silence.</summary>
    public bool Reject { get; set; }

    /// <summary>Flows that an operator wants ended; filled by one thread at a time. The worker takes some before each batch.</summary>
    public EventRing<FlowEnd> Ends { get; } = new(EndCapacity);

    /// <summary>How many of <see cref="Ends"/> were carried out. Any thread may read it.</summary>
    public long Ended => Volatile.Read(ref _ended);

    /// <summary>Waits for packets, unless there are flows to end, or the last turn left upkeep to do. Returns false when the queue is at its end.</summary>
    /// <param name="timeoutMilliseconds">How long at most; -1 for ever.</param>
    public bool Receive(int timeoutMilliseconds)
    {
        _batch.Clear();
        return _queue.Read(_batch, Ends.IsEmpty && !_hasUpkeep ? timeoutMilliseconds : 0);
    }

    /// <summary>Judges the packets that <see cref="Receive"/> brought and sends what is allowed.</summary>
    /// <param name="policy">The policy of now.</param>
    /// <param name="now">Milliseconds; never less than before.</param>
    /// <returns>How many packets there were.</returns>
    public int Process(Policy policy, long now)
    {
        int count = _batch.Count;
        if (now != _maintained || _hasUpkeep)
        {
            // Once in a millisecond: where packets come one at a time it would be a part of the way of each.
            _hasUpkeep = Engine.Maintain(now, count == 0 ? IdleBudget : BusyBudget);
            _maintained = now;
        }

        if (!Ends.IsEmpty) EndFlows(now);
        int at = 0; // the packet's place in the batch; fragments that waited are inserted
        for (int left = count; left > 0; left -= Group)
        {
            Span<AnnouncedPacket> group = _announced.AsSpan(0, Math.Min(left, Group));
            Announce(group, at);
            Prefetch(group, policy);
            foreach (ref readonly AnnouncedPacket announced in group)
            {
                ReadOnlySpan<byte> frame = _batch.Frame(at);
                Verdict verdict = Engine.Inspect(frame, _batch.HeaderLength, announced, policy, now);
                if (verdict.IsAllowed) _batch.Allow(at);
                else if (Reject) AddReply(_batch.Packet(at), announced.Info, verdict.Reason, now);
                if (announced.Info.IsFragment) at = InsertSettled(at);
                at++;
            }
        }

        if (count != 0 || _batch.ReplyCount != 0) _queue.Write(_batch);
        return count;
    }

    private void Announce(Span<AnnouncedPacket> group, int first)
    {
        FirewallEngine engine = Engine;
        foreach (ref AnnouncedPacket announced in group)
        {
            ReadOnlySpan<byte> packet = _batch.Packet(first++);
            engine.Announce(packet, packet.Length, out announced);
        }
    }

    private void Prefetch(Span<AnnouncedPacket> group, Policy policy)
    {
        FirewallEngine engine = Engine;
        Span<int> further = _further;
        int count = 0;
        int number = 0;
        foreach (ref AnnouncedPacket announced in group)
        {
            if (!engine.Prefetch(ref announced, policy)) further[count++] = number;
            number++;
        }

        foreach (int one in further[..count]) engine.PrefetchFurther(ref group[one], policy);
    }

    // Fragments that waited for the one at this place go out right behind it. Returns the place of the last one.
    private int InsertSettled(int index)
    {
        while (Engine.TryTakeSettled(out SettledFragment fragment))
        {
            if (!fragment.Verdict.IsAllowed || !_batch.TryInsertBehind(index, fragment.FrameLength, out Span<byte> frame)) continue;
            fragment.CopyFrame(frame);
            index++;
        }

        return index;
    }

    // Before the packets of the batch, so that none of a flow's passes behind its reset.
    private void EndFlows(long now)
    {
        for (int left = EndsPerBatch; left > 0 && Ends.TryTake(out FlowEnd end); left--)
        {
            if (Engine.EndFlow(end, now, out FlowRecord ended) && end.Reset)
            {
                for (int number = 0; number < FlowResetWriter.MostResets; number++)
                {
                    int length = FlowResetWriter.Write(ended, number, _reply);
                    if (length > 0) _batch.TryAddReply(_reply.AsSpan(0, length));
                }
            }

            Volatile.Write(ref _ended, _ended + 1);
        }
    }

    private void AddReply(ReadOnlySpan<byte> packet, in PacketInfo info, VerdictReason reason, long now)
    {
        // Only where a rule, or the lack of one, said no: a stray or broken packet gets no answer that a forger could use.
        if (reason is not (VerdictReason.Rule or VerdictReason.NoSecurityGroup or VerdictReason.FlushedConnection)) return;
        if (!_replies.TryTake(now)) return;
        int length = info.Protocol == IpProtocol.Tcp
            ? ReplyWriter.WriteTcpReset(packet, info, _reply)
            : ReplyWriter.WriteAdminProhibited(packet, info, _reply);
        if (length > 0) _batch.TryAddReply(_reply.AsSpan(0, length));
    }
}
