using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;

namespace Firewall.SystemTests.Conntrack;

/// <summary>
/// A place where our engine does otherwise than nf_conntrack on purpose. docs/CONNTRACK-DIFFERENCES.md has the reasons, by the same names.
/// </summary>
/// <param name="Name">Its name in the list.</param>
/// <param name="IsLasting">
/// True if the two know different things of the connection from then on, so that also later packets may get different verdicts.
/// </param>
/// <param name="Occurs">Whether a packet is one of these, told from what our engine knew and did.</param>
/// <param name="IsRare">True if the usual conversations need not show it.</param>
internal sealed record KnownDifference(string Name, bool IsLasting, Func<Step, bool> Occurs, bool IsRare = false)
{
    public static IReadOnlyList<KnownDifference> All { get; } =
    [
        new("ICMP error with a foreign sequence number", false, static step => step.Info.IsIcmpError && step.Verdict.Reason == VerdictReason.OutOfWindow),
        new("ICMP error that quotes too little", false, static step => step.Info.IsIcmpError && step.Verdict.Reason == VerdictReason.NoFlow
            && step.Info.PayloadLength < (step.Info.IsIPv4 ? 20 : 40) + 8),
        new("ICMP error about an answer that was not given", false, static step => step.Info.IsIcmpError && step.Verdict.Reason == VerdictReason.NoFlow
            && step.Before.State != TcpState.None && !step.Before.IsForward && (step.Before.Flags & FlowFlags.Replied) == 0),
        new("Reset outside of the window", true, static step => step.IsReset && step.Verdict.Reason == VerdictReason.OutOfWindow),
        new("Reset during the handshake that proves nothing", true, static step => step.IsReset && step.Verdict.IsAllowed
            && step.Before.State is TcpState.SynSent or TcpState.SynSent2 or TcpState.SynReceived && step.After.State == step.Before.State),
        new("Old SYN/ACK", true, static step => step.Flags == SynAck && !step.Before.IsForward
            && step.Before.State == TcpState.SynSent && step.Info.Acknowledgment != step.Before.Receiver.End),
        new("SYN/ACK of a simultaneous open, again", false, static step => step.Flags == SynAck && step.Before.IsForward
            && step.Before.State is >= TcpState.Established and < TcpState.SynSent2 && (step.Before.Flags & FlowFlags.SimultaneousOpen) != 0 && step.Verdict.Reason == VerdictReason.Flow),
        new("Second SYN/ACK of a simultaneous open", true, static step => step.Flags == SynAck && step.Verdict.IsAllowed
            && step.Before.State == TcpState.SynReceived && (step.Before.Flags & FlowFlags.SimultaneousOpen) != 0),
        new("Acknowledgment of a simultaneous open", true, static step => (step.Flags & (SynAck | TcpFlags.Rst)) == TcpFlags.Ack && step.Verdict.IsAllowed
            && step.Before.State == TcpState.SynSent2 && step.After.State is not (TcpState.None or TcpState.SynSent2), IsRare: true),
        new("Late copies of the handshake", true, static step => step.Flags == SynAck && step.Verdict.IsAllowed && step.Before.State is >= TcpState.Established and < TcpState.SynSent2
            && step.After.State == step.Before.State && step.Before.Receiver.End - step.Info.Acknowledgment < Recent && step.Before.Sender.End - EndOf(step) < Recent),
        new("SYN/ACK behind another segment", true, static step => step.Flags == SynAck && step.IsBehindAnother
            && step.Before.State is >= TcpState.Established and < TcpState.SynSent2 && step.After.State == TcpState.SynReceived, IsRare: true),
        new("Challenge behind another segment", true, static step => (step.Flags & (SynAck | TcpFlags.Fin | TcpFlags.Rst)) == TcpFlags.Ack && step.IsBehindAnother && step.Verdict.IsAllowed
            && step.Before.State == TcpState.LastAck && step.After.State == TcpState.LastAck, IsRare: true),
        new("SYN/ACK for more or less than its SYN", true, static step => step.Flags == SynAck && step.After.State == TcpState.SynReceived
            && step.Before.State is >= TcpState.Established and < TcpState.SynSent2 && step.Info.Acknowledgment != step.SynEnd, IsRare: true),
        new("Late refusal of a SYN", true, static step => step.IsReset && step.Info.Sequence == 0 && step.Verdict.IsAllowed
            && step.Before.State is >= TcpState.Established and < TcpState.Close && step.After.State == step.Before.State, IsRare: true),
        new("Reset in doubt while closing", true, static step => step.IsReset && step.Verdict.IsAllowed
            && step.Before.State is > TcpState.Established and < TcpState.Close && step.After.State == step.Before.State),
        new("Reset on an unanswered pick-up", true, static step => step.IsReset && step.Verdict.IsAllowed
            && (step.Before.Flags & (FlowFlags.Liberal | FlowFlags.Replied)) == FlowFlags.Liberal && step.After.State == TcpState.None, IsRare: true),
        new("New connection on a picked-up one", false, static step => step.IsOnPickedUp && !step.Before.IsForward && !step.IsReset
            && step.Verdict.Reason == VerdictReason.OutOfWindow, IsRare: true),
        new("SYN on a reset connection", true, static step => IsSyn(step) && step.Before.State == TcpState.Close),
        new("SYN on a connection that may need more", true, static step => IsSyn(step)
            && step.Before.State == TcpState.TimeWait && step.After.State == TcpState.TimeWait),
        new("SYN of the answering end", false, static step => IsSyn(step) && !step.Before.IsForward && step.Verdict.IsAllowed
            && step.Before.State is >= TcpState.SynReceived and <= TcpState.LastAck),
        new("SYN/ACK of the opening end", true, static step => step.Flags == SynAck && step.Before.IsForward && step.Verdict.IsAllowed
            && (step.Before.Flags & FlowFlags.SimultaneousOpen) == 0
            && (step.Before.State is >= TcpState.Established and < TcpState.SynSent2 || (step.Before.State == TcpState.SynReceived && step.Verdict.Reason == VerdictReason.Rule))),
        new("FIN that answers a SYN", false, static step => (step.Flags & TcpFlags.Fin) != 0 && !step.Before.IsForward && step.Before.State == TcpState.SynSent),
        new("FIN sent again", true, static step => (step.Flags & TcpFlags.Fin) != 0 && (step.Before.Sender.Flags & TcpPeerFlags.HasClosed) != 0
            && step.Before.State is TcpState.FinWait or TcpState.CloseWait && step.After.State == step.Before.State),
        new("Reset that answers a SYN", false, static step => step.IsReset && step.Verdict.IsAllowed && step.Before.State == TcpState.Established
            && (IsAfter(step.Before.Receiver.MaxAck, step.Info.Sequence) || IsAfter(step.Info.Sequence, step.Before.Sender.MaxEnd)), IsRare: true),
        new("Reset that moves no bounds", true, static step => step.IsReset && step.Verdict.IsAllowed
            && (IsAfter(step.Info.Sequence, step.Before.Sender.End) || IsAfter(ReachOf(step), step.Before.Receiver.MaxEnd))),
        new("Refusal behind a challenge", true, static step => step.IsReset && !step.Before.IsForward
            && step.Before.State == TcpState.SynSent && (step.Before.Flags & FlowFlags.Replied) != 0),
        new("Simultaneous open behind a challenge", true, static step => IsSyn(step) && !step.Before.IsForward
            && step.Before.State == TcpState.SynSent && (step.Before.Flags & FlowFlags.Replied) != 0),
        new("SYN with another number", true, static step => (step.Flags & TcpFlags.Syn) != 0 && !step.Before.Sender.IsUnseen
            && step.Before.State is TcpState.SynSent or TcpState.SynSent2 or TcpState.SynReceived && EndOf(step) != step.Before.Sender.End
            && (step.Before.State == TcpState.SynSent2 || (step.Before.State == TcpState.SynReceived && step.Before.IsForward) || !IsAfter(EndOf(step), step.Before.Sender.End))),
        new("SACK far ahead of the acknowledgment", true, static step => step.Verdict.IsAllowed && step.Info.Protocol == IpProtocol.Tcp
            && step.After.Sender.MaxWindow == (uint)ushort.MaxValue << step.After.Sender.Scale
            && step.After.Sender.MaxWindow > Math.Max(step.Before.Sender.MaxWindow, (uint)step.Info.Window << step.After.Sender.Scale), IsRare: true),
        new("Overshoot", true, static step => IsOvershoot(step) || IsOldBehindOvershoot(step) || IsCut(step)),
    ];

