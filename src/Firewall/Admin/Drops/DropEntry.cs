using System.Text.Json.Serialization;
using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Logs;

namespace Firewall.Admin.Drops;

/// <summary>One line of the drops as they happen: a denied packet; or, if <see cref="Suppressed"/> is there, how many more there were for a reason.</summary>
/// <param name="Time">When it was denied.</param>
/// <param name="Reason">Why; see docs/DROP-REASONS.md.</param>
/// <param name="Suppressed">So many packets for that reason were not shown since the last such line.</param>
/// <param name="Summary">The packet in one line.</param>
/// <param name="Malformed">What was wrong with a malformed packet.</param>
/// <param name="Direction">Inbound, Outbound, Intra, Transit, Unknown.</param>
/// <param name="Protocol">IANA number.</param>
/// <param name="Source">Its sender.</param>
/// <param name="SourcePort">TCP and UDP.</param>
/// <param name="Destination">Whom it was sent to.</param>
/// <param name="DestinationPort">TCP and UDP.</param>
/// <param name="Length">Bytes, by its IP header.</param>
/// <param name="SecurityGroup">The group of the rule that had a part in it.</param>
/// <param name="Rule">That rule, as in flow logs.</param>
[method: JsonConstructor]
internal sealed record DropEntry(
    DateTimeOffset Time,
    string Reason,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Suppressed = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Summary = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Malformed = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Direction = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] byte? Protocol = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Source = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? SourcePort = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Destination = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? DestinationPort = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Length = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? SecurityGroup = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Rule = null)
{
    /// <summary>Tells a denied packet.</summary>
    public static DropEntry Of(in DropEvent drop, DateTimeOffset time, RuleCatalog catalog)
    {
        PacketInfo packet = drop.Packet;
        Verdict verdict = drop.Verdict;
        RuleIdentity? rule = catalog[verdict.Rule];
        bool isMalformed = verdict.Reason == VerdictReason.Malformed;
        bool isKnown = packet.Source != default || !isMalformed;
        return new DropEntry(
            time,
            verdict.Reason.ToString(),
            Summary: DropText.PacketOf(drop),
            Malformed: isMalformed ? verdict.Malformed.ToString() : null,
            Direction: verdict.Direction.ToString(),
            Protocol: isKnown ? packet.Protocol : null,
            Source: isKnown ? packet.Source.ToString() : null,
            SourcePort: isKnown && packet.HasPorts ? packet.SourcePort : null,
            Destination: isKnown ? packet.Destination.ToString() : null,
            DestinationPort: isKnown && packet.HasPorts ? packet.DestinationPort : null,
            Length: isKnown ? packet.Length : null,
            SecurityGroup: rule?.SecurityGroup,
            Rule: rule?.FlowLogName);
    }
}
