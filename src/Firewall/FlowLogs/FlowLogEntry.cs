using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>One line of a flow log, whatever its format: what happened to a flow, seen from the end that opened it.</summary>
/// <param name="State">What.</param>
/// <param name="Time">When, in milliseconds since 1970, UTC.</param>
/// <param name="Source">Who opened it.</param>
/// <param name="SourcePort">TCP and UDP: its port; ICMP: the identifier; else 0.</param>
/// <param name="Destination">Whom it was opened to.</param>
/// <param name="DestinationPort">TCP and UDP: its port; ICMP: the type of the query; else 0.</param>
/// <param name="Protocol">IANA number.</param>
/// <param name="Rule">Number of the rule that decided; <see cref="RuleCatalog.None"/> if it is not known.</param>
/// <param name="Direction">The rule's direction; without a rule how the flow lies to the protected network.</param>
/// <param name="Traffic">What has passed since the flow's last entry.</param>
internal readonly record struct FlowLogEntry(
    FlowLogState State,
    long Time,
    IpAddress Source,
    ushort SourcePort,
    IpAddress Destination,
    ushort DestinationPort,
    byte Protocol,
    int Rule,
    RuleDirection Direction,
    FlowTraffic Traffic)
{
    /// <summary>Its number in the <see cref="FlowJournal"/>: that of entries before it and itself. 0 without one.</summary>
    public long Number { get; init; }
}

/// <summary>What has passed in both directions.</summary>
/// <param name="PacketsSent">From the source.</param>
/// <param name="BytesSent">From the source, IP headers included.</param>
/// <param name="PacketsReceived">To the source.</param>
/// <param name="BytesReceived">To the source, IP headers included.</param>
internal readonly record struct FlowTraffic(uint PacketsSent, ulong BytesSent, uint PacketsReceived, ulong BytesReceived)
{
    private const ulong LargestBytes = (1UL << 48) - 1;

    /// <summary>What has passed since then; counters that began anew in between are understood.</summary>
    public FlowTraffic Since(in FlowTraffic before) => new(
        PacketsSent - before.PacketsSent,
        (BytesSent - before.BytesSent) & LargestBytes,
        PacketsReceived - before.PacketsReceived,
        (BytesReceived - before.BytesReceived) & LargestBytes);
}

/// <summary>What happened to a flow.</summary>
internal enum FlowLogState : byte
{
    /// <summary>It was allowed and began.</summary>
    Begin,

    /// <summary>It goes on.</summary>
    Continue,

    /// <summary>It has ended.</summary>
    End,

    /// <summary>A rule denied it.</summary>
    Deny,
}
