using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <content>A connection that begins where another one's flow still is. Its SYN and SYN/ACK are that flow's packets, but what they open is asked of the rules.</content>
public sealed partial class FirewallEngine
{
    /// <summary>
    /// A SYN that the flow's own state does not ask for, or a SYN/ACK that answers one: who sends it may know nothing any more of the connection that
    /// was. Leaves the shard.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Verdict JudgeRestart(
        TrackResult result, FlowShard shard, ref FlowHead record, ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, long now)
    {
        bool isForward = record.IsForward(announced.FromHigh);
        bool isSyn = (announced.Info.TcpFlags & TcpFlags.Ack) == 0;
        RuleMatch match = policy.Evaluate(announced.AsOpening(isForward: isSyn));
        bool isAllowed = match.Access == Access.Allow;
        if (isAllowed && result == TrackResult.Restart) return RestartFlow(shard, ref record, packet, announced, policy, match, now);
        TrafficDirection direction = DirectionOf(record, isForward);
        Verdict verdict =
            isAllowed ? new Verdict(Access.Allow, VerdictReason.Flow, record.Rule, direction)
            : isSyn ? new Verdict(Access.Deny, match.Rule == RuleCatalog.None ? VerdictReason.NoSecurityGroup : VerdictReason.Rule, match.Rule, match.Direction)
            : new Verdict(Access.Deny, VerdictReason.InvalidState, record.Rule, direction);
        if (isAllowed)
        {
            if (record.Count(isForward, announced.Info.Length)) shard.CountWrap(ref record, isForward, announced.Info.Length);
            record.See((uint)now);
        }

        record.EndChange();
        shard.Exit();
        return verdict;
    }

    /// <summary>Ends the flow and begins the one whose SYN it had remembered, of which the SYN/ACK is the first packet. Leaves the shard.</summary>
    private Verdict RestartFlow(
        FlowShard shard, ref FlowHead record, ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, RuleMatch match, long now)
    {
        ref readonly PacketInfo synAck = ref announced.Info;
        TrafficDirection direction = DirectionOf(record, record.IsForward(announced.FromHigh));
        TcpMemory syn = shard.TailOf(ref record).Memory;
        shard.Remove(ref record, announced.Hash, (uint)now);
        record.EndChange();
        ref FlowHead begun = ref shard.Add(announced.Key, !announced.FromHigh, announced.Hash, (uint)now, out FlowRefusal refusal);
        if (Unsafe.IsNullRef(ref begun))
        {
            shard.Exit();
            return new Verdict(Access.Deny, ReasonOf(refusal), match.Rule, direction);
        }

        begun.Direction = (byte)match.Direction;
        begun.Rule = match.Rule;
        ref FlowTail tail = ref shard.TailOf(ref begun);
        tail.PolicyVersion = (ushort)policy.Version;
        TcpTracker.OpenAnswered(ref begun, ref tail, syn, synAck, packet);
        begun.See((uint)now, (uint)now + shard.Adapt(_timeouts.Of(IpProtocol.Tcp, begun.State)));
        shard.Schedule(ref begun, now);
        shard.TellBegun(ref begun);
        if (begun.Count(isForward: false, synAck.Length)) shard.CountWrap(ref begun, isForward: false, synAck.Length);
        begun.EndChange();
        shard.Exit();
        return new Verdict(Access.Allow, VerdictReason.Rule, match.Rule, direction);
    }

    private static VerdictReason ReasonOf(FlowRefusal refusal) => refusal == FlowRefusal.TableFull ? VerdictReason.TableFull : VerdictReason.SourceLimit;
}
