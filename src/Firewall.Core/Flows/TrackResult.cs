namespace Firewall.Core.Flows;

/// <summary>What a tracker says to a packet of a known flow.</summary>
public enum TrackResult : byte
{
    /// <summary>The packet fits and refreshes the flow.</summary>
    Accept,

    /// <summary>The packet passes, but moves nothing and refreshes nothing; the receiving host is the better judge.</summary>
    Ignore,

    /// <summary>The packet does not fit the flow's state.</summary>
    Invalid,

    /// <summary>The packet begins a new connection on the endpoints of a finished one.</summary>
    Reopen,
}
