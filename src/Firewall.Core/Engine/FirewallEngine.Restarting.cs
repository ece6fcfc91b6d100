using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <content>A connection in the other direction than the flow that is in its place.</content>
public sealed partial class FirewallEngine
{
    /// <summary>
    /// A SYN/ACK of the flow's originator answers, or may answer, a SYN of the other end, which passed without a look at the rules: they are asked
    /// now. Leaves the shard.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Verdict JudgeTurned(
        TrackResult result, FlowShard shard, ref FlowHead record, ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, long now)
    {
        RuleMatch match = policy.Evaluate(announced.AsOpening(isForward: false));
        bool isAllowed = match.Access == Access.Allow;
        if (isAllowed && result == TrackResult.Turn) return TurnFlow(shard, ref record, packet, announced, policy, match, now);
        TrafficDirection direction = DirectionOf(record, isForward: true);
        Verdict verdict = isAllowed
            ? new Verdict(Access.Allow, VerdictReason.Flow, record.Rule, direction)
            : new Verdict(Access.Deny, VerdictReason.InvalidState, record.Rule, direction);
        if (isAllowed)
        {
            if (record.Count(isForward: true, announced.Info.Length)) shard.CountWrap(ref record, isForward: true, announced.Info.Length);
            record.See((uint)now);
        }

        record.EndChange();
        shard.Exit();
        return verdict;
    }

    /// <summary>
    /// Ends the flow and begins the one in the other direction, of which the SYN/ACK is the first packet: who sends it knows nothing any more of the
    /// connection that was. Leaves the shard.
    /// </summary>
    private Verdict TurnFlow(
        FlowShard shard, ref FlowHead record, ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, RuleMatch match, long now)
    {
        ref readonly PacketInfo synAck = ref announced.Info;
        TrafficDirection direction = DirectionOf(record, isForward: true);
        TcpMemory syn = shard.TailOf(ref record).Memory;
        shard.Remove(ref record, announced.Hash, (uint)now);
        record.EndChange();
        ref FlowHead turned = ref shard.Add(announced.Key, !announced.FromHigh, announced.Hash, (uint)now, out FlowRefusal refusal);
        if (Unsafe.IsNullRef(ref turned))
        {
            shard.Exit();
            return new Verdict(Access.Deny, ReasonOf(refusal), match.Rule, direction);
        }

        turned.Direction = (byte)match.Direction;
        turned.Rule = match.Rule;
        ref FlowTail tail = ref shard.TailOf(ref turned);
        tail.PolicyVersion = (ushort)policy.Version;
        TcpTracker.OpenAnswered(ref turned, ref tail, syn, synAck, packet);
        turned.See((uint)now, (uint)now + shard.Adapt(_timeouts.Of(IpProtocol.Tcp, turned.State)));
        shard.Schedule(ref turned, now);
        shard.TellBegun(ref turned);
        if (turned.Count(isForward: false, synAck.Length)) shard.CountWrap(ref turned, isForward: false, synAck.Length);
        turned.EndChange();
        shard.Exit();
        return new Verdict(Access.Allow, VerdictReason.Rule, match.Rule, direction);
    }

    private static VerdictReason ReasonOf(FlowRefusal refusal) => refusal == FlowRefusal.TableFull ? VerdictReason.TableFull : VerdictReason.SourceLimit;
}
