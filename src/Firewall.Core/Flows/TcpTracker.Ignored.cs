using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <content>Segments that pass without being believed, what is kept of them, and how a later one shows that they were right.</content>
public static partial class TcpTracker
{
    private static bool AnswersIgnoredSyn(
        in FlowTail tail, in TcpPeer sender, in TcpPeer receiver, in PacketInfo segment, TcpKind kind, bool fromHigh)
    {
        // Data that came with the SYN may be acknowledged or not, also if the SYN came again without them (RFC 7413 section 4.1.3).
        bool answers = kind == TcpKind.SynAck
            && tail.Memory.Kind == TcpKind.Syn
            && tail.Memory.FromHigh != fromHigh
            && tail.Memory.Value - segment.Acknowledgment + LongestSyn <= 2 * LongestSyn;
        if (!answers) return false;

        // Both may be copies of this connection's own handshake that come late; to begin anew would forget all that was sent since.
        bool isOwnHandshake = receiver.End - tail.Memory.Value < TcpWindow.Recent && sender.End - TcpWindow.EndOf(segment) < TcpWindow.Recent;
        return !isOwnHandshake;
    }

    /// <summary>
    /// True if both ends open at once and one acknowledges the other's SYN without a SYN of its own: what a host answers to a SYN that comes again, or
    /// sends once it was answered so. Its SYN/ACK, which would have told the same, was lost before it came here.
    /// </summary>
    private static bool HasSeenBothSyns(in TcpPeer sender, in TcpPeer receiver, in PacketInfo segment, TcpKind kind, TcpState state) =>
        state == TcpState.SynSent2
        && kind is TcpKind.Ack or TcpKind.Fin
        && receiver.End - segment.Acknowledgment <= LongestSyn
        && segment.Sequence - sender.End + LongestSyn <= receiver.MaxWindow + LongestSyn;

    private static bool IsChallenge(in TcpMemory memory, TcpKind kind, bool fromHigh) =>
        kind == TcpKind.Ack && memory.Kind == TcpKind.Syn && memory.FromHigh != fromHigh && memory.ExpectsChallenge;

    /// <summary>
    /// True if the originator answers a SYN/ACK that acknowledged a little more than was seen of it: data that came with a SYN before the flow's
    /// (RFC 7413). That it acknowledges the SYN/ACK, or data right behind it, whose numbers nobody else knows, says that it did send that much.
    /// </summary>
    private static bool TakesSynAck(
        in TcpMemory memory, in TcpPeer sender, in PacketInfo segment, uint received, TcpKind kind, bool fromHigh, TcpState state) =>
        state == TcpState.SynSent
        && kind is TcpKind.Ack or TcpKind.Fin
        && memory.Kind == TcpKind.SynAck
        && memory.FromHigh != fromHigh
        && segment.Acknowledgment - memory.Value <= sender.MaxWindow
        && received - memory.Value <= sender.MaxWindow
        && segment.Sequence - sender.End <= LongestSyn + memory.Window;

    // Who gets a SYN/ACK for what it has not sent resets what was acknowledged.
    private static void RememberDoubtfulSynAck(
        ref TcpMemory memory, in TcpPeer originator, in PacketInfo synAck, ReadOnlySpan<byte> options, bool fromHigh)
    {
        if (synAck.Acknowledgment - originator.End <= LongestSyn) memory.RememberSynAck(fromHigh, synAck, options);
        else memory.RememberChallenge(fromHigh, synAck.Acknowledgment);
    }

    private static void RememberIgnored(
        ref FlowHead record, ref TcpMemory memory, in PacketInfo segment, ReadOnlySpan<byte> packet, TcpKind kind, bool fromHigh, TcpState state)
    {
        switch (kind)
        {
            // Where both open at once, the answer to the originator's is the one that counts.
            case TcpKind.Syn when !record.IsForward(fromHigh) && memory.Kind == TcpKind.Syn && memory.FromHigh != fromHigh:
                break;
            // One that opens nothing where there is no flow opens nothing here.
            case TcpKind.Syn when !MayBeginOne(packet, segment):
                break;
            case TcpKind.Syn:
                memory.RememberSyn(fromHigh, segment, TcpOptionList.Of(packet, segment), expectsChallenge: state == TcpState.LastAck);
                break;
            // Data may follow a SYN/ACK before the handshake is complete (RFC 7413).
            case TcpKind.Ack or TcpKind.Fin when memory.Kind == TcpKind.SynAck && memory.FromHigh == fromHigh && segment.Sequence - memory.Value <= ushort.MaxValue:
                break;
            case TcpKind.Ack or TcpKind.Fin:
                memory.RememberChallenge(fromHigh, segment.Acknowledgment);
                record.Flags |= FlowFlags.Replied;
                break;
        }
    }

    /// <summary>
    /// As <see cref="OpeningPacket.Read"/> says. Behind a plain IP header only the list of options can keep a SYN from opening something; there it is not
    /// asked, since it allocates and the shard is held meanwhile.
    /// </summary>
    private static bool MayBeginOne(ReadOnlySpan<byte> packet, in PacketInfo syn) =>
        syn.TransportOffset == (syn.IsIPv4 ? Ipv4Reader.MinHeaderLength : Ipv6Reader.HeaderLength)
            ? TcpOptionList.TryMeasure(TcpOptionList.Of(packet, syn), TcpOptionList.IsCut(packet, syn), out _)
            : OpeningPacket.Read(packet, syn, out _) == MalformedReason.None;
}
