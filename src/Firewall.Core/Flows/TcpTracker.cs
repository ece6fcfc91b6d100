using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// TCP's state machine: what a segment does to its flow. Transitions, and what is made of the odd segments, are those of Linux'
/// nf_conntrack (nf_conntrack_proto_tcp.c), which many years of odd stacks have worn into shape; the windows are in
/// <see cref="TcpWindow"/>. Beyond it, what a host answers with a challenge or a reset passes in both directions (a SYN of the answering
/// end, a FIN before the SYN/ACK): it changes nothing here, and its sender is to learn that it is wrong. Where it is not, the answer says so.
/// </summary>
public static partial class TcpTracker
{
    // The sets of flags that a sane stack sends, a bit for each, first without PSH and then with it.
    private const ulong SetsWithoutPush =
        (1ul << (int)TcpFlags.Syn) | (1ul << (int)(TcpFlags.Syn | TcpFlags.Urg))
        | (1ul << (int)(TcpFlags.Syn | TcpFlags.Ack))
        | (1ul << (int)TcpFlags.Rst) | (1ul << (int)(TcpFlags.Rst | TcpFlags.Ack))
        | (1ul << (int)(TcpFlags.Fin | TcpFlags.Ack)) | (1ul << (int)(TcpFlags.Fin | TcpFlags.Ack | TcpFlags.Urg))
        | (1ul << (int)TcpFlags.Ack) | (1ul << (int)(TcpFlags.Ack | TcpFlags.Urg));

    private const ulong ValidSets = SetsWithoutPush | (SetsWithoutPush << (int)TcpFlags.Psh);

    // The flags that the sets are of.
    private const int LookedAt = (int)(TcpFlags.Fin | TcpFlags.Syn | TcpFlags.Rst | TcpFlags.Psh | TcpFlags.Ack | TcpFlags.Urg);

    // Those that tell what a segment is to the state machine.
    private const TcpFlags Telling = TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Rst | TcpFlags.Fin;

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

    // The most data that comes with a SYN; its SYN/ACK may acknowledge it or not, and the SYN may come again without it (RFC 7413).
    private const uint LongestSyn = 9_000;

    private const int States = 10;
    private const int Kinds = 5;

    private static ReadOnlySpan<byte> Table =>
    [
        //        -   SS  SR  ES  FW  CW  LA  TW  CL  S2
        /* originator */
        /* SYN     */ In, SS, Ig, Ig, Ig, Ig, Ig, Re, Re, S2,
        /* SYN/ACK */ In, In, SR, Ig, Ig, Ig, Ig, Ig, Ig, SR,
        /* FIN     */ In, In, FW, FW, LA, LA, LA, TW, CL, In,
        /* ACK     */ In, In, ES, ES, CW, CW, TW, TW, CL, In,
        /* RST     */ In, CL, CL, CL, CL, CL, CL, CL, CL, CL,
        /* responder */
        /* SYN     */ In, S2, Ig, Ig, Ig, Ig, Ig, Re, Re, S2,
        /* SYN/ACK */ In, SR, Ig, Ig, Ig, Ig, Ig, Ig, Ig, SR,
        /* FIN     */ In, Ig, FW, FW, LA, LA, LA, TW, CL, In,
        /* ACK     */ In, Ig, SR, ES, CW, CW, TW, TW, CL, Ig,
        /* RST     */ In, CL, CL, CL, CL, CL, CL, CL, CL, CL,
    ];

    /// <summary>
    /// True for the flag combinations that a sane stack sends: SYN, SYN/ACK, RST, RST/ACK, FIN/ACK, ACK, with URG where data may
    /// be urgent. PSH, ECE and CWR are not looked at.
    /// </summary>
    public static bool AreFlagsValid(TcpFlags flags) => ((ValidSets >> ((int)flags & LookedAt)) & 1) != 0;

    /// <summary>True for a segment that may open a flow: a SYN alone.</summary>
    public static bool MayOpen(TcpFlags flags) => (flags & Telling) == TcpFlags.Syn;

