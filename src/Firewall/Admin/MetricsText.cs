using System.Globalization;
using System.Text;
using Firewall.Core.Engine;
using Firewall.Devices.Linux;
using Firewall.Hosting;

namespace Firewall.Admin;

/// <summary>
/// The appliance's figures in Prometheus' text format 0.0.4. All are sums that are kept anyway: a scrape looks at no flow, so it costs the
/// same with a million of them.
/// </summary>
internal static class MetricsText
{
    /// <summary>Its content type.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Writes all metrics.</summary>
    public static string Of(ApplianceState state)
    {
        StatusReport status = state.Report();
        var text = new StringBuilder(16 * 1024);
        Family("firewall_info", "gauge", "The program.", new Sample(1, [("version", status.Version), ("mode", status.Mode), ("device", status.Device)]));
        Family("firewall_start_time_seconds", "gauge", "When the process began to judge packets.", new Sample(status.Started.ToUnixTimeMilliseconds() / 1000.0, []));
        Family("process_resident_memory_bytes", "gauge", "The process' memory in RAM.", new Sample(status.ResidentBytes, []));
        Family("firewall_workers_hanging", "gauge", "1 if a worker has not turned for seconds.", new Sample(state.Fault() is null ? 0 : 1, []));

        IReadOnlyList<EngineCounters> queues = state.Workers.Counters;
        Family("firewall_packets_total", "counter", "Packets judged, by reason (docs/DROP-REASONS.md).",
            [.. ByReason("allow", status.Packets.AllowedByReason), .. ByReason("deny", status.Packets.DeniedByReason)]);
        Family("firewall_bytes_total", "counter", "Bytes judged, from the IP header on.",
            new Sample(status.Packets.AllowedBytes, [("access", "allow")]), new Sample(status.Packets.DeniedBytes, [("access", "deny")]));
        Family("firewall_queue_packets_total", "counter", "Packets judged, by the queue they came from.",
            [.. queues.SelectMany((c, queue) => new Sample[]
            {
                new Sample(c.AllowedPackets, [("queue", Text(queue)), ("access", "allow")]),
                new Sample(c.DeniedPackets, [("queue", Text(queue)), ("access", "deny")]),
            })]);
        IReadOnlyList<(long Count, TimeSpan Busy)> batches = state.Workers.Batches;
        Family("firewall_queue_batches_total", "counter", "Batches of packets, by queue.", [.. batches.Select((b, queue) => new Sample(b.Count, [("queue", Text(queue))]))]);
        Family("firewall_queue_busy_seconds_total", "counter", "Time from the first verdict of a batch until its last packet was sent, by queue.",
            [.. batches.Select((b, queue) => new Sample(b.Busy.TotalSeconds, [("queue", Text(queue))]))]);
        if (InterfaceDrops.Of(status.Device) is { } drops)
        {
            Family("firewall_tun_dropped_total", "counter", "Packets that the kernel dropped at the TUN: its queue was full (in), or it took none (out).",
                new Sample(drops.Sent, [("direction", "in")]), new Sample(drops.Received, [("direction", "out")]));
        }

        Family("firewall_drop_events_lost_total", "counter", "Denied packets that came too fast for the log.", new Sample(status.Packets.DropEventsLost, []));
        Family("firewall_rule_hits_total", "counter", "Flows that a rule allowed, or packets that it denied.",
            [.. state.RuleHits().Select(r =>
                new Sample(r.Hits, [("security_group", r.SecurityGroup), ("rule", r.Rule), ("direction", r.Direction)]))]);

        Family("firewall_flows", "gauge", "Flows in the table.", new Sample(status.Flows.Count, []));
        Family("firewall_flows_assured", "gauge", "Flows whose ends have both agreed to talk.", new Sample(status.Flows.Assured, []));
        Family("firewall_flows_limit", "gauge", "The most flows that the table holds.", new Sample(status.Flows.Maximum, []));
        Family("firewall_flows_created_total", "counter", "Flows ever opened.", new Sample(status.Flows.Created, []));
        Family("firewall_flows_ended_total", "counter", "Flows that ended otherwise than by their own packets.",
            new Sample(status.Flows.Expired, [("cause", "timeout")]), new Sample(status.Flows.Evicted, [("cause", "evicted")]), new Sample(status.Flows.Killed, [("cause", "killed")]));

        Family("firewall_policy_version", "gauge", "The policy in force; counts from the start.", new Sample(status.Policy.Version, []));
        Family("firewall_policy_age_seconds", "gauge", "For how long it has been in force.", new Sample(status.Policy.AgeSeconds, []));
        Family("firewall_policy_rules", "gauge", "Its rules beside the default ones.", new Sample(status.Policy.SecurityRules, []));
        Family("firewall_reloads_total", "counter", "Reloads, by what came of them.",
            new Sample(status.Reloads.Changed, [("result", "changed")]), new Sample(status.Reloads.Unchanged, [("result", "unchanged")]),
            new Sample(status.Reloads.Refused, [("result", "refused")]));
        return text.ToString();

        void Family(string name, string type, string help, params Sample[] samples)
        {
            text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n').Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
            foreach (Sample sample in samples)
            {
                text.Append(name);
                char before = '{';
                foreach ((string label, string value) in sample.Labels)
                {
                    text.Append(before).Append(label).Append("=\"").Append(Escape(value)).Append('"');
                    before = ',';
                }

                if (sample.Labels.Count > 0) text.Append('}');
                text.Append(' ').Append(sample.Value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
            }
        }
    }

    private static IEnumerable<Sample> ByReason(string access, IReadOnlyDictionary<string, long> reasons) =>
        reasons.Select(r => new Sample(r.Value, [("access", access), ("reason", r.Key)]));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private readonly record struct Sample(double Value, IReadOnlyList<(string Label, string Value)> Labels);
}
