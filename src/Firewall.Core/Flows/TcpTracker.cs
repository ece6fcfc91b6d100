using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// TCP's state machine: what a segment does to its flow. Transitions, and what is made of the odd segments, are those of Linux'
/// nf_conntrack (nf_conntrack_proto_tcp.c), which many years of odd stacks have worn into shape; the windows are in
/// <see cref="TcpWindow"/>.
/// </summary>
public static class TcpTracker
{
    private const TcpFlags Looked = TcpFlags.Fin | TcpFlags.Syn | TcpFlags.Rst | TcpFlags.Ack | TcpFlags.Urg;

    // Actions of the table beyond the ten states.
    private const byte Ig = 0x80;  // passes without being believed
    private const byte In = 0x81;  // does not fit
    private const byte Re = 0x82;  // a new connection on a finished one, if it is finished

    private const byte SS = (byte)TcpState.SynSent;
    private const byte SR = (byte)TcpState.SynReceived;
    private const byte ES = (byte)TcpState.Established;
    private const byte FW = (byte)TcpState.FinWait;
    private const byte CW = (byte)TcpState.CloseWait;
    private const byte LA = (byte)TcpState.LastAck;
    private const byte TW = (byte)TcpState.TimeWait;
    private const byte CL = (byte)TcpState.Close;
    private const byte S2 = (byte)TcpState.SynSent2;

    private const int States = 10;
    private const int Kinds = 5;

    private static ReadOnlySpan<byte> Table =>
    [
        //        -   SS  SR  ES  FW  CW  LA  TW  CL  S2
        /* originator */
        /* SYN     */ In, SS, Ig, Ig, Ig, Ig, Ig, Re, Re, S2,
        /* SYN/ACK */ In, In, SR, In, In, In, In, In, In, SR,
        /* FIN     */ In, In, FW, FW, LA, LA, LA, TW, CL, In,
        /* ACK     */ In, In, ES, ES, CW, CW, TW, TW, CL, In,
        /* RST     */ In, CL, CL, CL, CL, CL, CL, CL, CL, CL,
        /* responder */
        /* SYN     */ In, S2, In, In, In, In, In, Re, In, S2,
        /* SYN/ACK */ In, SR, Ig, Ig, Ig, Ig, Ig, Ig, Ig, SR,
        /* FIN     */ In, In, FW, FW, LA, LA, LA, TW, CL, In,
        /* ACK     */ In, Ig, SR, ES, CW, CW, TW, TW, CL, Ig,
        /* RST     */ In, CL, CL, CL, CL, CL, CL, CL, CL, CL,
    ];

    /// <summary>
    /// True for the flag combinations that a sane stack sends: SYN, SYN/ACK, RST, RST/ACK, FIN/ACK, ACK, with URG where data may
    /// be urgent. PSH, ECE and CWR are not looked at.
    /// </summary>
    public static bool AreFlagsValid(TcpFlags flags) => (flags & Looked) switch
    {
        TcpFlags.Syn or TcpFlags.Syn | TcpFlags.Urg => true,
        TcpFlags.Syn | TcpFlags.Ack => true,
        TcpFlags.Rst or TcpFlags.Rst | TcpFlags.Ack => true,
        TcpFlags.Fin | TcpFlags.Ack or TcpFlags.Fin | TcpFlags.Ack | TcpFlags.Urg => true,
        TcpFlags.Ack or TcpFlags.Ack | TcpFlags.Urg => true,
        _ => false,
    };