    /// <summary>True for a segment that may open a flow in the middle of its connection, where that is switched on: an ACK, data or not.</summary>
    public static bool MayPickUp(TcpFlags flags) => KindOf(flags) == TcpKind.Ack;

    /// <summary>Prepares a new record for the segment that opens it.</summary>
    /// <param name="record">The record's head, with its originator set.</param>
    /// <param name="tail">Its tail.</param>
    /// <param name="segment">A SYN, or, for a flow picked up mid-stream, an ACK.</param>
    /// <param name="packet">The packet, for its options.</param>
    public static void Open(ref FlowHead record, ref FlowTail tail, in PacketInfo segment, ReadOnlySpan<byte> packet)
    {
        bool fromHigh = (record.Flags & FlowFlags.OriginatorIsHigh) != 0;
        ref TcpPeer sender = ref fromHigh ? ref tail.HighPeer : ref tail.LowPeer;
        ref TcpPeer receiver = ref fromHigh ? ref tail.LowPeer : ref tail.HighPeer;
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
            TcpWindow.PickUpMidStream(ref sender, ref receiver, segment, TcpOptionList.Of(packet, segment));
        }

        if (TcpOptionList.IsCut(packet, segment)) record.Flags |= FlowFlags.Liberal;
        tail.Memory.Remember(kind, fromHigh, TcpWindow.EndOf(segment));
    }

    /// <summary>Prepares a new record for a connection whose SYN had been let through on an older one's flow, and moves it on by the SYN/ACK.</summary>
    /// <param name="record">The record's head, with its originator set: the end that sent the SYN.</param>
    /// <param name="tail">Its tail.</param>
    /// <param name="syn">The SYN, as the other flow remembered it.</param>
    /// <param name="synAck">The SYN/ACK.</param>
    /// <param name="packet">The packet, for its options.</param>
    internal static void OpenAnswered(ref FlowHead record, ref FlowTail tail, in TcpMemory syn, in PacketInfo synAck, ReadOnlySpan<byte> packet)
    {
        bool fromHigh = (record.Flags & FlowFlags.OriginatorIsHigh) == 0;
        ref TcpPeer originator = ref fromHigh ? ref tail.LowPeer : ref tail.HighPeer;
        ref TcpPeer responder = ref fromHigh ? ref tail.HighPeer : ref tail.LowPeer;
        record.State = (byte)TcpState.SynSent;
        TcpWindow.Restart(ref originator, ref responder, syn, synAck.Acknowledgment);
        Track(ref record, ref tail, synAck, packet, fromHigh);
    }

    /// <summary>Moves the flow on by one segment with valid flags. Allocates nothing.</summary>
    /// <param name="record">The head of the flow's record.</param>
    /// <param name="tail">Its tail.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="packet">The packet, for its options.</param>
    /// <param name="fromHigh">True if the larger endpoint sent it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TrackResult Track(ref FlowHead record, ref FlowTail tail, in PacketInfo segment, ReadOnlySpan<byte> packet, bool fromHigh)
    {
        bool isUsual = (segment.TcpFlags & Telling) == TcpFlags.Ack && record.State == (byte)TcpState.Established;
        return isUsual ? TrackUsual(ref record, ref tail, segment, packet, fromHigh) : TrackByTable(ref record, ref tail, segment, packet, fromHigh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static TrackResult TrackByTable(ref FlowHead record, ref FlowTail tail, in PacketInfo segment, ReadOnlySpan<byte> packet, bool fromHigh)
    {
        bool isForward = record.IsForward(fromHigh);
        var state = (TcpState)record.State;
        TcpKind kind = KindOf(segment.TcpFlags);
        ReadOnlySpan<byte> options = TcpOptionList.Of(packet, segment);
        ref TcpPeer sender = ref fromHigh ? ref tail.HighPeer : ref tail.LowPeer;
        ref TcpPeer receiver = ref fromHigh ? ref tail.LowPeer : ref tail.HighPeer;

        // The scale of a SYN that a capture cut short is not known, and without it no window is.
        if (kind <= TcpKind.SynAck && TcpOptionList.IsCut(packet, segment)) record.Flags |= FlowFlags.Liberal;
        if (HasSeenBothSyns(sender, receiver, segment, kind, state)) state = TcpState.SynReceived;
        byte action = Table[(((isForward ? 0 : Kinds) + (int)kind) * States) + (int)state];
        if (action == In)
        {
            uint received = tail.Memory.SackPermitted ? TcpOptionList.HighestSackEdge(options, segment.Acknowledgment) : segment.Acknowledgment;
            if (!isForward || !TakesSynAck(tail.Memory, sender, segment, received, kind, fromHigh, state)) return TrackResult.InvalidState;

            TcpWindow.CompleteHandshake(ref sender, ref receiver, segment, received, tail.Memory);
            record.Flags |= FlowFlags.Replied;
            state = TcpState.SynReceived;
            action = Table[((int)kind * States) + (int)state];
        }

        if (action == Re)
        {
            if (IsFinished(record, tail, fromHigh) && !MayNeedMore(sender, receiver, segment, state)) return TrackResult.Reopen;
            action = Ig;
        }

        // The flow's own SYN may be an old copy, which the other end answered because it was opening too: its SYN is what counts, if it is answered.
        bool bothHaveOpened = (record.Flags & FlowFlags.SimultaneousOpen) != 0;
        bool isDoubtful = action == Ig || (isForward && state == TcpState.SynReceived && !bothHaveOpened);
        bool answersIgnored = isDoubtful && AnswersIgnoredSyn(tail, sender, receiver, segment, kind, fromHigh);
        if (answersIgnored) return TrackResult.Restart; // the host took the SYN after all

        // In a simultaneous open both SYN/ACKs tell something new: each announces its sender's window.
        if (action == Ig && kind == TcpKind.SynAck && state == TcpState.SynReceived && bothHaveOpened) action = SR;
        if (action == Ig)
        {
            if (kind == TcpKind.SynAck && isForward)
            {
                return bothHaveOpened && IsOldSynAck(sender, receiver, segment) ? TrackResult.Ignore
                    : MayBeChallenged(receiver, segment, state) ? TrackResult.PassIfAllowed
                    : TrackResult.InvalidState;
            }

            RememberIgnored(ref record, ref tail.Memory, segment, packet, kind, fromHigh, state);
            // That of the answering end is for the host to challenge, as long as the connection is open.
            bool mayBegin = kind == TcpKind.Syn && (isForward ? state >= TcpState.Established : state >= TcpState.TimeWait);
            return mayBegin ? TrackResult.PassIfAllowed : TrackResult.Ignore;
        }

        var next = (TcpState)action;
        if (next == TcpState.TimeWait && state == TcpState.LastAck && IsChallenge(tail.Memory, kind, fromHigh))
        {
            tail.Memory.ForgetChallenge();
            return TrackResult.Ignore;
        }

        // A FIN sent again is not the other end's: the flow is half-closed as before, and may stay so for long.
        if (kind == TcpKind.Fin && next == TcpState.LastAck && (receiver.Flags & TcpPeerFlags.HasClosed) == 0 && (sender.Flags & TcpPeerFlags.HasClosed) != 0)
        {
            next = state;
        }

        bool isShortened = false;
        bool isBelieved = false;
        if (kind == TcpKind.Rst)
        {
            switch (JudgeReset(record, tail.Memory, sender, receiver, segment, isForward, fromHigh, state))
            {
                case Reset.Refused: return TrackResult.OutOfWindow;
                case Reset.Doubtful: isShortened = true; next = state; break;
                case Reset.DoubtfulAnswer: isShortened = isBelieved = true; next = state; break;
                case Reset.Believed: isBelieved = true; break;
                case Reset.PassedOn: return TrackResult.Ignore;
                case Reset.Unproven: return PassUnproven(record, sender, receiver, segment, options, state);
            }
        }

        if (!isBelieved)
        {
            bool mayRestart = state == TcpState.SynSent2 || state == (isForward ? TcpState.SynSent : TcpState.SynReceived);
            TrackResult fit = TcpWindow.Track(ref sender, ref receiver, segment, options, mayRestart, state);
            if (fit == TrackResult.Ignore && kind == TcpKind.SynAck && state == TcpState.SynSent)
                RememberDoubtfulSynAck(ref tail.Memory, receiver, segment, options, fromHigh);
            if (fit != TrackResult.Accept && (record.Flags & FlowFlags.Liberal) == 0) return fit;
        }

        return MoveOn(ref record, ref tail, ref sender, receiver, segment, kind, state, next, isForward, fromHigh, isShortened);
    }

    /// <summary>
    /// Data and acknowledgments of an open connection, nearly every segment: what the general way does with them, and nothing that it does with
    /// others. A segment of ten thousand connections took 67 ns without, 58 with it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TrackResult TrackUsual(ref FlowHead record, ref FlowTail tail, in PacketInfo segment, ReadOnlySpan<byte> packet, bool fromHigh)
    {
        ReadOnlySpan<byte> options = TcpOptionList.Of(packet, segment);
        ref TcpPeer sender = ref fromHigh ? ref tail.HighPeer : ref tail.LowPeer;
        ref TcpPeer receiver = ref fromHigh ? ref tail.LowPeer : ref tail.HighPeer;
        TrackResult fit = TcpWindow.Track(ref sender, ref receiver, segment, options, mayRestart: false, TcpState.Established);
        FlowFlags flags = record.Flags;
        if (fit != TrackResult.Accept && (flags & FlowFlags.Liberal) == 0) return fit;
        tail.Memory.Remember(TcpKind.Ack, fromHigh, TcpWindow.EndOf(segment));
        if (!record.IsForward(fromHigh)) flags |= FlowFlags.Replied;
        if ((sender.Flags & receiver.Flags & TcpPeerFlags.HasAcknowledged) != 0) flags |= FlowFlags.Assured;
        record.Flags = flags;
        return (flags & FlowFlags.Replied) != 0 ? TrackResult.Accept : TrackResult.Ignore;
    }

    /// <summary>
    /// True if that end may have a segment with this sequence number on its way: not older than a window, not beyond what it sent. An
    /// ICMP error that quotes anything else was forged by somebody who does not see the connection.
    /// </summary>
    /// <param name="record">The head of a TCP flow's record.</param>
    /// <param name="tail">Its tail.</param>
    /// <param name="sequence">The quoted sequence number.</param>
    /// <param name="fromHigh">True if the larger endpoint is said to have sent it.</param>
    public static bool HasSent(in FlowHead record, in FlowTail tail, uint sequence, bool fromHigh)
    {
        ref readonly TcpPeer sender = ref fromHigh ? ref tail.HighPeer : ref tail.LowPeer;
        ref readonly TcpPeer receiver = ref fromHigh ? ref tail.LowPeer : ref tail.HighPeer;
        if (sender.IsUnseen) return false;
        if ((record.Flags & FlowFlags.Liberal) != 0) return true;
        return !TcpWindow.IsAfter(sequence, sender.End) && TcpWindow.IsAfter(sequence, sender.EndInWindow - Math.Max(receiver.MaxWindow, 66_000) - 1);
    }

    private static TrackResult MoveOn(
        ref FlowHead record, ref FlowTail tail, ref TcpPeer sender, in TcpPeer receiver, in PacketInfo segment, TcpKind kind, TcpState state, TcpState next,
        bool isForward, bool fromHigh, bool isShortened)
    {
        tail.Memory.Remember(kind, fromHigh, TcpWindow.EndOf(segment));
        if (kind == TcpKind.Fin) sender.Flags |= TcpPeerFlags.HasClosed;
        if (next == TcpState.SynSent2) record.Flags |= FlowFlags.SimultaneousOpen;

        // After a simultaneous open either end's acknowledgment completes the handshake.
        bool bothHaveOpened = (record.Flags & FlowFlags.SimultaneousOpen) != 0;
        if (next == TcpState.SynReceived && state == TcpState.SynReceived && kind == TcpKind.Ack && bothHaveOpened) next = TcpState.Established;

        bool wasReplied = (record.Flags & FlowFlags.Replied) != 0;
        if (!isForward) record.Flags |= FlowFlags.Replied;
        record.State = (byte)next;
        if (kind == TcpKind.Rst && !wasReplied) return TrackResult.AcceptAndRemove; // refused, or given up before there was an answer

        // Both agree once each has acknowledged the other. The originator's first acknowledgment may come with its FIN.
        bool bothHaveAcknowledged = (sender.Flags & receiver.Flags & TcpPeerFlags.HasAcknowledged) != 0;
        if (kind is TcpKind.Ack or TcpKind.Fin && next is >= TcpState.Established and <= TcpState.TimeWait && bothHaveAcknowledged)
        {
            record.Flags |= FlowFlags.Assured;
        }

        // A SYN sent again does not keep a half-open flow alive, nor does its sender one that was picked up; the first one's time counts.
        if ((kind == TcpKind.Syn && next == state) || (record.Flags & FlowFlags.Replied) == 0) return TrackResult.Ignore;
        return isShortened ? TrackResult.AcceptAndShorten : TrackResult.Accept;
    }

    /// <summary>
    /// After a simultaneous open the originator sends its SYN/ACK again until it hears an acknowledgment, also when the firewall has
    /// seen one already that was lost behind it.
    /// </summary>
    private static bool IsOldSynAck(in TcpPeer sender, in TcpPeer receiver, in PacketInfo segment) =>
        !TcpWindow.IsAfter(TcpWindow.EndOf(segment), sender.End) && !TcpWindow.IsAfter(segment.Acknowledgment, receiver.End);

    /// <summary>
    /// True if the originator's SYN/ACK acknowledges something that may be of this connection, so that the other end challenges it. One for
    /// anything else, or where nobody is left to challenge, would complete a handshake that the firewall knows nothing of.
    /// </summary>
    private static bool MayBeChallenged(in TcpPeer receiver, in PacketInfo synAck, TcpState state) =>
        state != TcpState.Close && receiver.End - synAck.Acknowledgment < TcpWindow.Recent;

    private static bool IsFinished(in FlowHead record, in FlowTail tail, bool fromHigh) =>
        ((tail.LowPeer.Flags | tail.HighPeer.Flags) & TcpPeerFlags.HasClosed) != 0
        || (tail.Memory.Kind == TcpKind.Rst && tail.Memory.FromHigh == fromHigh)
        || record.State == (byte)TcpState.Close;

    /// <summary>
    /// True if the SYN is a late copy of the finished connection's own, since a new one begins beyond the old numbers (RFC 6191), or if not
    /// all was acknowledged, so that something may have to be sent again. If it begins a new connection all the same, its SYN/ACK tells.
    /// </summary>
    private static bool MayNeedMore(in TcpPeer sender, in TcpPeer receiver, in PacketInfo syn, TcpState state)
    {
        bool isUnfinished = state == TcpState.TimeWait && !(sender.HasAcknowledgedAll(receiver) && receiver.HasAcknowledgedAll(sender));
        return isUnfinished || sender.End - syn.Sequence < TcpWindow.Recent;
    }

    private static TcpKind KindOf(TcpFlags flags)
    {
        if ((flags & TcpFlags.Rst) != 0) return TcpKind.Rst;
        if ((flags & TcpFlags.Syn) != 0) return (flags & TcpFlags.Ack) != 0 ? TcpKind.SynAck : TcpKind.Syn;
        return (flags & TcpFlags.Fin) != 0 ? TcpKind.Fin : TcpKind.Ack;
    }
}
