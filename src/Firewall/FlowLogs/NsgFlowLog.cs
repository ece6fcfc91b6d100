using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>Azure's network security group flow logs, version 2. They know TCP and UDP alone, and flows that a group's rule decided.</summary>
internal sealed class NsgFlowLog(FlowLogWriter writer, RuleCatalog catalog, FlowLogNames names) : AzureFlowLog(writer, catalog)
{
    /// <inheritdoc/>
    protected override bool Takes(in FlowLogEntry entry) => IpProtocol.HasPorts(entry.Protocol) && entry.Rule != RuleCatalog.None;

    /// <inheritdoc/>
    protected override int Write(Span<byte> text, in FlowLogEntry entry) => FlowTuple.WriteNsg(text, entry);

    /// <inheritdoc/>
    protected override void WriteRecords(DateTimeOffset now, IReadOnlyList<RuleTuples> rules)
    {
        foreach (IGrouping<string, RuleTuples> group in rules.Where(r => r.Rule is not null).GroupBy(r => r.Rule!.SecurityGroup))
        {
            List<ReadOnlyMemory<byte>> parts =
            [
                Text($"{{\"time\":{Quote(now)},\"systemId\":\"{names.SystemId}\",\"macAddress\":\"{names.MacAddress}\",\"category\":\"NetworkSecurityGroupFlowEvent\",\"resourceId\":{Quote(names.ResourceOf(group.Key))},\"operationName\":\"NetworkSecurityGroupFlowEvents\",\"properties\":{{\"Version\":2,\"flows\":["),
            ];
            string comma = "";
            foreach (RuleTuples rule in group)
            {
                parts.Add(Text($"{comma}{{\"rule\":{Quote(rule.Rule!.FlowLogName)},\"flows\":[{{\"mac\":\"{names.MacAddress}\",\"flowTuples\":["));
                parts.Add(rule.Text);
                parts.Add(Text("]}]}"));
                comma = ",";
            }

            parts.Add(Text("]}}"));
            Post(names.NsgPath(group.Key, now), group.Sum(r => r.Count), [.. parts]);
        }
    }
}
