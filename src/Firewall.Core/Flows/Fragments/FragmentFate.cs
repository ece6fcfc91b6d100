namespace Firewall.Core.Flows.Fragments;

/// <summary>What becomes of a fragment, or of one that was held.</summary>
internal enum FragmentFate : byte
{
    /// <summary>It is the first of its datagram: the caller judges it and tells the table with <see cref="FragmentTable.Decide"/>.</summary>
    Judge,

    /// <summary>The first of its datagram is not there yet; a copy was kept.</summary>
    Held,

    /// <summary>Its datagram was allowed.</summary>
    Allowed,

    /// <summary>Its datagram was denied.</summary>
    Denied,

    /// <summary>Its datagram contradicts itself: fragments overlap, or two of them say different ends.</summary>
    Overlap,

    /// <summary>Its datagram met one of the <see cref="FragmentLimits"/>.</summary>
    Limit,

    /// <summary>The first of its datagram did not come in time.</summary>
    Timeout,

    /// <summary>The first of its datagram had not come when everything was ended.</summary>
    WithoutFirst,
}
