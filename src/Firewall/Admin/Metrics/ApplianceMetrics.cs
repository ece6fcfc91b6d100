using System.Globalization;
using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Firewall.Devices.Linux;
using Firewall.Hosting;

namespace Firewall.Admin.Metrics;

/// <summary>
/// An appliance's figures as metrics. All are sums that are kept anyway, or were counted in the background: it looks at no flow, so it
/// costs the same with a million of them.
/// </summary>
internal static class ApplianceMetrics
{
    /// <summary>All metrics, of now.</summary>
    public static IReadOnlyList<MetricFamily> Of(ApplianceState state)
    {
        StatusReport status = state.Report();
        return [.. OfProcess(state, status), .. OfPackets(state, status), .. OfRules(state), .. OfFlows(state, status), .. OfControl(state, status)];
    }

    private static IEnumerable<MetricFamily> OfProcess(ApplianceState state, StatusReport status) =>
    [
        Gauge("firewall_info", "The program.", Sample(1, ("version", status.Version), ("mode", status.Mode), ("device", status.Device))),
        Gauge("firewall_start_time_seconds", "When the process began to judge packets.", Sample(status.Started.ToUnixTimeMilliseconds() / 1000.0)),
        Gauge("process_resident_memory_bytes", "The process' memory in RAM.", Sample(status.ResidentBytes)),
        Counter("dotnet_gc_collections_total", "Garbage collections, by the oldest generation that they took. Packets make no garbage.",
            [.. Enumerable.Range(0, GC.MaxGeneration + 1).Select(g => Sample(Collections(g), ("gc_heap_generation", $"gen{g}")))]),
        Counter("dotnet_gc_pause_time_seconds_total", "For how long collections have stopped all threads, together.", Sample(GC.GetTotalPauseDuration().TotalSeconds)),
        Counter("dotnet_gc_heap_total_allocated_bytes_total", "Bytes ever allocated.", Sample(GC.GetTotalAllocatedBytes())),
        Gauge("firewall_workers_hanging", "1 if a worker has not turned for seconds.", Sample(state.Fault() is null ? 0 : 1)),
    ];

    private static IEnumerable<MetricFamily> OfPackets(ApplianceState state, StatusReport status)
    {
        IReadOnlyList<EngineCounters> queues = state.Workers.Counters;
        IReadOnlyList<(long Count, TimeSpan Busy)> batches = state.Workers.Batches;
        yield return Counter("firewall_packets_total", "Packets judged, by reason (docs/DROP-REASONS.md).",
            [.. ByReason("allow", status.Packets.AllowedByReason), .. ByReason("deny", status.Packets.DeniedByReason)]);
        yield return Counter("firewall_bytes_total", "Bytes judged, from the IP header on.",
            Sample(status.Packets.AllowedBytes, ("access", "allow")), Sample(status.Packets.DeniedBytes, ("access", "deny")));
        yield return Counter("firewall_malformed_packets_total", "Malformed packets, by what was wrong with them.",
            [.. Enum.GetValues<MalformedReason>()
                .Select(why => (Why: why, Count: queues.Sum(c => c.Malformed(why))))
                .Where(m => m.Count > 0)
                .Select(m => Sample(m.Count, ("kind", m.Why.ToString())))]);
        yield return Counter("firewall_fragments_held_total", "Fragments that waited for their datagram's first one.", Sample(queues.Sum(c => c.HeldFragments)));
        yield return Counter("firewall_queue_packets_total", "Packets judged, by the queue they came from.",
            [.. queues.SelectMany((c, queue) => new[]
            {
                Sample(c.AllowedPackets, ("queue", Text(queue)), ("access", "allow")),
                Sample(c.DeniedPackets, ("queue", Text(queue)), ("access", "deny")),
            })]);
        yield return Counter("firewall_queue_batches_total", "Batches of packets, by queue.", [.. batches.Select((b, queue) => Sample(b.Count, ("queue", Text(queue))))]);
        yield return Counter("firewall_queue_busy_seconds_total", "Time from the first verdict of a batch until its last packet was sent, by queue.",
            [.. batches.Select((b, queue) => Sample(b.Busy.TotalSeconds, ("queue", Text(queue))))]);
        if (InterfaceDrops.Of(status.Device) is { } drops)
        {
            yield return Counter("firewall_tun_dropped_total", "Packets that the kernel dropped at the TUN: its queue was full (in), or it took none (out).",
                Sample(drops.Sent, ("direction", "in")), Sample(drops.Received, ("direction", "out")));
        }
    }

    private static IEnumerable<MetricFamily> OfRules(ApplianceState state)
    {
        // Not those that are gone: with just-in-time access there is another one every day.
        RuleHitStatus[] rules = [.. state.RuleHits(state.Census.Latest).Where(r => r.InForce)];
        yield return Counter("firewall_rule_hits_total", "Flows that a rule allowed, or packets that it denied.", [.. rules.Select(r => OfRule(r, r.Hits))]);
        yield return Counter("firewall_rule_packets_total", "Packets of the flows that a rule allowed, or that it denied.", [.. rules.Select(r => OfRule(r, r.Packets))]);
        yield return Counter("firewall_rule_bytes_total", "Bytes of these packets, from the IP header on.", [.. rules.Select(r => OfRule(r, r.Bytes))]);
        yield return Gauge("firewall_rule_last_hit_time_seconds", "When a rule last decided; nothing for one that never did.",
            [.. rules.Where(r => r.LastHit is not null).Select(r => OfRule(r, r.LastHit!.Value.ToUnixTimeMilliseconds() / 1000.0))]);
    }

