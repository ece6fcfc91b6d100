namespace Firewall.Core.Flows;

/// <summary>What a tracker says to a packet of a known flow.</summary>
public enum TrackResult : byte
{
    /// <summary>The packet fits and refreshes the flow.</summary>
    Accept,

    /// <summary>The packet passes, but moves nothing and refreshes nothing; the receiving host is the better judge.</summary>
    Ignore,

    /// <summary>The packet passes, and the flow ends soon unless it is contradicted: a RST that may or may not be believed.</summary>
    AcceptAndShorten,

    /// <summary>The packet passes and takes the flow with it: a RST was the only answer.</summary>
    AcceptAndRemove,

    /// <summary>The packet does not fit the flow's state.</summary>
    InvalidState,

    /// <summary>The packet's numbers lie outside of the flow's windows.</summary>
    OutOfWindow,

    /// <summary>The packet begins a new connection on the endpoints of a finished one.</summary>
    Reopen,

    /// <summary>The originator answers a SYN of the other end: its old connection is gone, and one in the other direction begins if the rules allow it.</summary>
    Turn,

    /// <summary>
    /// A SYN/ACK of the originator that the other end should challenge. It passes, moves nothing and refreshes nothing, if the rules allow a
    /// connection in the other direction: it may be a part of one.
    /// </summary>
    PassIfTurned,
}
