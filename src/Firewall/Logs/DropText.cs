using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Logs;

/// <summary>Denied packets in words.</summary>
internal static class DropText
{
    /// <summary>The packet in one line; of a malformed one there may be nothing to tell.</summary>
    public static string PacketOf(in DropEvent drop) =>
        drop.Verdict.Reason == VerdictReason.Malformed && drop.Packet.Source == default ? "packet" : PacketSummary.Format(drop.Packet);

    /// <summary>What was decided and why: <c> Inbound by DefaultRule_DenyAllInBound (Rule)</c>.</summary>
    /// <param name="verdict">The decision.</param>
    /// <param name="catalog">Names of rules.</param>
    /// <param name="withGroup">Also name the rule's group.</param>
    public static string VerdictOf(in Verdict verdict, RuleCatalog catalog, bool withGroup)
    {
        RuleIdentity? identity = catalog[verdict.Rule];
        string direction = verdict.Direction == TrafficDirection.Unknown ? "" : $" {verdict.Direction}";
        string rule = identity is null ? "" : $" by {identity.FlowLogName}";
        string group = identity is null || !withGroup ? "" : $" of {identity.SecurityGroup}";
        string detail = verdict.Reason == VerdictReason.Malformed ? $": {verdict.Malformed}" : "";
        return $"{direction}{rule}{group} ({verdict.Reason}{detail})";
    }
}
