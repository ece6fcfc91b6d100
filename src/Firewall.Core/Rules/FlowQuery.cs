using Firewall.Core.Packets;

namespace Firewall.Core.Rules;

/// <summary>
/// A question to the rules, in the words of Azure's IP flow verify: would a flow be allowed? An unspecified port is every port that
/// could stand there. A rule answers such a question only if it covers them all: 0–65535 for a destination port, the ephemeral
/// ports 49152–65535 (RFC 6335 section 6) for a source port.
/// </summary>
/// <param name="Direction">From where the flow is opened: Inbound by the remote end, Outbound by the local one.</param>
/// <param name="Protocol">IANA number.</param>
/// <param name="Local">The protected end.</param>
/// <param name="LocalPort">Its port; null if unspecified. Ignored for protocols without ports.</param>
/// <param name="Remote">The other end.</param>
/// <param name="RemotePort">Its port; null if unspecified. Ignored for protocols without ports.</param>
public sealed record FlowQuery(
    RuleDirection Direction, byte Protocol, IpAddress Local, ushort? LocalPort, IpAddress Remote, ushort? RemotePort)
{
    /// <summary>For ICMP, the first message's type; null if unspecified: then a rule that asks for types must cover all of them.</summary>
    public byte? IcmpType { get; init; }

    /// <summary>For ICMP, the code; null if unspecified: then a rule that asks for codes must cover all of the type.</summary>
    public byte? IcmpCode { get; init; }

    /// <summary>Where the first packet comes from.</summary>
    public IpAddress Source => Direction == RuleDirection.Inbound ? Remote : Local;

    /// <summary>Where the first packet goes to.</summary>
    public IpAddress Destination => Direction == RuleDirection.Inbound ? Local : Remote;

    /// <summary>The first packet's source port.</summary>
    public ushort? SourcePort => Direction == RuleDirection.Inbound ? RemotePort : LocalPort;

    /// <summary>The first packet's destination port.</summary>
    public ushort? DestinationPort => Direction == RuleDirection.Inbound ? LocalPort : RemotePort;
}
