using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Firewall.SystemTests.Linux;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>Whoever looks at a running appliance, however long and however carelessly, costs no packet.</summary>
public sealed class OperatingTests
{
    private const int Service = 5000;
    private const int Refused = 53;

    [Fact]
    public void Consumers_that_hang_cost_no_packet_and_hold_nobody_else_up()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = Start(lab);
        List<Process> hanging = [];
        try
        {
            // Each reads a little and then never again, as a pager does, or a shipper whose own receiver is away.
            foreach (string path in (string[])["/v1/drops/follow?perSecond=1000", "/v1/drops/follow?reason=Rule"])
                hanging.Add(Hang(lab, "curl", "-sN", "--limit-rate", "1k", "--unix-socket", lab.Files["admin.sock"], "http://firewall" + path));
            hanging.Add(Hang(lab, RunningAppliance.Executable, "drops", "follow", "--socket", lab.Files["admin.sock"]));
            hanging.Add(Hang(lab, RunningAppliance.Executable, "activity", "follow", "--file", lab.Files["activity.jsonl"]));
            using var datagrams = new NumberedDatagrams(lab, Service, 5_000);
            using (var refused = new UdpPeer(lab.Client, Lab.ClientV4))
            {
                var target = new IPEndPoint(IPAddress.Parse(Lab.VmV4), Refused);
                for (int i = 0; i < 20_000; i++)
                {
                    refused.Socket.SendTo([1, 2, 3], target);
                    if (i % 10 == 0) Thread.Sleep(1); // more than any follower is given, less than overflows a queue
                }
            }

            foreach (Process consumer in hanging) Shell.Run("kill", "-STOP", $"{consumer.Id}");
            int before = datagrams.Received;
            Wait.Until(() => datagrams.Received > before + 5_000, "nothing comes through any more");
            using JsonDocument status = JsonDocument.Parse(Ask(lab, "/v1/status"));
            Assert.True(status.RootElement.GetProperty("packets").GetProperty("denied").GetInt64() > 10_000, "the flood did not arrive");
            string metrics = Ask(lab, "/metrics");
            Assert.True(Metric(metrics, "firewall_drop_follower_events_lost_total") > 0, metrics);
            Assert.Empty(datagrams.End().Lost);
        }
        finally
        {
            foreach (Process consumer in hanging)
            {
                consumer.Kill();
                consumer.Dispose();
            }
        }