    /// <summary>True for a segment that may open a flow: a SYN alone.</summary>
    public static bool MayOpen(TcpFlags flags) => (flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Rst | TcpFlags.Fin)) == TcpFlags.Syn;

    /// <summary>True for a segment that may open a flow in the middle of its connection, where that is switched on: an ACK, data or not.</summary>
    public static bool MayPickUp(TcpFlags flags) => KindOf(flags) == TcpKind.Ack;

    /// <summary>Prepares a new record for the segment that opens it.</summary>
    /// <param name="record">The record, with its originator set.</param>
    /// <param name="segment">A SYN, or, for a flow picked up mid-stream, an ACK.</param>
    /// <param name="packet">The packet, for its options.</param>
    public static void Open(ref FlowRecord record, in PacketInfo segment, ReadOnlySpan<byte> packet)
    {
        bool fromHigh = (record.Flags & FlowFlags.OriginatorIsHigh) != 0;
        ref TcpPeer sender = ref fromHigh ? ref record.HighPeer : ref record.LowPeer;
        ref TcpPeer receiver = ref fromHigh ? ref record.LowPeer : ref record.HighPeer;
        TcpKind kind = KindOf(segment.TcpFlags);
        if (kind == TcpKind.Syn)
        {
            record.State = (byte)TcpState.SynSent;
            TcpWindow.Track(ref sender, ref receiver, segment, TcpOptionList.Of(packet, segment), mayRestart: false, TcpState.None);
        }
        else
        {
            record.State = (byte)TcpState.Established;
            record.Flags |= FlowFlags.Liberal;
            TcpWindow.PickUpMidStream(ref sender, ref receiver, segment);
        }

        if (TcpOptionList.IsCut(packet, segment)) record.Flags |= FlowFlags.Liberal;
        record.Memory.Remember(kind, fromHigh, TcpWindow.EndOf(segment));
    }

    /// <summary>Moves the flow on by one segment with valid flags. Allocates nothing.</summary>
    /// <param name="record">The flow.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="packet">The packet, for its options.</param>
    /// <param name="fromHigh">True if the larger endpoint sent it.</param>
    public static TrackResult Track(ref FlowRecord record, in PacketInfo segment, ReadOnlySpan<byte> packet, bool fromHigh)
    {
        bool isForward = record.IsForward(fromHigh);
        var state = (TcpState)record.State;
        TcpKind kind = KindOf(segment.TcpFlags);
        ReadOnlySpan<byte> options = TcpOptionList.Of(packet, segment);
        ref TcpPeer sender = ref fromHigh ? ref record.HighPeer : ref record.LowPeer;
        ref TcpPeer receiver = ref fromHigh ? ref record.LowPeer : ref record.HighPeer;

        // The scale of a SYN that a capture cut short is not known, and without it no window is.
        if (kind <= TcpKind.SynAck && TcpOptionList.IsCut(packet, segment)) record.Flags |= FlowFlags.Liberal;
        byte action = Table[(((isForward ? 0 : Kinds) + (int)kind) * States) + record.State];
        if (action == In) return TrackResult.InvalidState;
        if (action == Re)
        {
            if (IsFinished(record, fromHigh)) return TrackResult.Reopen;
            action = Ig;
        }

        if (action == Ig)
        {
            if (!AnswersIgnoredSyn(record, segment, kind, fromHigh))
            {
                RememberIgnored(ref record, segment, options, kind, fromHigh, state);
                return TrackResult.Ignore;
            }

            // The host took the SYN after all: the old connection was stale, and this is the new one.
            TcpWindow.Restart(ref receiver, ref sender, record.Memory);
            state = TcpState.SynSent;
            action = SR;
        }

        var next = (TcpState)action;
        if (next == TcpState.TimeWait && state == TcpState.LastAck && IsChallenge(record, kind, fromHigh))
        {
            record.Memory.ForgetChallenge();
            return TrackResult.Ignore;
        }

        bool isShortened = false;
        bool isBelieved = false;
        if (kind == TcpKind.Rst)
        {
            switch (JudgeReset(record, sender, receiver, segment, isForward, fromHigh, state))
            {
                case Reset.Refused: return TrackResult.OutOfWindow;
                case Reset.Doubtful: isShortened = true; next = state; break;
                case Reset.Believed: isBelieved = true; break;
            }
        }

        if (!isBelieved)
        {
            bool mayRestart = isForward ? state == TcpState.SynSent : state == TcpState.SynReceived;
            TrackResult fit = TcpWindow.Track(ref sender, ref receiver, segment, options, mayRestart, state);
            if (fit == TrackResult.OutOfWindow && (record.Flags & FlowFlags.Liberal) == 0) return fit;
            if (fit == TrackResult.Ignore) return fit;
        }

        return MoveOn(ref record, ref sender, segment, kind, state, next, isForward, fromHigh, isShortened);
    }

    /// <summary>
    /// True if that end may have a segment with this sequence number on its way: not older than a window, not beyond what it sent. An
    /// ICMP error that quotes anything else was forged by somebody who does not see the connection.
    /// </summary>
    /// <param name="record">A TCP flow.</param>
    /// <param name="sequence">The quoted sequence number.</param>
    /// <param name="fromHigh">True if the larger endpoint is said to have sent it.</param>
    public static bool HasSent(in FlowRecord record, uint sequence, bool fromHigh)
    {
        ref readonly TcpPeer sender = ref fromHigh ? ref record.HighPeer : ref record.LowPeer;
        ref readonly TcpPeer receiver = ref fromHigh ? ref record.LowPeer : ref record.HighPeer;
        if (sender.IsUnseen) return false;
        if ((record.Flags & FlowFlags.Liberal) != 0) return true;
        return !TcpWindow.IsAfter(sequence, sender.End) && TcpWindow.IsAfter(sequence, sender.End - Math.Max(receiver.MaxWindow, 66_000) - 1);
    }

    private static TrackResult MoveOn(
        ref FlowRecord record, ref TcpPeer sender, in PacketInfo segment, TcpKind kind, TcpState state, TcpState next,
        bool isForward, bool fromHigh, bool isShortened)
    {
        record.Memory.Remember(kind, fromHigh, TcpWindow.EndOf(segment));
        if (kind == TcpKind.Fin) sender.Flags |= TcpPeerFlags.HasClosed;
        if (next == TcpState.SynSent2) record.Flags |= FlowFlags.SimultaneousOpen;

        // After a simultaneous open either end's acknowledgment completes the handshake.
        bool bothHaveOpened = (record.Flags & FlowFlags.SimultaneousOpen) != 0;
        if (next == TcpState.SynReceived && state == TcpState.SynReceived && kind == TcpKind.Ack && bothHaveOpened) next = TcpState.Established;

        bool wasReplied = (record.Flags & FlowFlags.Replied) != 0;
        if (!isForward) record.Flags |= FlowFlags.Replied;
        record.State = (byte)next;
        if (kind == TcpKind.Rst && !isForward && !wasReplied) return TrackResult.AcceptAndRemove;
        if (next == TcpState.Established && state is TcpState.SynReceived or TcpState.Established && kind == TcpKind.Ack && (wasReplied || !isForward))
        {
            record.Flags |= FlowFlags.Assured;
        }

        // A SYN sent again does not keep a half-open flow alive; the first one's time counts.
        if (kind == TcpKind.Syn && next == state) return TrackResult.Ignore;
        return isShortened ? TrackResult.AcceptAndShorten : TrackResult.Accept;
    }

    /// <summary>
    /// A blind attacker's best segment is a RST, so it is believed only if its sequence number is exactly what the receiver expects (RFC
    /// 5961 section 3), or if there is nothing left to protect.
    /// </summary>
    private static Reset JudgeReset(
        in FlowRecord record, in TcpPeer sender, in TcpPeer receiver, in PacketInfo segment, bool isForward, bool fromHigh, TcpState state)
    {
        // The answer to a challenge ACK carries the number that the challenge acknowledged (RFC 9293 section 3.10.7.3).
        ref readonly TcpMemory memory = ref record.Memory;
        if (state == TcpState.SynSent && isForward && memory.Kind == TcpKind.Ack && memory.ExpectsChallenge)
        {
            return segment.Sequence == memory.Value ? Reset.Believed : Reset.InWindow;
        }

        // The answer to a SYN that was let through.
        if (memory.Kind == TcpKind.Syn && memory.FromHigh != fromHigh && segment.Acknowledgment == memory.Value && state >= TcpState.Established)
        {
            return Reset.Believed;
        }

        if ((receiver.Flags & TcpPeerFlags.HasAcknowledged) == 0) return Reset.InWindow;
        bool isEstablished = state == TcpState.Established && (record.Flags & FlowFlags.Assured) != 0;
        if (segment.Sequence == 0 && !isEstablished) return Reset.InWindow;
        if (TcpWindow.IsAfter(receiver.MaxAck, segment.Sequence)) return Reset.Refused;
        if (!isEstablished) return state >= TcpState.FinWait ? Reset.Believed : Reset.InWindow;
        if (segment.Sequence == receiver.MaxAck) return Reset.InWindow;

        // A RST behind the sender's own last data, whose acknowledgment is still on its way.
        if (memory.Kind is TcpKind.Ack or TcpKind.Fin && memory.FromHigh == fromHigh && segment.Sequence == memory.Value) return Reset.InWindow;
        return Reset.Doubtful;
    }

    private static bool IsFinished(in FlowRecord record, bool fromHigh) =>
        ((record.LowPeer.Flags | record.HighPeer.Flags) & TcpPeerFlags.HasClosed) != 0
        || (record.Memory.Kind == TcpKind.Rst && record.Memory.FromHigh == fromHigh)
        || record.State == (byte)TcpState.Close;

    private static bool AnswersIgnoredSyn(in FlowRecord record, in PacketInfo segment, TcpKind kind, bool fromHigh) =>
        kind == TcpKind.SynAck
        && record.Memory.Kind == TcpKind.Syn
        && record.Memory.FromHigh != fromHigh
        && segment.Acknowledgment == record.Memory.Value;

    private static bool IsChallenge(in FlowRecord record, TcpKind kind, bool fromHigh) =>
        kind == TcpKind.Ack && record.Memory.Kind == TcpKind.Syn && record.Memory.FromHigh != fromHigh && record.Memory.ExpectsChallenge;

    private static void RememberIgnored(
        ref FlowRecord record, in PacketInfo segment, ReadOnlySpan<byte> options, TcpKind kind, bool fromHigh, TcpState state)
    {
        switch (kind)
        {
            case TcpKind.Syn:
                TcpOptionList.ReadSyn(options, out int scale, out bool sackPermitted);
                bool expectsChallenge = state == TcpState.LastAck;
                record.Memory.RememberSyn(fromHigh, TcpWindow.EndOf(segment), segment.Window, scale, sackPermitted, expectsChallenge);
                break;
            case TcpKind.Ack:
                record.Memory.RememberChallenge(fromHigh, segment.Acknowledgment);
                break;
        }
    }

    private static TcpKind KindOf(TcpFlags flags)
    {
        if ((flags & TcpFlags.Rst) != 0) return TcpKind.Rst;
        if ((flags & TcpFlags.Syn) != 0) return (flags & TcpFlags.Ack) != 0 ? TcpKind.SynAck : TcpKind.Syn;
        return (flags & TcpFlags.Fin) != 0 ? TcpKind.Fin : TcpKind.Ack;
    }

    private enum Reset
    {
        /// <summary>To be judged by the windows like any other segment.</summary>
        InWindow,

        /// <summary>Taken without looking at the windows.</summary>
        Believed,

        /// <summary>In the window but not exact: passes, and the flow ends soon if nobody contradicts.</summary>
        Doubtful,

        /// <summary>Older than what was acknowledged.</summary>
        Refused,
    }
}
