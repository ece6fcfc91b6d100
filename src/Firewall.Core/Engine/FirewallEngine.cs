using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <summary>
/// Judges packets. This file is a packet's way:
/// <code>
///   1 parse      the header reader             → packet info | Malformed, InvalidTcpFlags
///   2 fragments  the fragment table            → a later one follows the first one's verdict, is held for it, or FragmentOverlap, …
///   3 flow       the flow table                → known flow: track, allow      (nearly every packet ends here)
///   4 rules      the policy                    → new flow: outbound chain of the source, inbound chain of the destination
///   5 create     the flow table                → flow record | TableFull
///   6 finish     one exit: counters, drop event, verdict
/// </code>
/// One engine belongs to one worker; flow and fragment table are shared by all. It reads no clock, does no I/O, and for a packet of a
/// known flow allocates nothing.
/// </summary>
public sealed partial class FirewallEngine
{
    private readonly FlowTable _flows;
    private readonly FlowShard[] _shards;
    private readonly FragmentStep _fragments;
    private readonly DropRecorder? _recorder;
    private volatile TimeoutTable _timeouts;
    private volatile bool _picksUpMidStream;

    /// <summary>Makes an engine for one worker.</summary>
    /// <param name="flows">Shared by all workers; not disposed by the engine.</param>
    /// <param name="fragments">Shared by all workers.</param>
    /// <param name="options">Settings; see <see cref="Apply"/> to change them later.</param>
    /// <param name="drops">Where denied packets are told; null tells nobody.</param>
    /// <param name="recorder">Where the last denied packets are kept; null keeps none. Not those that were held before, whose bytes are gone.</param>
    public FirewallEngine(
        FlowTable flows, FragmentTable fragments, EngineOptions options, EventRing<DropEvent>? drops = null, DropRecorder? recorder = null)
    {
        _flows = flows;
        _shards = flows.Shards;
        _fragments = new FragmentStep(fragments, Counters, drops);
        Apply(options);
        Drops = drops;
        _recorder = recorder;
    }

    /// <summary>What this engine has counted.</summary>
    public EngineCounters Counters { get; } = new();

    /// <summary>Where denied packets are told, if anywhere.</summary>
    public EventRing<DropEvent>? Drops { get; }

    /// <summary>Takes over new settings, from any thread; the packets from the next one on see them.</summary>
    [MemberNotNull(nameof(_timeouts))]
    public void Apply(EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _timeouts = new TimeoutTable(options.Timeouts);
        _picksUpMidStream = options.PicksUpMidStream;
    }

    /// <summary>
    /// Does a bounded amount of upkeep. Call it before the packets of a batch, with their time, and when idle. It may settle fragments that
    /// were held; see <see cref="TryTakeSettled"/>.
    /// </summary>
    /// <param name="now">Milliseconds; never less than before.</param>
    /// <param name="budget">The most flow records to look at.</param>
    /// <returns>True if the budget did not suffice.</returns>
    public bool Maintain(long now, int budget)
    {
        bool more = _flows.Advance(now, budget);
        _fragments.Maintain(now);
        return more;
    }

    /// <summary>
    /// Ends a flow because an operator said so: its later packets are those of no flow. Called by the worker between packets. False if it
    /// has ended already.
    /// </summary>
    /// <param name="end">Which one.</param>
    /// <param name="now">Milliseconds.</param>
    /// <param name="ended">The flow as it was, for <see cref="FlowResetWriter"/>.</param>
    public bool EndFlow(in FlowEnd end, long now, out FlowRecord ended) => _flows.Kill(end, now, out ended);

    /// <summary>Settles all fragments that are held, as it is done when no more packets come. They can be taken afterwards.</summary>
    /// <param name="now">Milliseconds.</param>
    public void EndHeld(long now) => _fragments.EndAll(now);

    /// <summary>
    /// Takes one of the fragments that were held and that the last Inspect or Maintain settled, in the order they came. Allowed ones belong
    /// right behind the packet that was inspected. Who does not ask loses them, though they were counted.
    /// </summary>
    public bool TryTakeSettled(out SettledFragment fragment) => _fragments.TryTake(out fragment);

    /// <summary>Reads and judges one packet that has no device header.</summary>
    /// <param name="packet">From its IP header on; borrowed for the call.</param>
    /// <param name="wireLength">Its length on the wire; larger than the span only in captures that cut packets short.</param>
    /// <param name="policy">The policy of now; read it once per batch.</param>
    /// <param name="now">Milliseconds; never less than before.</param>
    /// <param name="info">What the header reader found.</param>
    /// <param name="number">A name for the packet, by which it is known again should it be held.</param>
    public Verdict Inspect(ReadOnlySpan<byte> packet, int wireLength, Policy policy, long now, out PacketInfo info, long number = 0)
    {
        Announce(packet, wireLength, out AnnouncedPacket announced, number);
        info = announced.Info;
        return Inspect(packet, 0, announced, policy, now);
    }

