using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>Azure's virtual network flow logs, version 4.</summary>
internal sealed class VnetFlowLog(FlowLogWriter writer, RuleCatalog catalog, FlowLogNames names, bool allProtocols) : AzureFlowLog(writer, catalog)
{
    private const string Unknown = "unspecified";

    /// <inheritdoc/>
    protected override bool Takes(in FlowLogEntry entry) => allProtocols || IpProtocol.HasPorts(entry.Protocol);

    /// <inheritdoc/>
    protected override int Write(Span<byte> text, in FlowLogEntry entry) => FlowTuple.WriteVnet(text, entry);

    /// <inheritdoc/>
    protected override void WriteRecords(DateTimeOffset now, IReadOnlyList<RuleTuples> rules)
    {
        List<ReadOnlyMemory<byte>> parts =
        [
            Text($"{{\"time\":{Quote(now)},\"flowLogVersion\":4,\"flowLogGUID\":\"{names.FlowLogId}\",\"macAddress\":\"{names.MacAddress}\",\"category\":\"FlowLogFlowEvent\",\"flowLogResourceID\":{Quote(names.FlowLog)},\"targetResourceID\":{Quote(names.Target)},\"operationName\":\"FlowLogFlowEvent\",\"flowRecords\":{{\"flows\":["),
        ];
        string comma = "";
        foreach (IGrouping<string?, RuleTuples> group in rules.GroupBy(r => r.Rule?.SecurityGroup))
        {
            string id = group.Key is null ? Unknown : names.IdOf(group.Key).ToString();
            parts.Add(Text($"{comma}{{\"aclID\":\"{id}\",\"flowGroups\":["));
            comma = "";
            foreach (RuleTuples rule in group)
            {
                parts.Add(Text($"{comma}{{\"rule\":{Quote(rule.Rule?.FlowLogName ?? Unknown)},\"flowTuples\":["));
                parts.Add(rule.Text);
                parts.Add(Text("]}"));
                comma = ",";
            }

            parts.Add(Text("]}"));
            comma = ",";
        }

        parts.Add(Text("]}}"));
        Post(names.VnetPath(now), rules.Sum(r => r.Count), [.. parts]);
    }
}
