using System.Collections;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Firewall.Admin;
using Firewall.Admin.Remote;
using Firewall.Commands.Activity;
using Firewall.Commands.Running;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Core.Packets;
using Firewall.Hosting;
using Firewall.Tests.Packets;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>The admin API by TCP: who gets in, and what he may do there; and that nobody keeps others out.</summary>
public sealed class AdminTcpTests : IAsyncLifetime
{
    private const string OperatorToken = "operator-0123456789abcdef0123456789abcdef";
    private const string ReaderToken = "reader-0123456789abcdef0123456789abcdef";
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(20);

    private readonly TempFolder _folder = new();
    private readonly TestPlatform _platform = new();
    private readonly CancellationTokenSource _patience = new(Guard);
    private readonly int _port = FreePort.Next();
    private IHost? _host;

    public ValueTask InitializeAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "files with a mode");
        _folder.Write("rules.json", SampleFiles.Allow());
        _folder.Write("jit.json", """
            { "name": "default", "virtualMachines": [ { "id": "vm-web1", "privateIpAddress": "10.0.0.4", "ports": [
              { "number": 22, "protocol": "TCP", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H" } ] } ] }
            """);
        WriteSecret("operator.token", OperatorToken + "\n");
        WriteSecret("reader.token", ReaderToken);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.StopAsync();
        _host?.Dispose();
        _patience.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer")]
    [InlineData("Bearer wrong")]
    [InlineData("Bearer " + OperatorToken + "x")]
    [InlineData("Basic " + OperatorToken)]
    [InlineData(OperatorToken)]
    public async Task Without_a_token_nobody_gets_in(string? authorization)
    {
        await Start();
        using HttpClient http = Http(null);
        if (authorization is not null) http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        foreach (AdminRoute route in new AdminApi(null!).Routes.Append(new AdminRoute("GET", "/nowhere", AdminRole.Reader, null!)))
        {
            using HttpResponseMessage response = await http.SendAsync(new HttpRequestMessage(new HttpMethod(route.Method), route.Path));
            Assert.Equal((route.Path, HttpStatusCode.Unauthorized), (route.Path, response.StatusCode));
            Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
        }
    }

    [Fact]
    public async Task Readers_look_and_operators_act()
    {
        await Start();
        using HttpClient reader = Http(ReaderToken);
        using HttpClient @operator = Http(OperatorToken);
        foreach (AdminRoute route in new AdminApi(null!).Routes.Where(route => route.Needs == AdminRole.Operator))
        {
            using HttpResponseMessage refused = await reader.PostAsync(route.Path, null);
            Assert.Equal((route.Path, HttpStatusCode.Forbidden), (route.Path, refused.StatusCode));
            Assert.Contains($"POST {route.Path} needs the role Operator, but you have the role Reader", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        foreach (string path in (string[])["/v1/status", "/v1/rules", "/v1/rules/hits", "/v1/flows", "/v1/jit/policies", "/v1/jit/requests", "/v1/activity", "/metrics", "/healthz", "/openapi.json"])
            Assert.Equal((path, HttpStatusCode.OK), (path, (await reader.GetAsync(path)).StatusCode));
        Assert.Equal("Reader", (await Json(reader, "/v1/caller")).GetProperty("role").GetString());
        Assert.Equal("operator-token", (await Json(@operator, "/v1/caller")).GetProperty("name").GetString());

        using HttpResponseMessage granted = await @operator.PostAsync("/v1/jit/initiate?vm=vm-web1&port=22&source=203.0.113.5&duration=1h&justification=%3Cb%3E", null);
        Assert.Equal(HttpStatusCode.OK, granted.StatusCode);
        using HttpResponseMessage escapes = await @operator.PostAsync("/v1/jit/initiate?vm=vm-web1&port=22&source=%1B%5B31m&justification=a%0Ab", null);
        Assert.Equal(HttpStatusCode.BadRequest, escapes.StatusCode);
        Assert.Equal(
            ["source is ' [31m', but must be text in one line, without control characters", "justification is 'a b', but must be text in one line, without control characters"],
            JsonDocument.Parse(await escapes.Content.ReadAsStringAsync()).RootElement.GetProperty("errors").EnumerateArray().Select(error => error.GetString()!));
        JsonElement newest = (await Json(reader, "/v1/activity?limit=1")).GetProperty("value")[0];
        Assert.Equal(("operator-token", "127.0.0.1"), (newest.GetProperty("caller").GetString(), newest.GetProperty("claims").GetProperty("ipaddr").GetString()));
        Assert.Equal("<b>", newest.GetProperty("properties").GetProperty("after").GetProperty("justification").GetString());
        Assert.Equal("vm-web1", (await Json(reader, "/v1/jit/policies")).GetProperty("value")[0].GetProperty("properties").GetProperty("virtualMachines")[0].GetProperty("id").GetString());
        Assert.DoesNotContain("0123456789abcdef0123456789abcdef", await File.ReadAllTextAsync(_folder["activity.jsonl"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_under_a_foreign_name_is_refused()
    {
        await Start("\"Page\": true, \"HostNames\": [\"fw.example.net\"]");
        using HttpClient http = Http(OperatorToken);
        foreach ((string host, HttpStatusCode expected) in ((string, HttpStatusCode)[])
            [("attacker.example", HttpStatusCode.MisdirectedRequest), ("localhost.attacker.example:80", HttpStatusCode.MisdirectedRequest),
             ("fw.example.net", HttpStatusCode.OK), ("FW.example.net:443", HttpStatusCode.OK), ("localhost:1", HttpStatusCode.OK), ("[::1]", HttpStatusCode.OK)])
        {
            foreach (string path in (string[])["/", "/v1/status"])
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
                using HttpResponseMessage response = await http.SendAsync(request);
                Assert.Equal((host, expected), (host, response.StatusCode));
                Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
            }
        }
    }

    [Fact]
    public async Task Answers_are_as_the_document_describes_them()
    {
        await Start();
        using HttpClient http = Http(OperatorToken);
        (await http.PostAsync("/v1/jit/initiate?vm=vm-web1&port=22&source=203.0.113.5&duration=1h", null)).EnsureSuccessStatusCode();
        (await http.PostAsync("/v1/flows/kill?source=192.0.2.1", null)).EnsureSuccessStatusCode();
        byte[] syn = PacketBuilder.Tcp("203.0.113.5:40001", "10.0.0.4:22", TcpFlags.Syn);
        _platform.Device.Send(syn);
        Assert.Equal(syn, _platform.Device.Passed());
        var document = new OpenApiDocument();
        foreach (string path in (string[])["/v1/caller", "/v1/status", "/v1/rules", "/v1/rules/hits", "/v1/flows", "/v1/activity", "/v1/jit/policies", "/v1/jit/requests"])
        {
            JsonElement answer = await Json(http, path);
            Assert.Empty(document.Judge(path, answer));
            if (path is not ("/v1/caller" or "/v1/status"))
                Assert.NotEqual(0, (answer.ValueKind == JsonValueKind.Array ? answer : answer.GetProperty("value")).GetArrayLength());
        }

        Assert.Empty(document.Judge("/v1/rules", await Json(http, "/v1/rules?asWritten=true")));
    }

    [Fact]
    public async Task Who_is_sent_away_is_counted_by_the_reason()
    {
        await Start();
        using HttpClient nobody = Http(null);
        using HttpClient reader = Http(ReaderToken);
        for (int i = 0; i < 3; i++) (await nobody.GetAsync("/v1/status")).Dispose();
        for (int i = 0; i < 2; i++) (await reader.PostAsync("/v1/flows/kill?all=true", null)).Dispose();
        using var foreign = new HttpRequestMessage(HttpMethod.Get, "/v1/status") { Headers = { Host = "attacker.example" } };
        (await reader.SendAsync(foreign)).Dispose();
        // What is wrong with a request says nothing of who asked.
        (await reader.GetAsync("/v1/flows?port=x")).Dispose();
        (await reader.GetAsync("/v2")).Dispose();
        string[] told = [.. (await reader.GetStringAsync("/metrics")).Split('\n').Where(line => line.StartsWith("firewall_admin_requests_refused_total{", StringComparison.Ordinal))];
        Assert.Equal(
            [("caller", 0), ("connections", 0), ("host", 1), ("token", 3), ("role", 2)],
            told.Select(line => line.Split('"', '}', ' ')).Select(words => (words[1], int.Parse(words[^1], CultureInfo.InvariantCulture))));
    }

    [Fact]
    public async Task The_page_is_there_only_if_it_is_asked_for()
    {
        await Start();
        using HttpClient http = Http(null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/")).StatusCode);
    }

    [Fact]
    public async Task The_page_may_load_nothing_but_its_own_files_and_has_no_script_in_it()
    {
        await Start("\"Page\": true");
        using HttpClient http = Http(null);
        using HttpResponseMessage page = await http.GetAsync("/");
        string policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.StartsWith("default-src 'none'; script-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        string html = await page.Content.ReadAsStringAsync();
        string[] files = [.. System.Text.RegularExpressions.Regex.Matches(html, "(?:src|href)=\"([^\"#]+)\"").Select(match => match.Groups[1].Value)];
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            using HttpResponseMessage response = await http.GetAsync("/" + file);
            Assert.Equal((file, HttpStatusCode.OK), (file, response.StatusCode));
            using var again = new HttpRequestMessage(HttpMethod.Get, "/" + file) { Headers = { IfNoneMatch = { response.Headers.ETag! } } };
            Assert.Equal(HttpStatusCode.NotModified, (await http.SendAsync(again)).StatusCode);
        }

        Assert.DoesNotMatch("<script(?![^>]* src=)|<style| style=| on[a-z]+=", html);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/page/nothing.js")).StatusCode);
    }

    [Fact]
    public async Task A_body_is_not_read_however_long_it_is_said_to_be()
    {
        await Start();
        using HttpClient http = Http(OperatorToken);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await http.PostAsync("/v1/flows/kill?all=true", new StringContent("x"))).StatusCode);
        using Socket socket = await Connect();
        string head = $"POST /v1/flows/kill?all=true HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OperatorToken}\r\nContent-Length: 9000000000\r\n\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(head));
        string answer = await ReadToEnd(socket);
        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_comes_and_says_nothing_keeps_nobody_out_for_long()
    {
        await Start();
        var idlers = new List<Socket>();
        try
        {
            for (int i = 0; i < 64; i++)
            {
                Socket idler = await Connect();
                idlers.Add(idler);
                await idler.SendAsync("GET /v1/status HTTP/1.1\r\nHost: "u8.ToArray());
            }

            // The socket has connections of its own.
            Assert.Equal(0, CommandRunner.Run("status", "--socket", _folder["admin.sock"]).ExitCode);
            // And those who say nothing are sent away in time.
            Assert.StartsWith("HTTP/1.1 408 ", await ReadToEnd(idlers[0]), StringComparison.Ordinal);
            await ReadToEnd(idlers[^1]);
            using HttpClient http = Http(ReaderToken);
            Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/status")).StatusCode);
        }
        finally
        {
            foreach (Socket idler in idlers) idler.Dispose();
        }
    }

    [Fact]
    public async Task Who_has_a_token_gets_in_beside_any_number_of_those_who_have_none()
    {
        await Start();
        var idlers = new List<Socket>();
        try
        {
            for (int i = 0; i < 3 * TcpPlaces.MostOfStrangers; i++)
            {
                idlers.Add(await Connect());
                // Before one of the idlers is sent away because he says nothing.
                if (i % TcpPlaces.MostOfStrangers != TcpPlaces.MostOfStrangers - 1) continue;
                using HttpClient http = Http(ReaderToken);
                Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/status")).StatusCode);
            }
        }
        finally
        {
            foreach (Socket idler in idlers) idler.Dispose();
        }
    }

    [Fact]
    public async Task Of_who_follows_and_is_gone_without_a_word_the_kernel_tells()
    {
        await Start();
        using Socket follower = await Connect();
        await follower.SendAsync(Encoding.ASCII.GetBytes($"GET /v1/drops/follow HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ReaderToken}\r\n\r\n"));
        Assert.True(await follower.ReceiveAsync(new byte[4096], SocketFlags.None, _patience.Token) > 0);
        // "sl local_address rem_address st tx_queue:rx_queue tr:tm->when …": timer 2 is that of keepalive, when is in hundredths of a second.
        string[] words = (await File.ReadAllLinesAsync("/proc/net/tcp")).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Single(line => line[1].EndsWith($":{_port:X4}", StringComparison.Ordinal) && line[2].EndsWith($":{((IPEndPoint)follower.LocalEndPoint!).Port:X4}", StringComparison.Ordinal));
        string[] timer = words[5].Split(':');
        Assert.Equal("02", timer[0]);
        Assert.InRange(int.Parse(timer[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture), 0, 1_500);
    }

    [Fact]
    public async Task Readers_who_leave_connections_open_keep_no_operator_out()
    {
        await Start();
        using HttpClient reader = Http(ReaderToken);
        using HttpClient @operator = Http(OperatorToken);
        var followers = new List<Stream>();
        for (int i = 0; i < TcpPlaces.MostOfRole; i++) followers.Add(await reader.GetStreamAsync("/v1/drops/follow"));
        using HttpResponseMessage refused = await reader.GetAsync("/v1/status");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Contains("all 32 connections for the role Reader are in use", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("firewall_admin_requests_refused_total{reason=\"connections\"} 1\n", await @operator.GetStringAsync("/metrics"), StringComparison.Ordinal);
        foreach (Stream follower in followers) await follower.DisposeAsync();
        while ((await reader.GetAsync("/v1/status")).StatusCode != HttpStatusCode.OK) await Task.Delay(10, _patience.Token);
    }

    [Fact]
    public void Of_strangers_the_one_makes_room_who_waited_longest_of_the_address_that_sends_most()
    {
        var places = new TcpPlaces();
        var gone = new List<string>();
        Enter("first", "192.0.2.1");
        for (int i = 1; i < TcpPlaces.MostOfStrangers; i++) Enter($"{i}", "192.0.2.2");
        Assert.Empty(gone);
        TcpPlace known = Enter("next", "192.0.2.3");
        Assert.Equal(["1"], gone);
        known.Become(AdminRole.Reader);
        Enter("another", "192.0.2.2");
        Assert.Equal(["1"], gone);
        known.Become(AdminRole.Operator);
        known.Dispose();
        Enter("yet another", "192.0.2.2");
        Assert.Equal(["1", "2"], gone);

        TcpPlace Enter(string name, string address) => places.Enter(IPAddress.Parse(address), () => gone.Add(name));
    }

    [Fact]
    public async Task A_port_that_a_predecessor_still_holds_is_taken_when_it_is_free()
    {
        using (var predecessor = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            predecessor.Bind(new IPEndPoint(IPAddress.Loopback, _port));
            predecessor.Listen();
            await StartHost("");
            while (CommandRunner.Run("status", "--socket", _folder["admin.sock"]).ExitCode != 0) await Task.Delay(10, _patience.Token);
        }

        await FreePort.ListensAsync(_port, _patience.Token);
        using HttpClient http = Http(ReaderToken);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/status")).StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task By_TLS_the_command_line_gets_in_and_trusts_what_it_is_told_to(bool isPfx)
    {
        WriteCertificate();
        await Start(isPfx ? "\"Certificate\": \"tls.pfx\"" : "\"Certificate\": \"tls.pem\", \"CertificateKey\": \"tls.key\"");
        string url = $"https://127.0.0.1:{_port}";
        CommandRunner trusting = CommandRunner.Run("status", "--admin", url, "--token-file", _folder["reader.token"], "--ca", _folder["tls.pem"], "--format", "json");
        Assert.Equal((0, ""), (trusting.ExitCode, trusting.Error));
        Assert.Equal("Gateway", JsonDocument.Parse(trusting.Output).RootElement.GetProperty("mode").GetString());
        CommandRunner doubting = CommandRunner.Run("status", "--admin", url, "--token-file", _folder["reader.token"]);
        Assert.Equal(1, doubting.ExitCode);
        Assert.Contains("certificate", doubting.Error, StringComparison.Ordinal);
        CommandRunner plain = CommandRunner.Run("status", "--admin", $"http://127.0.0.1:{_port}", "--token-file", _folder["reader.token"]);
        Assert.Equal(1, plain.ExitCode);
    }

    [Fact]
    public async Task A_renewed_certificate_and_new_tokens_are_in_force_without_a_restart()
    {
        WriteCertificate();
        await Start("\"Certificate\": \"tls.pem\", \"CertificateKey\": \"tls.key\"");
        string first = File.ReadAllText(_folder["tls.pem"]);
        Assert.Equal(0, Status(ReaderToken).ExitCode);

        const string Newer = "newer-0123456789abcdef0123456789abcdef0123";
        WriteCertificate();
        WriteSecret("reader.token", Newer);
        while (Status(Newer).ExitCode != 0) await Task.Delay(10, _patience.Token);
        Assert.Equal((1, true), (Status(ReaderToken).ExitCode, Status(ReaderToken).Error.Contains("this needs a token", StringComparison.Ordinal)));
        await File.WriteAllTextAsync(_folder["old.pem"], first);
        Assert.Equal(1, Status(Newer, "old.pem").ExitCode);

        CommandRunner Status(string token, string authority = "tls.pem")
        {
            WriteSecret("shown.token", token);
            return CommandRunner.Run("status", "--admin", $"https://127.0.0.1:{_port}", "--token-file", _folder["shown.token"], "--ca", _folder[authority]);
        }
    }

    [Fact]
    public async Task The_command_line_shows_its_token_to_nobody_else()
    {
        await Start();
        string url = $"http://localhost:{_port}";
        Assert.Equal(0, CommandRunner.Run("status", "--admin", url, "--token-file", _folder["reader.token"]).ExitCode);
        CommandRunner refused = CommandRunner.Run("flows", "kill", "--all", "--admin", url, "--token-file", _folder["reader.token"]);
        Assert.Equal((1, "firewall: POST /v1/flows/kill needs the role Operator, but you have the role Reader\n"), (refused.ExitCode, refused.Error));
        IsRefused("must begin with https", "--admin", "http://192.0.2.1:9478", "--token-file", _folder["reader.token"]);
        IsRefused("must be http or https", "--admin", "localhost:9478", "--token-file", _folder["reader.token"]);
        IsRefused("needs --token-file", "--admin", url);
        IsRefused("belong to --admin", "--token-file", _folder["reader.token"]);
        IsRefused("give one of them", "--admin", url, "--token-file", _folder["reader.token"], "--socket", _folder["admin.sock"]);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder["reader.token"], UnixFileMode.UserRead | UnixFileMode.OtherRead);
        IsRefused("chmod 600", "--admin", url, "--token-file", _folder["reader.token"]);

        static void IsRefused(string why, params string[] options)
        {
            CommandRunner run = CommandRunner.Run(["status", .. options]);
            Assert.Equal(2, run.ExitCode);
            Assert.Contains(why, run.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_activity_log_is_listed_and_followed_from_afar()
    {
        await Start();
        string[] there = ["--admin", $"http://localhost:{_port}", "--token-file", _folder["reader.token"]];
        string[] before = Lines(CommandRunner.Run(["activity", "list", "--format", "json", .. there]));
        Assert.Equal(await File.ReadAllLinesAsync(_folder["activity.jsonl"]), before);
        Assert.Equal(before[^1..], Lines(CommandRunner.Run(["activity", "list", "--limit", "1", "--format", "json", "--socket", _folder["admin.sock"]])));
        CommandRunner two = CommandRunner.Run(["activity", "list", "--file", _folder["activity.jsonl"], .. there]);
        Assert.Equal((2, "firewall: --config and --file name a log on this machine, --socket and --admin an appliance; give one of them\n"), (two.ExitCode, two.Error));

        using var client = new AdminClient(new Uri($"http://localhost:{_port}"), ReaderToken, null);
        var remote = new RemoteActivity(client);
        Assert.Empty(remote.New());
        using HttpClient @operator = Http(OperatorToken);
        for (int i = 0; i < 120; i++) (await @operator.PostAsync($"/v1/flows/kill?source=192.0.2.{i}", null)).EnsureSuccessStatusCode();
        string[] after = await File.ReadAllLinesAsync(_folder["activity.jsonl"]);
        Assert.Equal(120, after.Length - before.Length);
        Assert.Equal(after[before.Length..], remote.New());
        Assert.Empty(remote.New());

        static string[] Lines(CommandRunner run) => run.ExitCode == 0 ? run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries) : [run.Error];
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1001")]
    [InlineData("many")]
    public async Task So_many_entries_as_cannot_be_are_refused_of_the_file_and_of_an_appliance_alike(string limit)
    {
        await Start();
        foreach (string[] where in (string[][])[["--file", _folder["activity.jsonl"]], ["--socket", _folder["admin.sock"]]])
        {
            CommandRunner run = CommandRunner.Run(["activity", "list", $"--limit={limit}", .. where]);
            Assert.Equal((2, $"firewall: --limit is '{limit}', but must be a whole number from 1 to 1000\n"), (run.ExitCode, run.Error));
        }
    }

    [Fact]
    public async Task An_appliance_that_is_started_anew_is_followed_further()
    {
        await Start();
        using var client = new AdminClient(_folder["admin.sock"]);
        var remote = new RemoteActivity(client);
        List<string> told = [];
        while (CommandRunner.Run("status", "--socket", _folder["admin.sock"]).ExitCode != 0) await Task.Delay(10, _patience.Token);
        Assert.Empty(remote.NewIfThere(told.Add));
        int before = (await File.ReadAllLinesAsync(_folder["activity.jsonl"])).Length;
        await _host!.StopAsync();
        _host.Dispose();
        Assert.Empty(remote.NewIfThere(told.Add));
        Assert.Empty(remote.NewIfThere(told.Add));
        Assert.Equal([$"there is no socket {_folder["admin.sock"]}; is the appliance running, and with an admin socket?; trying again"], told);
        await Start();
        IReadOnlyList<string> entries = [];
        while ((entries = remote.NewIfThere(told.Add)).Count == 0) await Task.Delay(10, _patience.Token);
        Assert.Equal((await File.ReadAllLinesAsync(_folder["activity.jsonl"]))[before..], entries);
        Assert.Equal("the appliance answers again", told[^1]);
        Assert.Equal(2, told.Count);

        // Somebody who never was there is a mistake.
        using var nobody = new AdminClient(_folder["other.sock"]);
        Assert.Throws<ApplianceException>(() => new RemoteActivity(nobody).NewIfThere(told.Add));
    }

    private async Task Start(string more = "")
    {
        await StartHost(more);
        await FreePort.ListensAsync(_port, _patience.Token);
    }

    private async Task StartHost(string more)
    {
        _folder.Write("firewall.json", $$"""
            {
              "Firewall": {
                "Rules": "rules.json", "Interfaces": ["eth0"],
                "Admin": {
                  "Socket": "admin.sock", "Group": "no-such-group",
                  "Tcp": {
                    "Listen": "127.0.0.1:{{_port.ToString(CultureInfo.InvariantCulture)}}",
                    "OperatorTokenFile": "operator.token", "ReaderTokenFile": "reader.token"{{(more.Length == 0 ? "" : ", ")}}{{more}}
                  }
                },
                "ActivityLog": { "File": "activity.jsonl" },
                "JustInTime": { "Policies": "jit.json", "State": "jit-state.json" },
                "Logging": { "LogLevel": { "Default": "None" } }
              }
            }
            """);
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        var quick = new FileWatchTiming(TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(100));
        _host = ApplianceHost.Create(loader, loader.Load(), _ => _platform, new StartMode(false), quick);
        await _host.StartAsync();
    }

    // One for this machine, as PEM with its key beside it and as PFX.
    private void WriteCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=firewall", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        _folder.Write("tls.pem", certificate.ExportCertificatePem());
        WriteSecret("tls.key", key.ExportPkcs8PrivateKeyPem());
        WriteSecret("tls.pfx", "");
        File.WriteAllBytes(_folder["tls.pfx"], certificate.Export(X509ContentType.Pfx));
    }

    private void WriteSecret(string name, string text)
    {
        _folder.Write(name, text);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_folder[name], UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private HttpClient Http(string? token)
    {
        var http = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_port}")), Timeout = Guard };
        if (token is not null) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return http;
    }

    private async Task<Socket> Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, _port, _patience.Token);
        return socket;
    }

    private async Task<string> ReadToEnd(Socket socket)
    {
        var text = new StringBuilder();
        byte[] bytes = new byte[4096];
        try
        {
            for (int read; (read = await socket.ReceiveAsync(bytes, SocketFlags.None, _patience.Token)) > 0;) text.Append(Encoding.ASCII.GetString(bytes, 0, read));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // What had not been read was thrown away with the connection.
        }

        return text.ToString();
    }

    private static async Task<JsonElement> Json(HttpClient http, string path) => JsonDocument.Parse(await http.GetStringAsync(path)).RootElement;
}
