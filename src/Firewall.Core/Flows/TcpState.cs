namespace Firewall.Core.Flows;

/// <summary>The joint state of both ends of a TCP flow, as nf_conntrack names them.</summary>
public enum TcpState : byte
{
    /// <summary>No state: never in a record.</summary>
    None,

    /// <summary>A SYN was seen.</summary>
    SynSent,

    /// <summary>The SYN/ACK was seen.</summary>
    SynReceived,

    /// <summary>The handshake is complete.</summary>
    Established,

    /// <summary>One end has sent its FIN.</summary>
    FinWait,

    /// <summary>The FIN was acknowledged; the other end may go on sending (half-closed).</summary>
    CloseWait,

    /// <summary>Both ends have sent their FIN.</summary>
    LastAck,

    /// <summary>The last FIN was acknowledged.</summary>
    TimeWait,

    /// <summary>A RST was seen.</summary>
    Close,

    /// <summary>Both ends have sent a SYN (simultaneous open, RFC 9293 section 3.5).</summary>
    SynSent2,
}