    // As far back a copy of the connection's own SYN may lie.
    private const uint Recent = 0x0100_0000;

    private const TcpFlags SynAck = TcpFlags.Syn | TcpFlags.Ack;

    private static bool IsSyn(Step step) => (step.Flags & (SynAck | TcpFlags.Rst | TcpFlags.Fin)) == TcpFlags.Syn;

    private static bool IsOvershoot(Step step) =>
        step.Info.Protocol == IpProtocol.Tcp && step.Before.State != TcpState.None && !step.IsReset && (step.Flags & TcpFlags.Syn) == 0 && step.Verdict.IsAllowed
        && !step.Before.Sender.IsUnseen && IsAfter(step.Info.Sequence, step.Before.Sender.MaxEnd);

    // Believed, where a count from the highest number sent would have found it too old.
    private static bool IsOldBehindOvershoot(Step step)
    {
        if (step.Info.Protocol != IpProtocol.Tcp || step.Before.State == TcpState.None || step.IsReset || !step.Verdict.IsAllowed) return false;
        TcpPeer sender = step.Before.Sender;
        TcpPeer receiver = step.Before.Receiver;
        return IsBetween(step.Info.Acknowledgment, receiver, Math.Max(sender.MaxWindow, 66_000)) || IsBetween(EndOf(step), sender, receiver.MaxWindow);
    }

    private static bool IsBetween(uint number, in TcpPeer peer, uint oldest) =>
        IsAfter(number, peer.EndInWindow - oldest - 1) && !IsAfter(number, peer.End - oldest - 1);

    // What ends beyond the window was allowed by one that was not seen: the receiver's largest, which sixteen bits may not hold.
    private static bool IsCut(Step step)
    {
        TcpPeer receiver = step.Before.Receiver;
        uint beyond = EndOf(step) - step.Before.Sender.MaxEnd;
        return step.Info.Protocol == IpProtocol.Tcp && step.Verdict.IsAllowed && !step.Before.Sender.IsUnseen && IsAfter(EndOf(step), step.Before.Sender.MaxEnd)
            && (ulong)receiver.MaxWindow + beyond > (ulong)ushort.MaxValue << receiver.Scale;
    }

    // How far the segment's window would allow its receiver to send, if it were believed.
    private static uint ReachOf(Step step)
    {
        bool isAck = (step.Flags & TcpFlags.Ack) != 0 && step.Info.Acknowledgment != 0;
        return (isAck ? step.Info.Acknowledgment : step.Before.Receiver.End) + ((uint)step.Info.Window << step.Before.Sender.Scale);
    }

    private static uint EndOf(Step step) => step.Info.Sequence + (uint)step.Info.PayloadLength + ((step.Flags & (TcpFlags.Syn | TcpFlags.Fin)) != 0 ? 1u : 0);

    private static bool IsAfter(uint left, uint right) => unchecked((int)(left - right)) > 0;
}
