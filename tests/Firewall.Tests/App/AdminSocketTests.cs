using System.Collections;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Core.Packets;
using Firewall.Hosting;
using Firewall.Tests.Packets;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>The admin socket of a whole appliance, asked by HTTP and by the command line, with an operating system in memory below.</summary>
public sealed class AdminSocketTests : IAsyncLifetime
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);

    private readonly TempFolder _folder = new();
    private readonly TestPlatform _platform = new();
    private IHost _host = null!;

    private string SocketPath => _folder["admin.sock"];

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Unix sockets with owner and group");
        _folder.Write("rules.json", SampleFiles.Allow());
        _folder.Write("firewall.json", """
            {
              "Firewall": {
                "Rules": "rules.json", "Interfaces": ["eth0"], "Admin": { "Socket": "admin.sock", "Group": "no-such-group" },
                "FlowLogs": { "Lines": "flows.jsonl" },
                "Logging": { "LogLevel": { "Default": "None" } }
              }
            }
            """);
        _host = await Start();
        await GetJson("/v1/status");
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.StopAsync();
        _host?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Status_tells_what_has_happened()
    {
        Open(40001);
        JsonElement status = await GetJson("/v1/status");
        Assert.Equal("Gateway", status.GetProperty("mode").GetString());
        Assert.Equal(Environment.ProcessId, status.GetProperty("process").GetInt32());
        Assert.Equal(1, status.GetProperty("flows").GetProperty("count").GetInt32());
        Assert.Equal(1, status.GetProperty("packets").GetProperty("allowedByReason").GetProperty("Rule").GetInt32());
        Assert.Equal(1, status.GetProperty("policy").GetProperty("version").GetInt32());
        CommandRunner run = CommandRunner.Run("status", "--socket", SocketPath);
        Assert.Equal("", run.Error);
        Assert.Contains("1 of 262,144 (0.0 %), 0 assured, peak 1", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Flows_are_listed_from_the_end_that_opened_them()
    {
        Open(40001);
        JsonElement flow = Assert.Single((await GetJson("/v1/flows")).EnumerateArray());
        Assert.Equal("203.0.113.5", flow.GetProperty("source").GetString());
        Assert.Equal(40001, flow.GetProperty("sourcePort").GetInt32());
        Assert.Equal("10.0.0.4", flow.GetProperty("destination").GetString());
        Assert.Equal(22, flow.GetProperty("destinationPort").GetInt32());
        Assert.Equal("SynSent", flow.GetProperty("state").GetString());
        Assert.Equal("UserRule_allow-ssh", flow.GetProperty("rule").GetString());
        Assert.Equal("Inbound", flow.GetProperty("direction").GetString());
        Assert.Equal(1, flow.GetProperty("packetsSent").GetInt32());
        Assert.Equal(40, flow.GetProperty("bytesSent").GetInt32());
        Assert.InRange(flow.GetProperty("idleSeconds").GetDouble(), 0, flow.GetProperty("ageSeconds").GetDouble());
    }

    [Theory]
    [InlineData("address=10.0.0.4", 3)]
    [InlineData("address=10.0.0.0/24", 3)]
    [InlineData("source=10.0.0.4", 0)]
    [InlineData("source=203.0.113.0/24&destination=10.0.0.4", 3)]
    [InlineData("port=22", 3)]
    [InlineData("sourcePort=40002", 1)]
    [InlineData("destinationPort=40002", 0)]
    [InlineData("protocol=tcp", 3)]
    [InlineData("protocol=17", 0)]
    [InlineData("state=synsent", 3)]
    [InlineData("state=Established", 0)]
    [InlineData("rule=allow-ssh", 3)]
    [InlineData("rule=UserRule_allow-ssh", 3)]
    [InlineData("rule=securityRules/allow-ssh", 3)]
    [InlineData("rule=DenyAllInBound", 0)]
    [InlineData("limit=2", 2)]
    public async Task Conditions_choose_flows(string query, int expected)
    {
        for (ushort port = 40001; port <= 40003; port++) Open(port);
        Assert.Equal(expected, (await GetJson("/v1/flows?" + query)).GetArrayLength());
    }

    [Theory]
    [InlineData("address=10.0.0", "address is '10.0.0', but must be an address or a prefix")]
    [InlineData("port=70000", "port is '70000', but must be a whole number from 0 to 65535")]
    [InlineData("protocol=tpc", "protocol is 'tpc', but must be Tcp, Udp")]
    [InlineData("state=Establishd", "did you mean 'Established'?")]
    [InlineData("rule=alow-ssh", "did you mean 'allow-ssh'?")]
    [InlineData("adress=10.0.0.4", "adress is not known here; did you mean 'address'?")]
    public async Task What_is_wrong_with_a_condition_is_said(string query, string message)
    {
        using HttpClient http = Http();
        using HttpResponseMessage response = await http.GetAsync("/v1/flows?" + query);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        JsonElement errors = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("errors");
        Assert.Contains(message, Assert.Single(errors.EnumerateArray()).GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_line_lists_and_kills()
    {
        for (ushort port = 40001; port <= 40003; port++) Open(port);
        CommandRunner list = CommandRunner.Run("flows", "list", "--socket", SocketPath, "--source-port", "40002");
        Assert.Equal((0, ""), (list.ExitCode, list.Error));
        Assert.Contains("203.0.113.5:40002", list.Output, StringComparison.Ordinal);
        Assert.EndsWith("1 flow\n", list.Output, StringComparison.Ordinal);
        CommandRunner some = CommandRunner.Run("flows", "list", "--socket", SocketPath, "--limit", "2");
        Assert.Contains("2 flows shown, there are more", some.Output, StringComparison.Ordinal);

        CommandRunner kill = CommandRunner.Run("flows", "kill", "--socket", SocketPath, "--source-port", "40002", "--reset");
        Assert.Equal((0, "1 flow killed\n", ""), (kill.ExitCode, kill.Output, kill.Error));
        byte[] reset = _platform.Device.Passed();
        Assert.Equal(MalformedReason.None, PacketParser.Parse(reset, reset.Length, out PacketInfo info));
        Assert.True(info.TcpFlags.HasFlag(TcpFlags.Rst));
        CommandRunner json = CommandRunner.Run("flows", "list", "--socket", SocketPath, "--format", "json");
        Assert.Equal(2, JsonDocument.Parse(json.Output).RootElement.GetArrayLength());

        CommandRunner all = CommandRunner.Run("flows", "kill", "--socket", SocketPath, "--all", "--format", "json");
        Assert.Equal("{\"matched\":2,\"killed\":2}\n", all.Output);
    }

    [Fact]
    public void The_command_line_refuses_what_is_not_meant()
    {
        CommandRunner bare = CommandRunner.Run("flows", "kill", "--socket", SocketPath);
        Assert.Equal(2, bare.ExitCode);
        Assert.StartsWith("firewall: say which flows to kill", bare.Error, StringComparison.Ordinal);
        Assert.Equal(2, CommandRunner.Run("flows", "list", "--socket", SocketPath, "--address", "x").ExitCode);
        CommandRunner nobody = CommandRunner.Run("status", "--socket", _folder["other.sock"]);
        Assert.Equal(1, nobody.ExitCode);
        Assert.Equal($"firewall: there is no socket {_folder["other.sock"]}; is the appliance running, and with an admin socket?\n", nobody.Error);
    }

    [Theory]
    [InlineData(8_100)]
    [InlineData(60_000)]
    public void A_request_that_is_too_long_is_told_so(int length)
    {
        CommandRunner run = CommandRunner.Run(
            "jit", "request", "--socket", SocketPath, "--vm", "vm-web1", "--port", "22", "--source", new string('1', 90), "--justification", new string('x', length));
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("firewall: the request is too long", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("200 OK", "text/html", "<html></html>", "is not this appliance's admin API")]
    [InlineData("200 OK", "application/json", "hello", "is not this appliance's admin API")]
    [InlineData("200 OK", "application/json", "null", "is not this appliance's admin API")]
    [InlineData("404 Not Found", "text/html", "<html></html>", "answered 404 without a reason: it may not be this appliance's admin API")]
    public async Task Something_else_that_answers_is_told_from_an_appliance(string status, string type, string body, string expected)
    {
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(_folder["other.sock"]));
        other.Listen();
        foreach (string[] command in (string[][])[["status"], ["activity", "list"], ["jit", "list"]])
        {
            Task answering = Task.Run(() =>
            {
                using Socket asked = other.Accept();
                asked.Receive(new byte[4096]);
                asked.Send(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"));
            });
            CommandRunner run = CommandRunner.Run([.. command, "--socket", _folder["other.sock"]]);
            await answering.WaitAsync(Guard);
            Assert.Equal(1, run.ExitCode);
            Assert.StartsWith($"firewall: {_folder["other.sock"]} ", run.Error, StringComparison.Ordinal);
            Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Rules_are_answered_as_effective_security_rules()
    {
        JsonElement rules = await GetJson("/v1/rules");
        JsonElement group = Assert.Single(rules.GetProperty("value").EnumerateArray());
        Assert.Equal("securityRules/allow-ssh", group.GetProperty("effectiveSecurityRules")[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task Hits_tell_which_rules_decided_and_which_never_did()
    {
        Open(40001);
        Open(40002);
        _platform.Device.Send(PacketBuilder.Tcp("203.0.113.5:40003", "10.0.0.4:23", TcpFlags.Syn));
        Open(40004);
        JsonElement[] hits = await HitsAfter(packets: 3);
        Assert.Equal(3, Hits("UserRule_allow-ssh"));
        Assert.Equal(1, Hits("DefaultRule_DenyAllInBound"));
        Assert.Equal(0, Hits("DefaultRule_AllowVnetInBound"));
        Assert.All(hits, hit => Assert.Equal(hit.GetProperty("hits").GetInt64() == 0, hit.GetProperty("lastHit").ValueKind == JsonValueKind.Null));
        Assert.All(hits, hit => Assert.True(hit.GetProperty("inForce").GetBoolean()));
        Assert.Equal((3, 120), Carried("UserRule_allow-ssh"));
        Assert.Equal((1, 40), Carried("DefaultRule_DenyAllInBound"));
        Assert.Equal((0, 0), Carried("DefaultRule_AllowVnetInBound"));
        CommandRunner show = CommandRunner.Run("rules", "show", "--hits", "--socket", SocketPath);
        Assert.Equal((0, ""), (show.ExitCode, show.Error));
        Assert.Matches(@"UserRule_allow-ssh\s+│\s+3 │\s+3 │\s+120 B │ \d{4}-", show.Output);
        Assert.Matches(@"DefaultRule_AllowVnetInBound\s+│\s+0 │\s+0 │\s+0 B │ never", show.Output);
        Assert.Equal(2, CommandRunner.Run("rules", "show").ExitCode);

        (long, long) Carried(string rule) => Assert.Single(hits, hit => hit.GetProperty("rule").GetString() == rule) is var hit
            ? (hit.GetProperty("packets").GetInt64(), hit.GetProperty("bytes").GetInt64())
            : default;

        long Hits(string rule) => Assert.Single(hits, hit => hit.GetProperty("rule").GetString() == rule).GetProperty("hits").GetInt64();
    }

    // What flows carry is counted in the background, and not anew for somebody who asks right after the last count.
    private async Task<JsonElement[]> HitsAfter(int packets)
    {
        long start = Environment.TickCount64;
        while (true)
        {
            JsonElement[] hits = [.. (await GetJson("/v1/rules/hits")).EnumerateArray()];
            if (hits.Single(hit => hit.GetProperty("rule").GetString() == "UserRule_allow-ssh").GetProperty("packets").GetInt64() >= packets) return hits;
            Assert.True(Environment.TickCount64 - start < 20_000, $"{packets} packets were not counted in time");
        }
    }

    [Fact]
    public async Task Metrics_are_in_Prometheus_format_and_health_is_told()
    {
        Open(40001);
        await HitsAfter(packets: 1);
        using HttpClient http = Http();
        string text = await http.GetStringAsync("/metrics");
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(lines, line => Assert.Matches(
            """^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.E+-]+)$""", line));
        Assert.Equal(lines.Length, lines.Distinct().Count());
        Assert.Contains("""firewall_packets_total{access="allow",reason="Rule"} 1""", lines);
        Assert.Contains("""firewall_queue_packets_total{queue="0",access="allow"} 1""", lines);
        Assert.Contains("""firewall_rule_hits_total{security_group="nsg",rule="UserRule_allow-ssh",direction="Inbound"} 1""", lines);
        Assert.Contains("firewall_rule_packets_total{security_group=\"nsg\",rule=\"UserRule_allow-ssh\",direction=\"Inbound\"} 1", lines);
        Assert.Contains("firewall_rule_bytes_total{security_group=\"nsg\",rule=\"UserRule_allow-ssh\",direction=\"Inbound\"} 40", lines);
        Assert.Contains("firewall_flows 1", lines);
        Assert.Contains("firewall_flows_by_state{protocol=\"Tcp\",state=\"SynSent\"} 1", lines);
        Assert.Contains("firewall_flows_by_state{protocol=\"Udp\",state=\"Replied\"} 0", lines);
        Assert.Contains("firewall_policy_version 1", lines);
        Assert.Contains("firewall_log_messages_lost_total 0", lines);
        Assert.Equal("ok", (await GetJson("/healthz")).GetProperty("status").GetString());
        Assert.Equal("ready", (await GetJson("/readyz")).GetProperty("status").GetString());
        Assert.Contains("""firewall_queue_batches_total{queue="0"} 1""", lines);

        // What the dashboard shows there must be.
        string[] told = [.. lines.Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(line => line.Split(' ')[2])];
        string dashboard = File.ReadAllText(Path.Combine(Tidy.SourceTree.Root, "docker", "grafana-dashboard.json"));
        string[] shown = [.. System.Text.RegularExpressions.Regex.Matches(dashboard, @"\b(firewall|process)_[a-z_]+\b").Select(match => match.Value).Distinct()];
        Assert.NotEmpty(shown);
        // Only a real TUN has this one.
        Assert.Empty(shown.Except([.. told, "firewall_tun_dropped_total"]));
    }

    [Fact]
    public async Task The_busiest_flows_are_those_that_carry_something_while_it_is_measured()
    {
        Open(40009);
        Open(40001);
        Task<JsonElement> top = GetJson("/v1/flows/top?limit=5");
        SendUntil(top);
        JsonElement busiest = Assert.Single((await top).EnumerateArray());
        Assert.Equal(40001, busiest.GetProperty("flow").GetProperty("sourcePort").GetInt32());
        Assert.True(busiest.GetProperty("packetsPerSecond").GetDouble() > 0);
        Assert.Equal(40 * busiest.GetProperty("packetsPerSecond").GetDouble(), busiest.GetProperty("bytesPerSecond").GetDouble(), 3.0);
        using HttpClient http = Http();
        foreach (string query in (string[])["seconds=0", "seconds=61", "limit=1001", "by=flows"])
            Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("/v1/flows/top?" + query)).StatusCode);
    }

    [Fact]
    public async Task Two_measure_their_busiest_flows_at_once_and_others_wait_for_their_turn()
    {
        long start = Environment.TickCount64;
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => GetJson("/v1/flows/top?seconds=1"))).WaitAsync(Guard);
        // A timer may come a little early.
        Assert.InRange(Environment.TickCount64 - start, 1_900, long.MaxValue);
    }

    [Fact]
    public async Task Top_shows_rates_busy_flows_rules_and_drops()
    {
        Task<CommandRunner> top = Task.Run(() => CommandRunner.Run("top", "--count", "1", "--socket", SocketPath));
        SendUntil(top);
        CommandRunner run = await top;
        Assert.Equal("", run.Error);
        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"flows +1 of 262,144 \(0\.0 %\), 0 assured; [\d,]+ new a second", run.Output);
        Assert.Matches(@"allowed +[1-9][\d,]* packets a second, [\d.]+ [kMG]?bit/s", run.Output);
        Assert.Matches(@"203\.0\.113\.5:40001 +│ 10\.0\.0\.4:22 +│ Tcp +│ UserRule_allow-ssh", run.Output);
        Assert.Contains("denied because", run.Output, StringComparison.Ordinal);
        Assert.Equal(2, CommandRunner.Run("top", "--interval", "0", "--socket", SocketPath).ExitCode);
    }

    [Fact]
    public async Task What_is_not_there_is_said()
    {
        using HttpClient http = Http();
        using HttpResponseMessage missing = await http.GetAsync("/v2");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        Assert.Contains("there is nothing at /v2; GET /openapi.json lists what there is", await missing.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await http.GetAsync("/v1/flows/kill")).StatusCode);
    }

    [Fact]
    public async Task The_socket_is_the_owners_alone_if_there_is_no_such_group_and_goes_with_the_appliance()
    {
        await GetJson("/v1/status");
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath));
        await _host.StopAsync();
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public async Task A_socket_that_a_killed_process_left_is_replaced()
    {
        await _host.StopAsync();
        using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            left.Bind(new UnixDomainSocketEndPoint(_folder["left.sock"]));
            File.Move(_folder["left.sock"], SocketPath);
        }

        CommandRunner dead = CommandRunner.Run("status", "--socket", SocketPath);
        Assert.Contains("nobody listens on", dead.Error, StringComparison.Ordinal);
        _host.Dispose();
        _host = await Start();
        await GetJson("/v1/status");
    }

    [Fact]
    public async Task A_socket_that_a_successor_has_put_there_stays()
    {
        await GetJson("/v1/status");
        File.Delete(SocketPath);
        using var successor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        successor.Bind(new UnixDomainSocketEndPoint(SocketPath)); // does not listen, so that it cannot be taken for ours
        await _host.StopAsync();
        Assert.True(File.Exists(SocketPath));
    }

    [Fact]
    public async Task Whoever_asks_is_told_who_he_is()
    {
        JsonElement caller = await GetJson("/v1/caller");
        Assert.Equal(("Operator", Environment.UserName), (caller.GetProperty("role").GetString(), caller.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task Rules_can_be_had_as_they_are_written()
    {
        JsonElement rules = (await GetJson("/v1/rules?asWritten=true")).GetProperty("value")[0].GetProperty("effectiveSecurityRules");
        JsonElement expanded = (await GetJson("/v1/rules")).GetProperty("value")[0].GetProperty("effectiveSecurityRules");
        Assert.Equal(expanded.EnumerateArray().Select(Name), rules.EnumerateArray().Select(Name));
        Assert.Contains(expanded.EnumerateArray(), rule => rule.TryGetProperty("expandedSourceAddressPrefix", out _));
        Assert.DoesNotContain(rules.EnumerateArray(), rule => rule.TryGetProperty("expandedSourceAddressPrefix", out _));

        static string Name(JsonElement rule) => rule.GetProperty("name").GetString()!;
    }

    private async Task<IHost> Start()
    {
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        var quick = new FileWatchTiming(TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100));
        IHost host = ApplianceHost.Create(loader, loader.Load(), _ => _platform, new StartMode(false), quick);
        await host.StartAsync();
        return host;
    }

    [Fact]
    public async Task Denied_packets_are_shown_as_they_happen_and_the_last_ones_can_be_saved()
    {
        byte[] syn = PacketBuilder.Tcp("203.0.113.5:40003", "10.0.0.4:23", TcpFlags.Syn);
        using HttpClient http = Http();
        using var lines = new StreamReader(await http.GetStreamAsync("/v1/drops/follow?reason=rule"));
        _platform.Device.Send(PacketBuilder.Tcp("203.0.113.5:40003", "10.0.0.4:22", TcpFlags.Ack));
        _platform.Device.Send(syn);
        JsonElement drop = JsonDocument.Parse((await lines.ReadLineAsync().WaitAsync(Guard))!).RootElement;
        Assert.Equal("Tcp 203.0.113.5:40003 -> 10.0.0.4:23 [S]", drop.GetProperty("summary").GetString());
        Assert.Equal(("Rule", "DefaultRule_DenyAllInBound", 23), (drop.GetProperty("reason").GetString(), drop.GetProperty("rule").GetString(), drop.GetProperty("destinationPort").GetInt32()));

        CommandRunner save = CommandRunner.Run("drops", "save", "--socket", SocketPath, _folder["drops.pcapng"]);
        Assert.Equal((0, $"{_folder["drops.pcapng"]}: 2 denied packets\n", ""), (save.ExitCode, save.Output, save.Error));
        CommandRunner nowhere = CommandRunner.Run("drops", "save", "--socket", SocketPath, _folder["no-such-folder/drops.pcapng"]);
        Assert.Equal(1, nowhere.ExitCode);
        Assert.StartsWith($"firewall: {_folder["no-such-folder/drops.pcapng"]} cannot be written (", nowhere.Error, StringComparison.Ordinal);
        Assert.Contains("name a file in a folder that exists", nowhere.Error, StringComparison.Ordinal);
        byte[] capture = await File.ReadAllBytesAsync(_folder["drops.pcapng"]);
        Assert.True(capture.AsSpan().IndexOf(syn) > 0);
        Assert.Contains("Denied Inbound by DefaultRule_DenyAllInBound of nsg", Encoding.Latin1.GetString(capture), StringComparison.Ordinal);
        Assert.Contains("Denied Inbound (NoFlow)", Encoding.Latin1.GetString(capture), StringComparison.Ordinal);
    }

    private void Open(ushort port)
    {
        byte[] syn = PacketBuilder.Tcp($"203.0.113.5:{port}", "10.0.0.4:22", TcpFlags.Syn);
        _platform.Device.Send(syn);
        Assert.Equal(syn, _platform.Device.Passed());
    }

    // The socket comes a moment after the appliance is ready.
    private HttpClient Http() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            using var patience = new CancellationTokenSource(Guard);
            while (true)
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch (SocketException) when (!patience.IsCancellationRequested)
                {
                    socket.Dispose();
                    await Task.Yield();
                }
            }
        },
    })
    {
        BaseAddress = new Uri("http://firewall"),
    };

    // Packets of one flow while it is measured.
    private void SendUntil(Task measured)
    {
        using var patience = new CancellationTokenSource(Guard);
        while (!measured.IsCompleted)
        {
            patience.Token.ThrowIfCancellationRequested();
            Open(40001);
        }
    }

    private async Task<JsonElement> GetJson(string path)
    {
        using HttpClient http = Http();
        return JsonDocument.Parse(Encoding.UTF8.GetString(await http.GetByteArrayAsync(path))).RootElement;
    }
}
