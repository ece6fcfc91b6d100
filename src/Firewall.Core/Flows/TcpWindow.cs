using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// TCP window tracking: whether a segment lies where its sender may send and acknowledges what was sent. The four bounds are van Rooij's
/// (SANE 2000); what is done about each follows nf_conntrack, which is strict where an attacker would gain something and leaves the
/// rest to the receiving host.
/// </summary>
/// <remarks>
/// All numbers are compared by their signed difference, so that they may wrap. A super-packet is judged once by its first and its end:
/// bound I looks at the first and bound II at the end, so that its segments, one by one, would get the same answer.
/// </remarks>
internal static class TcpWindow
{
    /// <summary>An acknowledgment may be this old at least, whatever window was announced (nf_conntrack's MAXACKWINCONST).</summary>
    private const uint OldestAck = 66_000;

    /// <summary>
    /// So far behind the highest number sent, in bytes, an old copy of a connection's SYN, or the SYN of the connection before on the same
    /// ports, may lie. A number of chance lies there in one of 256 cases.
    /// </summary>
    public const uint Recent = 0x0100_0000;

    /// <summary>Sequence number behind the segment: SYN and FIN count as one each (RFC 9293 section 3.4).</summary>
    public static uint EndOf(in PacketInfo segment)
    {
        uint length = (uint)segment.PayloadLength;
        if ((segment.TcpFlags & TcpFlags.Syn) != 0) length++;
        if ((segment.TcpFlags & TcpFlags.Fin) != 0) length++;
        return segment.Sequence + length;
    }

    /// <summary>Judges a segment and, if it fits, moves the bounds on.</summary>
    /// <param name="sender">The end that sent it.</param>
    /// <param name="receiver">The other end.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="options">Its TCP options.</param>
    /// <param name="mayRestart">True where a SYN with another sequence number takes the place of the one before: nothing was agreed yet.</param>
    /// <param name="state">The flow's state before the segment.</param>
    public static TrackResult Track(
        ref TcpPeer sender, ref TcpPeer receiver, in PacketInfo segment, ReadOnlySpan<byte> options, bool mayRestart, TcpState state)
    {
        bool isSyn = (segment.TcpFlags & TcpFlags.Syn) != 0;
        bool isRst = (segment.TcpFlags & TcpFlags.Rst) != 0;
        bool isAck = (segment.TcpFlags & TcpFlags.Ack) != 0;
        uint sequence = segment.Sequence;
        uint end = EndOf(segment);
        uint ack = segment.Acknowledgment;
        uint sack = ack;
        if (isAck && !isSyn && options.Length > 0 && (receiver.Flags & TcpPeerFlags.SackPermitted) != 0) sack = TcpOptionList.HighestSackEdge(options, ack);

        if (isSyn && (sender.IsUnseen || (mayRestart && IsAnotherSyn(sender, sequence, end))))
        {
            // An old SYN/ACK, or a forged one, acknowledges something else; the right one may still come. Who gets it answers with a RST,
            // which the sender of an old one waits for.
            if (isAck && (IsAfter(ack, receiver.End) || IsAfter(receiver.SynEnd, ack))) return TrackResult.Ignore;
            Introduce(ref sender, ref receiver, segment, options, end);
            if (!isAck) return TrackResult.Accept;
        }
        else if (sender.IsUnseen)
        {
            PickUp(ref sender, ref receiver, segment, end, sack);
        }

        // Without an acknowledgment, or with the zero that some stacks put into a RST, take the one that fits.
        if (!isAck || (isRst && ack == 0)) ack = sack = receiver.End;

        // A RST that answers a SYN has sequence number 0 (RFC 9293 section 3.10.7.1).
        if (isRst && sequence == 0 && state == TcpState.SynSent) sequence = end = sender.End;

        uint oldest = Math.Max(sender.MaxWindow, OldestAck);
        bool isRecent = receiver.IsUnseen || IsAfter(end, sender.EndInWindow - receiver.MaxWindow - 1); // II
        bool isAckSent = !IsAfter(sack, receiver.End);                                                  // III
        bool isAckRecent = IsAfter(sack, receiver.EndInWindow - oldest - 1);                            // IV
        if (IsAfter(sequence, sender.MaxEnd))                                                           // I
        {
            // A little more than allowed: the receiver will cut it off or not, but what was sent was sent. (Never backwards: the
            // segment may have been overtaken by a later one that was as much too early.) A RST out there is not the receiver's to judge.
            if (isRst || !isRecent || !isAckSent || !isAckRecent || end - sender.MaxEnd > receiver.MaxWindow) return TrackResult.OutOfWindow;
            if (IsAfter(end, sender.End)) sender.End = end;
            return TrackResult.Ignore;
        }

        if (!isAckSent) return TrackResult.OutOfWindow;

        // Data that was acknowledged already, sent again because our far side lost the acknowledgment; or a very late acknowledgment.
        if (!isRecent || !isAckRecent) return TrackResult.Ignore;

        // A RST tells nothing about what was sent or may be: one that was guessed must not move the bounds that the next segments are held to.
        if (!isRst) MoveOn(ref sender, ref receiver, segment, end, ack, sack, isSyn, isAck);
        return TrackResult.Accept;
    }

    /// <summary>Begins anew with a SYN that had been let through before and whose answer has now come.</summary>
    /// <param name="sender">The end that sent the SYN.</param>
    /// <param name="receiver">The other end.</param>
    /// <param name="syn">The SYN.</param>
    /// <param name="acknowledgment">What the answer acknowledges of it.</param>
    public static void Restart(ref TcpPeer sender, ref TcpPeer receiver, in TcpMemory syn, uint acknowledgment)
    {
        receiver = default;
        uint end = IsAfter(acknowledgment, syn.Value) ? acknowledgment : syn.Value;
        SetUp(ref sender, end, syn.Window, syn.Scale, syn.SackPermitted);
        sender.MaxAck = acknowledgment;
    }