    /// <summary>
    /// Judges one packet. If it is a fragment (<see cref="PacketInfo.IsFragment"/>), others that were held may have been settled by it; see
    /// <see cref="TryTakeSettled"/>.
    /// </summary>
    /// <param name="frame">Device header and packet; borrowed for the call.</param>
    /// <param name="headerLength">Bytes of the device header, which nobody looks into.</param>
    /// <param name="announced">What <see cref="Announce"/> made of the packet.</param>
    /// <param name="policy">The policy of now; read it once per batch.</param>
    /// <param name="now">Milliseconds; never less than before.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Verdict Inspect(ReadOnlySpan<byte> frame, int headerLength, in AnnouncedPacket announced, Policy policy, long now)
    {
        ReadOnlySpan<byte> packet = frame[headerLength..];
        Verdict verdict =
            announced.Info.IsFragment ? InspectFragment(frame, headerLength, announced, policy, now)
            : announced.Malformed != MalformedReason.None ? Malformed(announced.Info, announced.Malformed, policy)
            : Judge(packet, announced, policy, now);
        Counters.Count(verdict, announced.WireLength, now);
        if (!verdict.IsAllowed) Tell(packet, announced, verdict, now);
        return verdict;
    }

    /// <summary>
    /// Tells whoever wants to know of packets that may not pass. Apart, since a drop event is large: with room for it on every packet's stack,
    /// and judging in a method that is called, a known flow took 6 ns more.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Tell(ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Verdict verdict, long now)
    {
        if (verdict.IsHeld || verdict.Reason == VerdictReason.LinkLocal) return;
        Drops?.Add(new DropEvent(now, verdict, announced.Info));
        _recorder?.Add(packet, announced.WireLength, verdict, now);
    }

