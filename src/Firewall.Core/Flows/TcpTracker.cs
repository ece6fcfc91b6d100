using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// TCP's state machine: what a segment does to its flow. The transitions are those of Linux' nf_conntrack
/// (nf_conntrack_proto_tcp.c), which many years of odd stacks have worn into shape.
/// </summary>
public static class TcpTracker
{
    private const TcpFlags Looked = TcpFlags.Fin | TcpFlags.Syn | TcpFlags.Rst | TcpFlags.Ack | TcpFlags.Urg;

    // Actions of the table beyond the ten states.
    private const byte Ig = 0x80;  // passes, changes nothing, refreshes nothing
    private const byte In = 0x81;  // does not fit
    private const byte Re = 0x82;  // a new connection on a finished one: the record goes, the packet opens a flow

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

    /// <summary>Prepares a new record for the SYN that opens it.</summary>
    public static void Open(ref FlowRecord record) => record.State = (byte)TcpState.SynSent;

    /// <summary>Moves the flow on by one segment with valid flags.</summary>
    /// <param name="record">The flow.</param>
    /// <param name="segment">The segment.</param>
    /// <param name="isForward">True if the originator sent it.</param>
    public static TrackResult Track(ref FlowRecord record, in PacketInfo segment, bool isForward)
    {
        var state = (TcpState)record.State;
        int kind = KindOf(segment.TcpFlags);
        byte action = Table[(((isForward ? 0 : Kinds) + kind) * States) + record.State];
        switch (action)
        {
            case In:
                return TrackResult.Invalid;
            case Ig:
                return TrackResult.Ignore;
            case Re:
                return TrackResult.Reopen;
        }

        var next = (TcpState)action;
        if (!isForward) record.Flags |= FlowFlags.Replied;
        if (next == TcpState.Established) record.Flags |= FlowFlags.Assured;

        // A SYN sent again does not keep a half-open flow alive; the first one's time counts (nf_conntrack does the same).
        bool isSynAgain = kind == 0 && next == state;
        record.State = action;
        return isSynAgain ? TrackResult.Ignore : TrackResult.Accept;
    }

    private static int KindOf(TcpFlags flags)
    {
        if ((flags & TcpFlags.Rst) != 0) return 4;
        if ((flags & TcpFlags.Syn) != 0) return (flags & TcpFlags.Ack) != 0 ? 1 : 0;
        return (flags & TcpFlags.Fin) != 0 ? 2 : 3;
    }
}
