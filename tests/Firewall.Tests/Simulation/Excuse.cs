using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;

namespace Firewall.Tests.Simulation;

/// <summary>A packet of a conforming host that may be denied as out of window, invalid or without a flow, and why that does no harm.</summary>
/// <param name="Name">A short name.</param>
/// <param name="Reason">Why it is right, or at least harmless.</param>
/// <param name="Fits">Tells whether a denial is of this kind.</param>
internal sealed record Excuse(string Name, string Reason, Func<TcpSegment, Verdict, FlowSnapshot, Circumstances, bool> Fits)
{
    public static IReadOnlyList<Excuse> All { get; } =
    [
        new("reset of an old packet",
            "A closed host answers a straggler with a RST at the number that the straggler acknowledged, or at 0. Below what was acknowledged since, the RST would be ignored by its receiver too.",
            static (segment, verdict, before, circumstances) => verdict.Reason == VerdictReason.OutOfWindow && segment.Has(TcpFlags.Rst)
                && (before.Receiver.Flags & TcpPeerFlags.HasAcknowledged) != 0
                && (segment.Sequence == 0 || unchecked((int)(before.Receiver.MaxAck - segment.Sequence)) > 0)),
        new("straggler of the connection before",
            "It belongs to a connection that both ends have finished; the ports are in use again. Its numbers are not those of the new one, and the receiver would not take it.",
            static (segment, verdict, before, circumstances) => circumstances.IsStraggler),
        new("answer to an old SYN",
            "A SYN of the connection before came late, and its SYN/ACK, or what the host says while it waits for that to be acknowledged, later than the new connection's SYN; the right SYN/ACK follows.",
            static (segment, verdict, before, circumstances) => circumstances.IsOldAnswer),
        new("challenge behind its reset",
            "A host that still had an old connection has challenged a SYN and the RST that answered has passed; another copy of the challenge has nothing more to say.",
            static (segment, verdict, before, circumstances) => before.State == TcpState.Close && before.Sender.IsUnseen && !before.IsForward),
        new("reset that answers a straggler",
            "While a new connection is being opened, a host still answers packets of the one before with RSTs at its numbers. They are not the new connection's.",
            static (segment, verdict, before, circumstances) => verdict.Reason == VerdictReason.OutOfWindow && segment.Has(TcpFlags.Rst)
                && before.State is TcpState.SynSent or TcpState.SynSent2 or TcpState.SynReceived),
        new("rest of a connection that was given up",
            "One end has sent its RST and knows the connection no more; all that the other's packets could get is another RST.",
            static (segment, verdict, before, circumstances) => circumstances.IsCut),
        new("answer to a SYN against a stale record",
            "A connection ended without the firewall seeing all of it, or a copy of its SYN comes late. A SYN from either side passes for the host to challenge, and its SYN/ACK mends the record, or makes another one if the rules allow that; but a segment of the old connection that passes in between makes the firewall forget the SYN until it comes again, and what the host says before will be said again.",
            static (segment, verdict, before, circumstances) => (circumstances.WasCutBefore || before.State is TcpState.TimeWait or TcpState.Close)
                && ((before.IsForward && segment.Flags == (TcpFlags.Syn | TcpFlags.Ack)) || (circumstances.IsHalfOpen && segment.Flags == TcpFlags.Ack))),
        new("answer to a straggler during the handshake",
            "A host that has sent its SYN acknowledges what does not fit, here a straggler of the connection before; the answer has no receiver.",
            static (segment, verdict, before, circumstances) => verdict.Reason == VerdictReason.InvalidState && segment.Flags == TcpFlags.Ack
                && segment.Payload.Length == 0 && before.IsForward && before.State is TcpState.SynSent or TcpState.SynSent2),
        new("SYN/ACK to a forgotten SYN",
            "The other end's SYN was refused with a RST on its way back and nobody holds a record of it any more; its copy was answered all the same. The SYN of this end is known and its answer completes the handshake; what it says until then will be said again.",
            static (segment, verdict, before, circumstances) => segment.Flags is (TcpFlags.Syn | TcpFlags.Ack) or (TcpFlags.Fin | TcpFlags.Ack)
                && before.IsForward && before.State == TcpState.SynSent),
        new("SYN/ACK behind its data",
            "This end's SYN/ACK for a SYN that nobody holds a record of any more (see above) was overtaken by its first data. The data said the same and more: it acknowledged the same SYN, and will be sent again until it arrives.",
            static (segment, verdict, before, circumstances) => verdict.Reason == VerdictReason.InvalidState && segment.Flags == (TcpFlags.Syn | TcpFlags.Ack)
                && before.IsForward && before.State >= TcpState.Established && (before.Sender.Flags & TcpPeerFlags.HasAcknowledged) != 0
                && unchecked((int)(segment.Sequence - before.Sender.End)) < 0 && unchecked((int)(segment.Acknowledgment - before.Sender.MaxAck)) <= 0),
        new("acknowledgment of a forgotten SYN's data",
            "The other end's SYN (see above) carried data, and its copy brought them behind the firewall. What acknowledges them goes further than all that the record knows; their sender sends them again with its SYN/ACK, and then it fits.",
            static (segment, verdict, before, circumstances) => verdict.Reason == VerdictReason.OutOfWindow && segment.Flags is TcpFlags.Ack or (TcpFlags.Syn | TcpFlags.Ack)
                && circumstances.MayHaveSynData && before.IsForward && before.State == TcpState.SynReceived
                && segment.Acknowledgment - before.Receiver.End is > 0 and < 1_500),
        new("answer to a forged SYN",
            "A host in TIME_WAIT takes a SYN that lies ahead for a new connection (RFC 6191), whoever sent it. What it says to it belongs to nobody's connection, nor does the RST that the other end answers with.",
            static (segment, verdict, before, circumstances) => circumstances.AnswersForged),
        new("record of an attacker",
            "A blind guess hit the window and shortened the record's time, and the challenge that would have healed it was lost; the record is gone, or a forged SYN has opened the next one. The kernel's tracking fares alike.",
            static (segment, verdict, before, circumstances) => circumstances.IsRecordForged),
    ];
}

/// <summary>What the simulation knows about a packet and the firewall does not.</summary>
/// <param name="IsStraggler">True if the connection that it was sent for is over.</param>
/// <param name="IsOldAnswer">True for what answers an older SYN than its receiver's last: a SYN/ACK, or an acknowledgment of a host that waits for that to be acknowledged.</param>
/// <param name="IsCut">True if one end has given the connection up.</param>
/// <param name="IsRecordForged">True if a forged packet opened the record that is there now, or is in the way of ending it.</param>
/// <param name="AnswersForged">True if it acknowledges nothing but a forged SYN, or is the RST that answers such an acknowledgment.</param>
/// <param name="WasCutBefore">True if an earlier connection on these ports was given up, perhaps without the firewall seeing it.</param>
/// <param name="MayHaveSynData">True if its receiver sends data with its SYN (Fast Open).</param>
/// <param name="IsLive">True if both ends are connected by the connection that it was sent for.</param>
/// <param name="IsHalfOpen">True if its sender has answered a SYN and waits for its own to be acknowledged.</param>
internal readonly record struct Circumstances(
    bool IsStraggler, bool IsOldAnswer, bool IsCut, bool IsRecordForged, bool AnswersForged, bool WasCutBefore, bool MayHaveSynData, bool IsLive, bool IsHalfOpen);
