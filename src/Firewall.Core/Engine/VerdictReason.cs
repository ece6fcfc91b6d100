namespace Firewall.Core.Engine;

/// <summary>
/// Why a packet was allowed or denied. One list for counters, logs, replays and operators; docs/DROP-REASONS.md explains each
/// value, and a test holds the two together.
/// </summary>
public enum VerdictReason : byte
{
    /// <summary>A security rule decided a flow's first packet.</summary>
    Rule,

    /// <summary>The packet belongs to a flow record.</summary>
    Flow,

    /// <summary>An ICMP error about a packet of a flow record.</summary>
    Related,

    /// <summary>A fragment of a datagram that was allowed.</summary>
    Fragment,

    /// <summary>The packet breaks its protocol's format; the detail is a <see cref="Packets.MalformedReason"/>.</summary>
    Malformed,

    /// <summary>A combination of TCP flags that no sane stack sends.</summary>
    InvalidTcpFlags,

    /// <summary>
    /// No flow record, and not a packet that may open one: a TCP segment without SYN (unless <see cref="EngineOptions.PicksUpMidStream"/>), an
    /// ICMP reply, a stray ICMP error.
    /// </summary>
    NoFlow,

    /// <summary>The packet does not fit the state of its flow record.</summary>
    InvalidState,

    /// <summary>A TCP segment outside of the window that its flow record knows.</summary>
    OutOfWindow,

    /// <summary>
    /// A fragment that came before its datagram's first one. Not final: the packet is kept, and gets its own verdict later. Never counted as
    /// allowed or denied, and never told as a drop.
    /// </summary>
    FragmentHeld,

    /// <summary>A fragment whose datagram's first fragment had not come when no more packets were to come.</summary>
    FragmentWithoutFirst,

    /// <summary>A fragment that waited in vain for its datagram's first one.</summary>
    FragmentTimeout,

    /// <summary>A fragment of a datagram whose fragments overlap or do not agree where it ends.</summary>
    FragmentOverlap,

    /// <summary>A fragment of a datagram that met a limit of the fragment table.</summary>
    FragmentLimit,

    /// <summary>A fragment of a datagram whose first fragment was denied.</summary>
    FragmentOfDenied,

    /// <summary>The flow table holds its maximum of records.</summary>
    TableFull,

    /// <summary>The source address has opened as many flows as it may.</summary>
    SourceLimit,

    /// <summary>Connection requests come in a flood, and this one is the first of its connection: the same sent again will pass.</summary>
    SynFlood,

    /// <summary>More ICMP errors about one flow than a network sends.</summary>
    ErrorRate,

    /// <summary>Neither address lies in the protected network, so no security group applies.</summary>
    NoSecurityGroup,

    /// <summary>The flow was re-evaluated because of <c>flushConnection</c>, and the rules of now deny it.</summary>
    FlushedConnection,

    /// <summary>
    /// ICMPv6 that never leaves a link: neighbor and router discovery, multicast listeners. Hosts send it on every interface, a TUN too; it is
    /// counted, and never told as a drop.
    /// </summary>
    LinkLocal,
}