    /// <summary>Completes a handshake whose SYN/ACK had been let through before, and which the originator now acknowledges.</summary>
    /// <param name="originator">The end that sends the segment.</param>
    /// <param name="responder">The end that sent the SYN/ACK.</param>
    /// <param name="segment">The originator's segment.</param>
    /// <param name="received">The highest number that it says to have received.</param>
    /// <param name="synAck">The SYN/ACK.</param>
    public static void CompleteHandshake(ref TcpPeer originator, ref TcpPeer responder, in PacketInfo segment, uint received, in TcpMemory synAck)
    {
        SetUp(ref responder, synAck.Value, synAck.Window, synAck.Scale, synAck.SackPermitted);
        responder.MaxAck = segment.Sequence;
        responder.Flags |= TcpPeerFlags.HasAcknowledged;
        responder.End = received;
        responder.MaxEnd = segment.Acknowledgment + originator.MaxWindow;
        originator.End = segment.Sequence;
        originator.MaxEnd = segment.Sequence + synAck.Window;
        KeepScalesOfBoth(ref originator, ref responder);
    }

    /// <summary>Begins in the middle of a connection: what was agreed is not known, and everything is taken from this segment.</summary>
    public static void PickUpMidStream(ref TcpPeer sender, ref TcpPeer receiver, in PacketInfo segment, ReadOnlySpan<byte> options)
    {
        sender.Flags |= TcpPeerFlags.SackPermitted;
        receiver.Flags |= TcpPeerFlags.SackPermitted;
        Track(ref sender, ref receiver, segment, options, mayRestart: false, TcpState.None);
    }

    /// <summary>
    /// True unless the SYN is a copy of the one that counts, perhaps without the data it had (RFC 7413 section 4.1.3), or an older one: that
    /// may come late, and what answers the newer one must still fit.
    /// </summary>
    private static bool IsAnotherSyn(in TcpPeer sender, uint sequence, uint end) => IsAfter(end, sender.End) || sender.End - sequence >= Recent;

    private static void Introduce(ref TcpPeer sender, ref TcpPeer receiver, in PacketInfo segment, ReadOnlySpan<byte> options, uint end)
    {
        TcpOptionList.ReadSyn(options, out int scale, out bool sackPermitted);
        SetUp(ref sender, end, segment.Window, scale, sackPermitted);
        sender.MaxAck = segment.Sequence + 1;
        if (!receiver.IsUnseen) KeepScalesOfBoth(ref sender, ref receiver);
    }

    private static void KeepScalesOfBoth(ref TcpPeer one, ref TcpPeer other)
    {
        if (one.HasOfferedScale && other.HasOfferedScale) return;
        one.DropScale();
        other.DropScale();
    }

    private static void SetUp(ref TcpPeer sender, uint end, ushort window, int scale, bool sackPermitted)
    {
        sender = default;
        sender.End = end;
        sender.MaxEnd = end;
        sender.Offer(scale);
        sender.MaxWindow = Math.Max(window, (ushort)1); // the window of a SYN is never scaled
        if (sackPermitted) sender.Flags |= TcpPeerFlags.SackPermitted;
    }

    private static void PickUp(ref TcpPeer sender, ref TcpPeer receiver, in PacketInfo segment, uint end, uint sack)
    {
        sender.End = end;
        sender.MaxWindow = Math.Max((uint)segment.Window << sender.Scale, 1);
        sender.MaxEnd = end + sender.MaxWindow;
        if (receiver.IsUnseen)
        {
            receiver.End = sack;
            receiver.MaxEnd = sack;
        }
        else if (sack == receiver.End + 1)
        {
            // The answer to a keepalive of a connection that was picked up.
            receiver.End++;
        }
    }

    private static void MoveOn(
        ref TcpPeer sender, ref TcpPeer receiver, in PacketInfo segment, uint end, uint ack, uint sack, bool isSyn, bool isAck)
    {
        uint window = isSyn ? segment.Window : (uint)segment.Window << sender.Scale;
        uint reach = window + (sack - ack);
        if (reach > sender.MaxWindow) sender.MaxWindow = reach;
        uint sent = segment.MoreFragments ? MostSent(sender, segment, end) : end;
        if (IsAfter(sent, sender.End)) sender.End = sent;
        if (isAck && ((sender.Flags & TcpPeerFlags.HasAcknowledged) == 0 || IsAfter(ack, sender.MaxAck)))
        {
            sender.MaxAck = ack;
            sender.Flags |= TcpPeerFlags.HasAcknowledged;
        }

        if (!receiver.IsUnseen && IsAfter(end, sender.MaxEnd)) receiver.MaxWindow += end - sender.MaxEnd;

        // A closed window leaves room for the one byte of a probe.
        if (IsAfter(sack + window, receiver.MaxEnd - 1)) receiver.MaxEnd = sack + window + (window == 0 ? 1u : 0u);
    }

    /// <summary>
    /// How much a datagram may hold of which only the first fragment is seen, the others following its verdict unread: as much as fits into one, but no
    /// more than was allowed. With less the acknowledgment of the whole would be one of what was never sent.
    /// </summary>
    private static uint MostSent(in TcpPeer sender, in PacketInfo segment, uint end)
    {
        uint most = segment.Sequence + ushort.MaxValue;
        if (IsAfter(most, sender.MaxEnd)) most = sender.MaxEnd;
        return IsAfter(most, end) ? most : end;
    }

    public static bool IsAfter(uint left, uint right) => unchecked((int)(left - right)) > 0;
}
