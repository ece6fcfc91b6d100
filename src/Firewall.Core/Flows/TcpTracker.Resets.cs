using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <content>Resets: which of them is believed.</content>
public static partial class TcpTracker
{
    /// <summary>
    /// A blind attacker's best segment is a RST, so it is believed only if its sequence number is exactly what the receiver expects (RFC
    /// 5961 section 3), or if there is nothing left to protect.
    /// </summary>
    private static Reset JudgeReset(
        in FlowHead record, in TcpMemory memory, in TcpPeer sender, in TcpPeer receiver, in PacketInfo segment, bool isForward, bool fromHigh, TcpState state)
    {
        if (state == TcpState.Close) return Reset.Believed; // there is nothing left to protect
        if (state is TcpState.SynSent or TcpState.SynSent2 or TcpState.SynReceived)
        {
            // The answer to a challenge ACK carries the number that the challenge acknowledged (RFC 9293 section 3.10.7.3).
            bool answersChallenge = state == TcpState.SynSent && isForward && memory.Kind == TcpKind.Ack && memory.ExpectsChallenge;
            if (answersChallenge && segment.Sequence == memory.Value) return Reset.PassedOn;

            // And the one to a SYN/ACK that acknowledged a little more than was sent.
            bool answersSynAck = state == TcpState.SynSent && isForward && memory.Kind == TcpKind.SynAck;
            if (answersSynAck && segment.Sequence - sender.End <= LongestSyn) return Reset.PassedOn;

            // A refusal of the one SYN, while the other is on its way: who gets the refusal first believes it, who gets the SYN first does not.
            bool bothHaveOpened = state == TcpState.SynSent2 || (record.Flags & FlowFlags.SimultaneousOpen) != 0;
            if (bothHaveOpened && segment.Sequence == 0 && segment.Acknowledgment == receiver.End) return Reset.PassedOn;
            if ((receiver.Flags & TcpPeerFlags.HasAcknowledged) != 0 && segment.Sequence != 0 && TcpWindow.IsAfter(receiver.MaxAck, segment.Sequence))
                return Reset.Refused;
            return IsProven(sender, receiver, segment) ? Reset.InWindow : Reset.Unproven;
        }

        // The answer to a SYN that was let through; if it is a forged one, the host's challenge will contradict it.
        if (memory.Kind == TcpKind.Syn && memory.FromHigh != fromHigh && segment.Acknowledgment == memory.Value && state != TcpState.TimeWait)
        {
            return Reset.DoubtfulAnswer;
        }

        if ((receiver.Flags & TcpPeerFlags.HasAcknowledged) == 0) return Reset.InWindow;
        bool isEstablished = state == TcpState.Established && (record.Flags & FlowFlags.Assured) != 0;

        // Most likely the late answer to a SYN (RFC 9293 section 3.10.7.1), which tells nothing of this connection.
        if (segment.Sequence == 0 && !isEstablished && receiver.MaxAck != 0) return Reset.Unproven;
        if (TcpWindow.IsAfter(receiver.MaxAck, segment.Sequence)) return Reset.Refused;
        if (state == TcpState.Established && !isEstablished) return Reset.InWindow;
        if (segment.Sequence == receiver.MaxAck) return Reset.InWindow;

        // Exactly behind data that went further than it might: whoever took that expects this.
        if (segment.Sequence == sender.End && TcpWindow.IsAfter(sender.End, sender.MaxEnd)) return Reset.DoubtfulAnswer;

        // A RST behind the sender's own last data, whose acknowledgment is still on its way.
        if (memory.Kind is TcpKind.Ack or TcpKind.Fin && memory.FromHigh == fromHigh && segment.Sequence == memory.Value) return Reset.InWindow;
        return Reset.Doubtful;
    }

    /// <summary>
    /// True if a RST during the handshake shows that its sender has seen the other end's SYN or goes on exactly where it was: it
    /// acknowledges all that the other end has sent, or stands at the number that is expected next. Anything else is a straggler of an
    /// older connection or a guess, which its receiver will not believe either (RFC 9293 section 3.10.7.3).
    /// </summary>
    private static bool IsProven(in TcpPeer sender, in TcpPeer receiver, in PacketInfo segment)
    {
        bool isAck = (segment.TcpFlags & TcpFlags.Ack) != 0;
        if (isAck && !receiver.IsUnseen && segment.Acknowledgment == receiver.End) return true;
        if (!sender.IsUnseen && segment.Sequence == sender.End) return true;
        return (receiver.Flags & TcpPeerFlags.HasAcknowledged) != 0 && segment.Sequence == receiver.MaxAck;
    }

    /// <summary>Lets a RST pass for its receiver to judge, unless it is far out, and believes nothing of it.</summary>
    private static TrackResult PassUnproven(
        in FlowHead record, TcpPeer sender, TcpPeer receiver, in PacketInfo segment, ReadOnlySpan<byte> options, TcpState state)
    {
        TrackResult fit = TcpWindow.Track(ref sender, ref receiver, segment, options, mayRestart: false, state);
        return fit == TrackResult.OutOfWindow && (record.Flags & FlowFlags.Liberal) == 0 ? fit : TrackResult.Ignore;
    }

    private enum Reset
    {
        /// <summary>To be judged by the windows like any other segment.</summary>
        InWindow,

        /// <summary>Taken without looking at the windows.</summary>
        Believed,

        /// <summary>In the window but not exact: passes, and the flow ends soon if nobody contradicts.</summary>
        Doubtful,

        /// <summary>Passes without looking at the windows, and the flow ends soon if nobody contradicts.</summary>
        DoubtfulAnswer,

        /// <summary>Passes without looking at the windows, and the connection goes on being opened.</summary>
        PassedOn,

        /// <summary>Passes, and nothing is believed.</summary>
        Unproven,

        /// <summary>Older than what was acknowledged.</summary>
        Refused,
    }
}
