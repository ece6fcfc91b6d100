using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <content>A connection in the other direction than the flow that is in its place.</content>
public sealed partial class FirewallEngine
{
    /// <summary>
    /// The flow's originator answers a SYN of the other end, so that it knows nothing any more of the connection it opened. The rules are asked
    /// for the new one, which has not been done at the SYN: if they allow it, it gets a flow, and the SYN/ACK is that one's first packet. Leaves
    /// the shard.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Verdict TurnFlow(
        FlowShard shard, ref FlowHead record, ReadOnlySpan<byte> packet, in AnnouncedPacket announced, Policy policy, long now)
    {
        ref readonly PacketInfo synAck = ref announced.Info;
        RuleMatch match = policy.Evaluate(announced.AsOpening(isForward: false));
        if (match.Access == Access.Deny)
        {
            var denied = new Verdict(Access.Deny, VerdictReason.InvalidState, record.Rule, DirectionOf(record, isForward: true));
            record.EndChange();
            shard.Exit();
            return denied;
        }

        TcpMemory syn = shard.TailOf(ref record).Memory;
        shard.Remove(ref record, announced.Hash, (uint)now);
        record.EndChange();
        ref FlowHead turned = ref shard.Add(announced.Key, !announced.FromHigh, announced.Hash, (uint)now, out FlowRefusal refusal);
        if (Unsafe.IsNullRef(ref turned))
        {
            shard.Exit();
            return new Verdict(Access.Deny, ReasonOf(refusal), match.Rule, match.Direction);
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
        var verdict = new Verdict(Access.Allow, VerdictReason.Flow, match.Rule, DirectionOf(turned, isForward: false));
        turned.EndChange();
        shard.Exit();
        return verdict;
    }

    private static VerdictReason ReasonOf(FlowRefusal refusal) => refusal == FlowRefusal.TableFull ? VerdictReason.TableFull : VerdictReason.SourceLimit;
}