    /// <summary>Step 2: a fragment without a transport header has its datagram's verdict; one with it is judged like a packet.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Verdict InspectFragment(ReadOnlySpan<byte> frame, int headerLength, in AnnouncedPacket announced, Policy policy, long now)
    {
        ref readonly PacketInfo info = ref announced.Info;
        if (announced.Malformed != MalformedReason.None)
        {
            if (!info.IsLaterFragment) _fragments.RefuseFirst(info, now);
            return Malformed(info, announced.Malformed, policy);
        }

        TrafficDirection direction = policy.DirectionOf(info.Source, info.Destination);
        if (_fragments.TryFollow(frame, headerLength, announced.WireLength, announced.Number, info, direction, now, out Verdict verdict, out long serial))
            return verdict;
        verdict = Judge(frame[headerLength..], announced, policy, now);
        return _fragments.Decide(info, serial, verdict, now);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Verdict Judge(ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, long now)
    {
        ref readonly PacketInfo info = ref announced.Info;
        bool isUsual = info.Protocol == IpProtocol.Udp || (info.Protocol == IpProtocol.Tcp && TcpTracker.AreFlagsValid(info.TcpFlags));
        return isUsual ? FollowFlow(packet, announced, policy, now) : JudgeOther(packet, announced, policy, now);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Verdict JudgeOther(ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, long now)
    {
        ref readonly PacketInfo info = ref announced.Info;
        return info.Protocol == IpProtocol.Tcp ? Deny(VerdictReason.InvalidTcpFlags, info, policy)
            : info.IsIcmpError ? RelateToFlow(packet, info, policy, now)
            : FollowFlow(packet, announced, policy, now);
    }

    /// <summary>
    /// Step 3: the packet's flow, if there is one. What happens to nearly every packet stands here, everything else in methods of its own: the
    /// less a method holds, the less of it lives on the stack.
    /// </summary>
    private Verdict FollowFlow(ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, long now)
    {
        ref readonly PacketInfo info = ref announced.Info;
        FlowShard shard = ShardOf(announced.Hash);
        shard.Enter();
        ref FlowHead record = ref shard.Find(announced.Key, announced.Hash, announced.Nearest, (uint)now);
        if (Unsafe.IsNullRef(ref record))
        {
            shard.Exit();
            return OpenFlow(packet, announced, policy, now);
        }

        bool isForward = record.IsForward(announced.FromHigh);
        record.BeginChange();
        if (policy.FlushConnection && !MayStay(shard, ref record, announced, isForward, policy, now, out Verdict flushed)) return flushed;
        TrackResult result = info.Protocol == IpProtocol.Tcp
            ? TrackSegment(shard, ref record, info, packet, announced.FromHigh)
            : TrackDatagram(shard, ref record, isForward);
        if (result != TrackResult.Accept) return FollowOddly(result, shard, ref record, packet, announced, policy, now);
        if (record.Count(isForward, info.Length)) shard.CountWrap(ref record, isForward, info.Length);
        Refresh(shard, ref record, now, _timeouts.Of(info.Protocol, record.State));
        var verdict = new Verdict(Access.Allow, VerdictReason.Flow, record.Rule, DirectionOf(record, isForward));
        record.EndChange();
        shard.Exit();
        return verdict;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TrackResult TrackSegment(FlowShard shard, ref FlowHead record, in PacketInfo segment, ReadOnlySpan<byte> packet, bool fromHigh)
    {
        bool wasAssured = (record.Flags & FlowFlags.Assured) != 0;
        TrackResult result = TcpTracker.Track(ref record, ref shard.TailOf(ref record), segment, packet, fromHigh);
        if (!wasAssured && (record.Flags & FlowFlags.Assured) != 0) shard.CountAssured();
        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TrackResult TrackDatagram(FlowShard shard, ref FlowHead record, bool isForward)
    {
        if (!isForward && (record.Flags & FlowFlags.Assured) == 0) shard.CountAssured();
        return DatagramTracker.Track(ref record, isForward);
    }

    /// <summary>
    /// Where a security group has flushConnection: judges the flow again if its policy is not the one in force. If it may not stay it is removed,
    /// and the shard is left.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool MayStay(
        FlowShard shard, ref FlowHead record, in AnnouncedPacket announced, bool isForward, Policy policy, long now, out Verdict flushed)
    {
        flushed = default;
        ref FlowTail tail = ref shard.TailOf(ref record);
        if (tail.PolicyVersion == (ushort)policy.Version) return true;
        if (policy.FlushesFlowsBetween(announced.Info.Source, announced.Info.Destination))
        {
            RuleMatch match = policy.Evaluate(announced.AsOpening(isForward));
            if (match.Access == Access.Deny)
            {
                flushed = new Verdict(Access.Deny, VerdictReason.FlushedConnection, match.Rule, DirectionOf(record, isForward));
                shard.Remove(ref record, announced.Hash, (uint)now);
                shard.Exit();
                return false;
            }

            shard.ChangeRule(ref record, match.Rule);
        }

        tail.PolicyVersion = (ushort)policy.Version;
        return true;
    }

    /// <summary>What becomes of a packet that its tracker did not simply accept. Leaves the shard.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Verdict FollowOddly(
        TrackResult result, FlowShard shard, ref FlowHead record, ReadOnlySpan<byte> packet, in AnnouncedPacket announced,
        Policy policy, long now)
    {
        if (result is TrackResult.Restart or TrackResult.PassIfAllowed) return JudgeRestart(result, shard, ref record, packet, announced, policy, now);
        bool isForward = record.IsForward(announced.FromHigh);
        int length = announced.Info.Length;
        var accepted = new Verdict(Access.Allow, VerdictReason.Flow, record.Rule, DirectionOf(record, isForward));
        Verdict verdict = result switch
        {
            TrackResult.InvalidState => new Verdict(Access.Deny, VerdictReason.InvalidState, accepted.Rule, accepted.Direction),
            TrackResult.OutOfWindow => new Verdict(Access.Deny, VerdictReason.OutOfWindow, accepted.Rule, accepted.Direction),
            _ => accepted,
        };
        if (verdict.IsAllowed && result != TrackResult.Reopen && record.Count(isForward, length)) shard.CountWrap(ref record, isForward, length);
        switch (result)
        {
            case TrackResult.AcceptAndShorten:
                Refresh(shard, ref record, now, _timeouts.Of(IpProtocol.Tcp, (byte)TcpState.Close));
                break;
            case TrackResult.Ignore:
                record.See((uint)now);
                break;
            case TrackResult.AcceptAndRemove or TrackResult.Reopen:
                shard.Remove(ref record, announced.Hash, (uint)now);
                break;
        }

        record.EndChange();
        shard.Exit();
        return result == TrackResult.Reopen ? OpenFlow(packet, announced, policy, now) : verdict;
    }

    /// <summary>Steps 4 and 5: the rules, and a record for what they allow.</summary>
    private Verdict OpenFlow(ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, long now)
    {
        ref readonly PacketInfo info = ref announced.Info;
        ulong hash = announced.Hash;
        if (!MayOpen(info)) return Deny(info.IsLinkLocalIcmp ? VerdictReason.LinkLocal : VerdictReason.NoFlow, info, policy);
        RuleMatch match = policy.Evaluate(info);
        if (match.Access == Access.Deny)
        {
            VerdictReason denied = match.Rule == RuleCatalog.None ? VerdictReason.NoSecurityGroup : VerdictReason.Rule;
            return new Verdict(Access.Deny, denied, match.Rule, match.Direction);
        }

        if (info.Protocol == IpProtocol.Tcp && !_flows.AdmitsHandshake(hash, now))
            return new Verdict(Access.Deny, VerdictReason.SynFlood, match.Rule, match.Direction);
        MalformedReason malformed = OpeningPacket.Read(packet, info, out _);
        if (malformed != MalformedReason.None) return Malformed(info, malformed, policy);

        FlowShard shard = ShardOf(hash);
        shard.Enter();
        ref FlowHead record = ref shard.Find(announced.Key, hash, (uint)now);
        bool isNew = Unsafe.IsNullRef(ref record);
        if (isNew)
        {
            record = ref shard.Add(announced.Key, announced.FromHigh, hash, (uint)now, out FlowRefusal refusal);
            if (Unsafe.IsNullRef(ref record))
            {
                shard.Exit();
                return new Verdict(Access.Deny, ReasonOf(refusal), match.Rule, match.Direction);
            }

            record.Direction = (byte)match.Direction;
            record.Rule = match.Rule;
            ref FlowTail tail = ref shard.TailOf(ref record);
            tail.PolicyVersion = (ushort)policy.Version;
            if (info.Protocol == IpProtocol.Tcp) TcpTracker.Open(ref record, ref tail, info, packet);
            else DatagramTracker.Open(ref record);

            // A connection that was picked up has as much time to be answered as one that begins.
            byte state = record.State == (byte)TcpState.Established ? (byte)TcpState.SynSent : record.State;
            record.See((uint)now, (uint)now + shard.Adapt(_timeouts.Of(record.Protocol, state)));
            shard.Schedule(ref record, now);
            shard.TellBegun(ref record);
        }
        else
        {
            record.BeginChange();
        }

        // If another worker was faster, this packet is the flow's second.
        bool isForward = record.IsForward(announced.FromHigh);
        if (record.Count(isForward, info.Length)) shard.CountWrap(ref record, isForward, info.Length);
        record.EndChange();
        shard.Exit();
        return new Verdict(Access.Allow, VerdictReason.Rule, match.Rule, match.Direction);
    }

    /// <summary>Between two outside addresses nothing but the missing security group is the reason, whatever else is wrong.</summary>
    private static Verdict Deny(VerdictReason reason, in PacketInfo info, Policy policy)
    {
        TrafficDirection direction = policy.DirectionOf(info.Source, info.Destination);
        bool noGroup = reason == VerdictReason.NoFlow && direction == TrafficDirection.Transit && policy.Options.Transit == Access.Deny;
        return new Verdict(Access.Deny, noGroup ? VerdictReason.NoSecurityGroup : reason, RuleCatalog.None, direction);
    }

    private static Verdict Malformed(in PacketInfo info, MalformedReason malformed, Policy policy)
    {
        bool hasAddresses = info.Source != default || info.Destination != default;
        TrafficDirection direction = hasAddresses ? policy.DirectionOf(info.Source, info.Destination) : TrafficDirection.Unknown;
        return new Verdict(Access.Deny, VerdictReason.Malformed, RuleCatalog.None, direction, malformed);
    }

    private bool MayOpen(in PacketInfo info) => info.Protocol switch
    {
        IpProtocol.Tcp => TcpTracker.MayOpen(info.TcpFlags) || (_picksUpMidStream && TcpTracker.MayPickUp(info.TcpFlags)),
        IpProtocol.Icmp or IpProtocol.Icmpv6 => info.IsIcmpRequest,
        _ => true,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FlowShard ShardOf(ulong hash) => FlowTable.ShardOf(_shards, hash);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Refresh(FlowShard shard, ref FlowHead record, long now, uint timeout)
    {
        uint deadline = (uint)now + shard.Adapt(timeout);
        if (deadline == record.Deadline) return; // not the first packet of this millisecond
        bool isSooner = unchecked((int)(deadline - record.Deadline)) < 0;
        record.See((uint)now, deadline);
        if (isSooner) shard.Reschedule(ref record, now);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TrafficDirection DirectionOf(in FlowHead record, bool isForward)
    {
        var direction = (TrafficDirection)record.Direction;
        if (isForward) return direction;
        return direction switch
        {
            TrafficDirection.Inbound => TrafficDirection.Outbound,
            TrafficDirection.Outbound => TrafficDirection.Inbound,
            _ => direction,
        };
    }
}
