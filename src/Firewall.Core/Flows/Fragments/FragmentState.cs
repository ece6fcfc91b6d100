namespace Firewall.Core.Flows.Fragments;

/// <summary>How far the table is with a datagram.</summary>
internal enum FragmentState : byte
{
    /// <summary>The entry is free.</summary>
    Free,

    /// <summary>Only later fragments have come; they are held.</summary>
    Waiting,

    /// <summary>The first fragment is with the rules, on some worker; later ones are held meanwhile.</summary>
    Judging,

    /// <summary>The first fragment was allowed; later ones pass while they fit.</summary>
    Allowed,

    /// <summary>The first fragment was denied.</summary>
    Denied,

    /// <summary>The fragments contradict each other; nothing more passes.</summary>
    Poisoned,

    /// <summary>A limit was met; nothing more passes.</summary>
    Refused,
}
