namespace Firewall.Core.Flows;

/// <summary>
/// All bounds of the fragment table, with their reasons. They are constants: together they fix its memory (about 3 MiB), and whoever
/// could raise them would only raise what an attacker may use.
/// </summary>
public static class FragmentLimits
{
    /// <summary>
    /// Datagrams known at once, 4,096. A datagram is of interest for the milliseconds between its fragments; what is complete makes room
    /// first, so that this many may be under way.
    /// </summary>
    public const int Datagrams = 4096;

    /// <summary>
    /// Fragments remembered for overlap tests in all datagrams together, 32,768: eight for each, the 12 KB of an ordinary large datagram.
    /// </summary>
    public const int Pieces = 32_768;

    /// <summary>
    /// Fragments of one datagram, 128: the longest datagram over the smallest MTU that every IPv4 host takes (576 bytes) has 119, over
    /// IPv6's smallest (1,280 bytes) 54.
    /// </summary>
    public const int PiecesPerDatagram = 128;

    /// <summary>
    /// How long a datagram is remembered from its first seen fragment on, 30,000 ms: Linux' reassembly time for IPv4. Not renewed by more
    /// fragments, so that nobody keeps one open for ever.
    /// </summary>
    public const long LifetimeMilliseconds = 30_000;

    /// <summary>
    /// How long a fragment waits for its datagram's first one, 5,000 ms. Reordering takes milliseconds; whoever's first fragment was lost
    /// gains nothing by a longer wait.
    /// </summary>
    public const long HeldMilliseconds = 5_000;

    /// <summary>Fragments that wait in one datagram, 16: 23 KB over Ethernet in any order.</summary>
    public const int HeldPerDatagram = 16;

    /// <summary>Fragments that wait of one source address, 64: four full datagrams, so that one source fills a tenth of the memory.</summary>
    public const int HeldPerSource = 64;

    /// <summary>
    /// Memory for waiting fragments in bytes, 1 MiB. When it is full the longest waiting datagram makes room: under a flood a real one
    /// then still has the milliseconds that it needs.
    /// </summary>
    public const int HeldBytes = 1 << 20;

    /// <summary>
    /// An IPv4 sender has 65,536 identifications and uses them again, at full rate within seconds. When a fragment contradicts an unfinished
    /// datagram and 64 datagrams of the same addresses and protocol have begun since, it belongs to a new one (Linux'
    /// <c>ipfrag_max_dist</c> has the same number and purpose). IPv6's 32 bits do not come round.
    /// </summary>
    public const int DatagramsUntilReuse = 64;
}
