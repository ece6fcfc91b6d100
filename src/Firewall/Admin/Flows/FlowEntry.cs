using System.Text.Json.Serialization;

namespace Firewall.Admin.Flows;

/// <summary>One flow of the listing, as the command line reads it.</summary>
/// <param name="Protocol">IANA number.</param>
/// <param name="Source">Who opened it.</param>
/// <param name="SourcePort">TCP and UDP.</param>
/// <param name="Destination">Whom it was opened to.</param>
/// <param name="DestinationPort">TCP and UDP.</param>
/// <param name="IcmpType">ICMP: the type of the query.</param>
/// <param name="IcmpIdentifier">ICMP: its identifier.</param>
/// <param name="Direction">Inbound, Outbound, Intra, Transit.</param>
/// <param name="State">The state's name.</param>
/// <param name="Assured">Both ends agreed to talk.</param>
/// <param name="SecurityGroup">The group of the rule that allowed it.</param>
/// <param name="Rule">That rule, as in flow logs; null if it is not known any more.</param>
/// <param name="PacketsSent">From the source.</param>
/// <param name="BytesSent">From the source, IP headers included.</param>
/// <param name="PacketsReceived">To the source.</param>
/// <param name="BytesReceived">To the source, IP headers included.</param>
/// <param name="AgeSeconds">Since its first packet.</param>
/// <param name="IdleSeconds">Since its last packet.</param>
/// <param name="ExpiresInSeconds">Until it ends, unless a packet comes.</param>
[method: JsonConstructor]
internal sealed record FlowEntry(
    byte Protocol,
    string Source,
    int? SourcePort,
    string Destination,
    int? DestinationPort,
    int? IcmpType,
    int? IcmpIdentifier,
    string Direction,
    string State,
    bool Assured,
    string? SecurityGroup,
    string? Rule,
    long PacketsSent,
    long BytesSent,
    long PacketsReceived,
    long BytesReceived,
    double AgeSeconds,
    double IdleSeconds,
    double ExpiresInSeconds);

/// <summary>One of the busiest flows.</summary>
/// <param name="BytesPerSecond">Both directions, IP headers included.</param>
/// <param name="PacketsPerSecond">Both directions.</param>
/// <param name="Flow">The flow.</param>
[method: JsonConstructor]
internal sealed record FlowRateEntry(double BytesPerSecond, double PacketsPerSecond, FlowEntry Flow);

/// <summary>What came of a kill.</summary>
/// <param name="Matched">Flows that fitted.</param>
/// <param name="Killed">Flows that were ended; fewer if some ended by themselves meanwhile.</param>
internal sealed record FlowKillResult(long Matched, long Killed);