        Assert.Equal(0, appliance.Terminate());
    }

    [Fact]
    public void With_output_and_log_that_nobody_reads_access_expires_rules_change_and_it_stops()
    {
        const int Messages = 4_000;
        using var lab = new Lab();
        string pipes = lab.Files["pipes"];
        Directory.CreateDirectory(pipes);
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        lab.WriteJitPolicies(terminateOnExpiry: false);
        string[] settings = ["FIREWALL__FLOWLOGS__LINES=-", $"FIREWALL__JUSTINTIME__POLICIES={lab.Files["jit.json"]}"];
        using var appliance = RunningAppliance.StartUnheard(lab.Gateway, lab.Configuration(), pipes, Environment(lab, settings));
        Wait.Until(() => File.Exists(lab.Files["admin.sock"]), "the appliance does not start");

        // Each is a line of the flow log; the pipe holds some hundred of them.
        using (var refused = new UdpPeer(lab.Client, Lab.ClientV4))
        {
            for (int port = 1; port <= 1_000; port++)
            {
                refused.Socket.SendTo([1], new IPEndPoint(IPAddress.Parse(Lab.VmV4), port));
                if (port % 50 == 0) Thread.Sleep(1);
            }
        }

        Ask(lab, $"/v1/jit/initiate?vm=vm-web1&port=22&source={Lab.ClientV4}&duration=8s", "POST");
        Assert.Single(Requests());
        // Each of these rules is a line of the log, told while the rules are being reloaded.
        lab.WriteRules(Nsg.Group([.. Enumerable.Range(0, Messages).Select(number => Nsg.Rule($"wrong-{number}", 10, "*", "1"))]));
        Wait.Until(() => Metric(Ask(lab, "/metrics"), "firewall_reloads_total{result=\"refused\"}") > 0, "the reload does not end");
        string metrics = Ask(lab, "/metrics");
        Assert.True(Metric(metrics, "firewall_log_messages_lost_total") > 0, metrics);
        Assert.True(Metric(metrics, "firewall_flow_log_entries_total{log=\"Lines\"}") < 1_000, metrics);

        double before = Metric(metrics, "firewall_policy_version");
        lab.WriteRules(Nsg.Group(Nsg.AllowService, Nsg.AllowSsh.Replace("22", "23", StringComparison.Ordinal)));
        Wait.Until(() => Metric(Ask(lab, "/metrics"), "firewall_policy_version") > before, "the rules are not reloaded");
        Wait.Until(() => Requests().Length == 0, "just-in-time access does not expire");
        long start = Stopwatch.GetTimestamp();
        Assert.Equal(0, appliance.Terminate());
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 0, 10);

        JsonElement[] Requests() => [.. JsonDocument.Parse(Ask(lab, "/v1/jit/requests")).RootElement.EnumerateArray()];
    }

    [Fact]
    public void With_a_million_flows_a_scrape_takes_less_than_100_ms_and_costs_no_packet()
    {
        const int Flows = 1_000_000;
        using var lab = new Lab();
        using RunningAppliance appliance = Start(
            lab, "FIREWALL__FLOWTABLE__MAXFLOWS=1200000", "FIREWALL__FLOWTABLE__HALFOPENPERCENT=100", "FIREWALL__FLOWTABLE__MAXFLOWSPERSOURCE=0",
            "FIREWALL__FLOWTABLE__ADAPTIVESTARTPERCENT=100", "FIREWALL__TIMEOUTS__UDPUNREPLIED=600");
        lab.Gateway.Run("ip", "link", "set", "fw0", "txqueuelen", "100000"); // a burst may come faster than it is read
        for (int attempt = 0; attempt < 3 && Metric(Ask(lab, "/metrics"), "firewall_flows") < Flows; attempt++) OpenFlows(lab, Flows);
        using var datagrams = new NumberedDatagrams(lab, Service, 5_000);
        Wait.Until(() => Metric(Ask(lab, "/metrics"), "firewall_flows_by_state{protocol=\"Udp\",state=\"Unreplied\"}") >= Flows, $"the flows are not all there:\n{Ask(lab, "/v1/status")}");
        double[] seconds = [.. Enumerable.Range(0, 9).Select(_ => double.Parse(
            lab.Gateway.Run("curl", "-s", "-o", "/dev/null", "-w", "%{time_total}", "--unix-socket", lab.Files["admin.sock"], "http://firewall/metrics"),
            CultureInfo.InvariantCulture)).Order()];
        TestContext.Current.SendDiagnosticMessage($"a scrape with a million flows: median {seconds[4] * 1000:0.0} ms, most {seconds[^1] * 1000:0.0} ms");
        Assert.True(seconds[4] < 0.1, $"a scrape took {string.Join(", ", seconds)} s");
        // The counts of rules are of the moment when they are asked for, and exact where nothing moves.
        using JsonDocument hits = JsonDocument.Parse(Ask(lab, "/v1/rules/hits"));
        JsonElement rule = hits.RootElement.EnumerateArray().Single(r => r.GetProperty("rule").GetString() == "UserRule_allow-service");
        Assert.True(rule.GetProperty("hits").GetInt64() >= Flows && rule.GetProperty("packets").GetInt64() >= Flows, rule.ToString());
        Assert.Empty(datagrams.End().Lost);
        Assert.Equal(0, appliance.Terminate());
    }

    [Fact]
    public void What_rules_counted_survives_an_upgrade_a_kill_and_a_restart()
    {
        using var lab = new Lab();
        string flows = lab.Files["flows"];
        string[] settings = [$"FIREWALL__FLOWTABLE__FILE={flows}"];
        RunningAppliance appliance = Start(lab, settings);
        try
        {
            int sent = 0;
            using (var datagrams = new NumberedDatagrams(lab, Service, 5_000))
            {
                Wait.Until(() => datagrams.Received > 3_000, "too little came through");
                RunningAppliance second = RunningAppliance.Follow(lab.Gateway, lab.Configuration(), Environment(lab, settings));
                Assert.Equal(0, appliance.WaitForEnd());
                appliance.Dispose();
                appliance = second;
                int before = datagrams.Received;
                Wait.Until(() => datagrams.Received > before + 3_000, "nothing comes through any more");
                (sent, IReadOnlyList<int> lost) = datagrams.End();
                Assert.Empty(lost);
            }

            Wait.Until(() => Counted(lab) == (1, sent), $"one flow and {sent} packets were not counted, but {Counted(lab)}");
            // It is written down every few seconds.
            string file = flows + ".hits";
            DateTime written = File.GetLastWriteTimeUtc(file);
            Wait.Until(() => File.GetLastWriteTimeUtc(file) > written, "the counts are not written down");
            appliance.Kill();
            appliance.Dispose();
            appliance = Start(lab, settings);
            Wait.Until(() => Counted(lab) == (1, sent), $"one flow and {sent} packets were not counted, but {Counted(lab)}");
            DateTimeOffset last = LastHit(lab);
            Assert.Equal(0, appliance.Terminate());
            Assert.False(File.Exists(flows));
            appliance.Dispose();
            appliance = Start(lab, settings);
            // The flow has ended with the process, and what it carried is counted.
            Assert.Equal((1, sent), Counted(lab));
            Assert.Equal(last, LastHit(lab), TimeSpan.FromSeconds(1)); // it is reckoned from another clock
            Assert.Contains("\nfirewall_flows 0\n", Ask(lab, "/metrics"), StringComparison.Ordinal);
            Assert.Equal(0, appliance.Terminate());
        }
        finally
        {
            appliance.Dispose();
        }
    }

    [Fact]
    public void On_a_full_disk_the_activity_log_loses_entries_goes_on_later_and_no_packet_is_lost()
    {
        using var lab = new Lab();
        string disk = lab.Files["disk"];
        Directory.CreateDirectory(disk);
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        using RunningAppliance appliance = RunningAppliance.Start(
            lab.Gateway, lab.Configuration(),
            [.. Environment(lab, $"FIREWALL__ACTIVITYLOG__FILE={disk}/activity.jsonl"), "unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=32k disk \"$0\" && exec \"$@\"", disk]);
        appliance.WaitForLog("Admin socket ");
        string inside = $"/proc/{appliance.Process}/root{disk}";
        using (var datagrams = new NumberedDatagrams(lab, Service, 5_000))
        {
            int kills = 0;
            while (Metric(Ask(lab, "/metrics"), "firewall_activity_log_entries_lost_total") == 0)
            {
                Assert.True(kills++ < 200, "the disk does not become full");
                Ask(lab, "/v1/flows/kill?source=192.0.2.1", "POST");
            }

            appliance.WaitForLog("Activity log ", "cannot be written");
            using (var log = new FileStream(Path.Combine(inside, "activity.jsonl"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) log.SetLength(1000);
            Ask(lab, "/v1/flows/kill?source=192.0.2.2", "POST");
            string last = File.ReadAllLines(Path.Combine(inside, "activity.jsonl"))[^1];
            Assert.Contains("192.0.2.2", JsonDocument.Parse(last).RootElement.GetProperty("properties").GetProperty("filter").GetString(), StringComparison.Ordinal);
            int before = datagrams.Received;
            Wait.Until(() => datagrams.Received > before + 5_000, "nothing comes through any more");
            Assert.Empty(datagrams.End().Lost);
        }

        Assert.Equal(0, appliance.Terminate());
    }

    [Fact]
    public async Task A_collector_gets_the_metrics_by_OTLP()
    {
        // opentelemetry-proto, metrics/v1/metrics.proto.
        const int ResourceMetrics = 1, ScopeMetrics = 2, Metric = 2, Name = 1, Sum = 7, Points = 1, AsDouble = 4, Attributes = 7, Value = 2, AsText = 1;
        using var lab = new Lab();
        using var collector = new HttpListener { Prefixes = { "http://127.0.0.1:4318/v1/metrics/" } };
        lab.Gateway.Inside(collector.Start);
        using RunningAppliance appliance = Start(lab, "FIREWALL__OTLP__ENDPOINT=http://127.0.0.1:4318", "FIREWALL__OTLP__INTERVAL=1");
        int sent;
        using (var datagrams = new NumberedDatagrams(lab, Service, 5_000))
        {
            Wait.Until(() => datagrams.Received > 1_000, "too little came through");
            (sent, IReadOnlyList<int> lost) = datagrams.End();
            Assert.Empty(lost);
        }

        double allowed = 0;
        while (allowed < sent)
        {
            HttpListenerContext request = await collector.GetContextAsync().WaitAsync(TimeSpan.FromSeconds(20));
            using var body = new MemoryStream();
            await request.Request.InputStream.CopyToAsync(body);
            request.Response.Close();
            allowed = new OtlpMessage(body.ToArray()).Messages(ResourceMetrics)
                .SelectMany(resource => resource.Messages(ScopeMetrics)).SelectMany(scope => scope.Messages(Metric))
                .Where(metric => metric.Text(Name) == "firewall.rule_packets")
                .SelectMany(metric => metric.Message(Sum).Messages(Points))
                .Where(point => point.Messages(Attributes).Any(label => label.Message(Value).Text(AsText) == "UserRule_allow-service"))
                .Sum(point => point.Double(AsDouble));
        }

        Assert.Equal(sent, allowed);
        Assert.Equal(0, appliance.Terminate());
    }

    private static RunningAppliance Start(Lab lab, params string[] settings)
    {
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        RunningAppliance appliance = RunningAppliance.Start(lab.Gateway, lab.Configuration(), Environment(lab, settings));
        appliance.WaitForLog("Admin socket ");
        return appliance;
    }

    private static string[] Environment(Lab lab, params string[] settings) => ["env", $"FIREWALL__ADMIN__SOCKET={lab.Files["admin.sock"]}", .. settings];

    private static Process Hang(Lab lab, params string[] command) => lab.Gateway.Start(command[0], null, command[1..]);

    private static string Ask(Lab lab, string path, string method = "GET") =>
        lab.Gateway.Run("curl", "-s", "-m", "10", "-X", method, "--unix-socket", lab.Files["admin.sock"], "http://firewall" + path);

    private static (long Hits, long Packets) Counted(Lab lab)
    {
        JsonElement rule = RuleOf(lab);
        return (rule.GetProperty("hits").GetInt64(), rule.GetProperty("packets").GetInt64());
    }

    private static DateTimeOffset LastHit(Lab lab) => RuleOf(lab).GetProperty("lastHit").GetDateTimeOffset();

    private static JsonElement RuleOf(Lab lab) =>
        JsonDocument.Parse(Ask(lab, "/v1/rules/hits")).RootElement.EnumerateArray().Single(r => r.GetProperty("rule").GetString() == "UserRule_allow-service");

    private static double Metric(string metrics, string name) =>
        Regex.Match(metrics, $"^{Regex.Escape(name)} (\\S+)$", RegexOptions.Multiline) is { Success: true } found ? double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    // One datagram each, to ports of the VM that nobody listens on: it may answer only the first one with an ICMP error.
    private static void OpenFlows(Lab lab, int count)
    {
        const int Ports = 999;
        const int Burst = 300;
        lab.Vm.Inside(() => File.WriteAllText("/proc/sys/net/ipv4/icmp_ratelimit", "1000000"));
        lab.Client.Inside(() =>
        {
            for (int source = 0; source * Ports < count; source++)
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                socket.Bind(new IPEndPoint(IPAddress.Parse(Lab.ClientV4), 20_000 + source));
                var target = new IPEndPoint(IPAddress.Parse(Lab.VmV4), 0);
                for (int i = 0; i < Ports; i++)
                {
                    target.Port = Service + 1 + i;
                    socket.SendTo([1], target);
                    if (i % Burst == 0) Thread.Sleep(1); // or the kernel's queues between the namespaces overflow
                }
            }
        });
    }
}
