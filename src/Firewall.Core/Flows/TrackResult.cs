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

    /// <summary>
    /// A SYN/ACK for a SYN that had passed on this flow: its sender has no other connection on these endpoints, and a new one begins, in whichever direction, if the
    /// rules allow it.
    /// </summary>
    Restart,

    /// <summary>
    /// The packet passes, moves nothing and refreshes nothing, if the rules would allow a connection: a SYN that may begin one, or a SYN/ACK
    /// of the originator that the other end should challenge, which may be a part of one in the other direction.
    /// </summary>
    PassIfAllowed,
}
