using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <content>ICMP errors, which belong to the flow of the packet that they quote.</content>
public sealed partial class FirewallEngine
{
    private readonly ErrorLimiter _errors = new();

    /// <summary>
    /// An ICMP error passes if it comes back to the sender of a packet of a known flow, who has sent something, and, for TCP, quotes a sequence number that this
    /// sender may have on its way (RFC 5927 section 4.1). It never refreshes the flow.
    /// </summary>
    private Verdict RelateToFlow(ReadOnlySpan<byte> packet, in PacketInfo info, Policy policy, long now)
    {
        if (!IsRedirect(info)
            && EmbeddedPacket.TryRead(packet, info, out PacketInfo embedded)
            && embedded.Source == info.Destination)
        {
            FlowKey key = FlowKey.Of(embedded, out bool fromHigh);
            ulong hash = _flows.HashOf(key);
            FlowShard shard = ShardOf(hash);
            shard.Enter();
            ref FlowHead record = ref shard.Find(key, hash, (uint)now);
            bool isTcp = embedded.Protocol == IpProtocol.Tcp;
            bool isKnown = !Unsafe.IsNullRef(ref record) && (isTcp || record.IsForward(fromHigh) || (record.Flags & FlowFlags.Replied) != 0);
            bool fits = isKnown && (!isTcp || TcpTracker.HasSent(record, shard.TailOf(ref record), embedded.Sequence, fromHigh));
            int rule = isKnown ? record.Rule : RuleCatalog.None;
            shard.Exit();
            TrafficDirection direction = policy.DirectionOf(info.Source, info.Destination);
            if (isKnown && !fits) return new Verdict(Access.Deny, VerdictReason.OutOfWindow, rule, direction);
            if (isKnown && !_errors.TryTake(hash, now)) return new Verdict(Access.Deny, VerdictReason.ErrorRate, rule, direction);
            if (isKnown) return new Verdict(Access.Allow, VerdictReason.Related, rule, direction);
        }

        return Deny(VerdictReason.NoFlow, info, policy);
    }

    private static bool IsRedirect(in PacketInfo info) => info.IcmpType == (info.Protocol == IpProtocol.Icmp ? 5 : 137);
}
