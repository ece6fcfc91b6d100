namespace Firewall.Core.Flows.Fragments;

/// <summary>How a piece fits to those that came before.</summary>
internal enum CoverageResult : byte
{
    /// <summary>It covers bytes that nobody else did.</summary>
    Added,

    /// <summary>The same piece with the same bytes has come before.</summary>
    Duplicate,

    /// <summary>It overlaps another one, or they do not agree where the datagram ends (RFC 5722).</summary>
    Conflict,

    /// <summary>It would fit, but there is no room to remember it.</summary>
    NoRoom,
}