    private static IEnumerable<MetricFamily> OfFlows(ApplianceState state, StatusReport status)
    {
        yield return Gauge("firewall_flows", "Flows in the table.", Sample(status.Flows.Count));
        yield return Gauge("firewall_flows_by_state", "Flows in the table by protocol and state, counted every few seconds.",
            [.. state.Census.Latest.States().Select(s => Sample(s.Flows, ("protocol", s.Protocol), ("state", s.State)))]);
        yield return Gauge("firewall_flows_assured", "Flows whose ends have both agreed to talk.", Sample(status.Flows.Assured));
        yield return Gauge("firewall_flows_limit", "The most flows that the table holds.", Sample(status.Flows.Maximum));
        yield return Counter("firewall_flows_created_total", "Flows ever opened.", Sample(status.Flows.Created));
        yield return Counter("firewall_flows_ended_total", "Flows that ended otherwise than by their own packets.",
            Sample(status.Flows.Expired, ("cause", "timeout")), Sample(status.Flows.Evicted, ("cause", "evicted")), Sample(status.Flows.Killed, ("cause", "killed")));
        if (state.FlowLog is not { } log) yield break;
        yield return Counter("firewall_flow_log_entries_total", "Entries of flow logs that were written.", [.. log.Writers.Select(w => Sample(w.Written, ("log", w.Name)))]);
        yield return Counter("firewall_flow_log_entries_lost_total", "Entries that could not be written, or not in time.", [.. log.Writers.Select(w => Sample(w.Lost, ("log", w.Name)))]);
        yield return Counter("firewall_flow_log_events_lost_total", "Begins and ends of flows that came too fast for the flow logs.", Sample(log.EventsLost));
    }

    private static IEnumerable<MetricFamily> OfControl(ApplianceState state, StatusReport status) =>
    [
        Counter("firewall_drop_events_lost_total", "Denied packets that came too fast for the log.", Sample(status.Packets.DropEventsLost)),
        Gauge("firewall_drop_followers", "Who follows denied packets now.", Sample(state.DropFeed.Followers)),
        Counter("firewall_drop_follower_events_lost_total", "Denied packets that a follower was not given, since they were too many or it did not read.", Sample(state.DropFeed.Suppressed)),
        Counter("firewall_log_messages_lost_total", "Messages of the log that were lost, since nobody read it as fast as it was written.", Sample(state.LogLosses.Count)),
        Counter("firewall_activity_log_entries_lost_total", "Entries of the activity log that could not be written.", Sample(state.Activity.Lost)),
        Gauge("firewall_jit_requests", "Just-in-time requests in force.", Sample(state.JustInTime.ActiveCount)),
        Counter("firewall_admin_requests_refused_total", "Requests of the admin API that were refused for who asked, or by which name: caller, connections, host, token, role.",
            [.. Enum.GetValues<AdminRefusal>().Select(reason => Sample(state.Refusals[reason], ("reason", reason.ToString().ToLowerInvariant())))]),
        Gauge("firewall_policy_version", "The policy in force; counts from the start.", Sample(status.Policy.Version)),
        Gauge("firewall_policy_age_seconds", "For how long it has been in force.", Sample(status.Policy.AgeSeconds)),
        Gauge("firewall_policy_rules", "Its rules beside the default ones.", Sample(status.Policy.SecurityRules)),
        Counter("firewall_reloads_total", "Reloads, by what came of them.",
            Sample(status.Reloads.Changed, ("result", "changed")), Sample(status.Reloads.Unchanged, ("result", "unchanged")), Sample(status.Reloads.Refused, ("result", "refused"))),
    ];

    // The runtime counts a collection for every generation that it took.
    private static int Collections(int generation) =>
        GC.CollectionCount(generation) - (generation < GC.MaxGeneration ? GC.CollectionCount(generation + 1) : 0);

    private static MetricFamily Counter(string name, string help, params MetricSample[] samples) => new(name, true, help, samples);

    private static MetricFamily Gauge(string name, string help, params MetricSample[] samples) => new(name, false, help, samples);

    private static MetricSample Sample(double value, params (string, string)[] labels) => new(value, labels);

    private static MetricSample OfRule(RuleHitStatus rule, double value) =>
        Sample(value, ("security_group", rule.SecurityGroup), ("rule", rule.Rule), ("direction", rule.Direction));

    private static IEnumerable<MetricSample> ByReason(string access, IReadOnlyDictionary<string, long> reasons) =>
        reasons.Select(r => Sample(r.Value, ("access", access), ("reason", r.Key)));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
