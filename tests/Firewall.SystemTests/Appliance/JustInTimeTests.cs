using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>A closed SSH port opens for who asks, for a time; sessions outlive it, or end with it where the policy says so.</summary>
public sealed class JustInTimeTests
{
    [Fact]
    public void Access_opens_and_expires_and_the_session_goes_on()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        lab.WriteJitPolicies(terminateOnExpiry: false);
        using RunningAppliance appliance = Start(lab);
        sshd.TimesOut(lab.Client, Lab.VmV4);

        Assert.StartsWith("vm-web1 port 22 is open from 203.0.113.5/32 until ", Request(lab, "6s"), StringComparison.Ordinal);
        using Process session = sshd.StartSession(lab.Client, Lab.VmV4);
        Assert.Equal("begin", SshServer.Say(session, "begin"));
        JsonElement request = Assert.Single(JsonDocument.Parse(Firewall(lab, "jit", "list", "--format", "json")).RootElement.EnumerateArray());
        Assert.Equal("root", request.GetProperty("requestor").GetString());

        Wait.Until(() => Firewall(lab, "jit", "list", "--format", "json").Trim() == "[]", "the access does not expire");
        sshd.TimesOut(lab.Client, Lab.VmV4);
        Assert.Equal("still here", SshServer.Say(session, "still here"));
        session.Kill();

        string[] operations = [.. File.ReadLines(lab.Files["activity.jsonl"])
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("operationName").GetProperty("value").GetString()!)];
        Assert.Contains("Microsoft.Security/locations/jitNetworkAccessPolicies/initiate/action", operations);
        Assert.Contains("Microsoft.Network/networkSecurityGroups/write", operations);
        Assert.Contains("Firewall/jitNetworkAccessPolicies/expire/action", operations);
        Assert.Contains("Initiate JIT Network Access Policy", Firewall(lab, "activity", "list", "--file", lab.Files["activity.jsonl"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_the_policy_says_so_the_session_ends_with_the_access()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        lab.WriteJitPolicies(terminateOnExpiry: true);
        using RunningAppliance appliance = Start(lab);
        Request(lab, "1h");
        using Process session = sshd.StartSession(lab.Client, Lab.VmV4);
        Assert.Equal("begin", SshServer.Say(session, "begin"));
        Request(lab, "2h"); // a newer one for the same: the session is still one that this access let in
        string id = JsonDocument.Parse(Firewall(lab, "jit", "list", "--format", "json")).RootElement[0].GetProperty("id").GetString()!;
        Assert.Equal("vm-web1 port 22 is closed again for 203.0.113.5/32\n", Firewall(lab, "jit", "revoke", id));
        Assert.True(session.WaitForExit(TimeSpan.FromSeconds(10)), "the session goes on");
        appliance.WaitForLog("1 connections ended");
        Wait.Until(() => CorrelationsOf("Firewall/flows/kill/action").Any(), "the end of the flow is not written down");
        string revoked = Assert.Single(CorrelationsOf("Firewall/jitNetworkAccessPolicies/revoke/action"));
        Assert.Equal(revoked, Assert.Single(CorrelationsOf("Firewall/flows/kill/action")));
        Assert.Contains(revoked, CorrelationsOf("Microsoft.Network/networkSecurityGroups/write"));

        IEnumerable<string> CorrelationsOf(string operation) => File.ReadLines(lab.Files["activity.jsonl"])
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Where(entry => entry.GetProperty("operationName").GetProperty("value").GetString() == operation)
            .Select(entry => entry.GetProperty("correlationId").GetString()!);
    }

    [Fact]
    public void A_request_survives_a_kill_and_ends_in_time_also_when_nobody_was_there()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        lab.WriteJitPolicies(terminateOnExpiry: false);
        using (RunningAppliance first = Start(lab))
        {
            Request(lab, "1h");
            sshd.Connects(lab.Client, Lab.VmV4);
            first.Kill();
        }

        using (RunningAppliance second = Start(lab))
        {
            sshd.Connects(lab.Client, Lab.VmV4);
            Request(lab, "2s"); // a newer one for the same takes its place
            second.Kill();
        }

        Thread.Sleep(2_000); // the time that is granted, with nobody there to count it
        using RunningAppliance third = Start(lab);
        sshd.TimesOut(lab.Client, Lab.VmV4);
    }

    [Fact]
    public async Task What_is_granted_while_a_successor_starts_is_open_after_the_upgrade_and_can_be_revoked()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        lab.WriteJitPolicies(terminateOnExpiry: false);
        using RunningAppliance first = Start(lab);
        string policies = lab.Files["policies"];
        Shell.Run("mkfifo", policies);
        Task<RunningAppliance> following = Task.Run(() => RunningAppliance.Follow(lab.Gateway, lab.Configuration(), "env", $"FIREWALL__JUSTINTIME__POLICIES={policies}"));
        // Who waits for the policies has read what was granted.
        using (FileStream pipe = await Task.Run(() => new FileStream(policies, FileMode.Open, FileAccess.Write)).WaitAsync(TimeSpan.FromSeconds(20)))
        {
            Request(lab, "1h");
            sshd.Connects(lab.Client, Lab.VmV4);
            File.Copy(lab.Files["jit.json"], lab.Files["policies.new"]);
            File.Move(lab.Files["policies.new"], policies, overwrite: true);
            pipe.Write(File.ReadAllBytes(policies));
        }

        using RunningAppliance second = await following;
        Assert.Equal(0, first.WaitForEnd());
        second.WaitForLog("Admin socket ");
        sshd.Connects(lab.Client, Lab.VmV4);
        string id = JsonDocument.Parse(Firewall(lab, "jit", "list", "--format", "json")).RootElement[0].GetProperty("id").GetString()!;
        Firewall(lab, "jit", "revoke", id);
        sshd.TimesOut(lab.Client, Lab.VmV4);
    }

    [Fact]
    public void Who_hands_over_grants_nothing_any_more_until_the_successor_turns_out_to_be_gone()
    {
        using var lab = new Lab();
        lab.WriteJitPolicies(terminateOnExpiry: false);
        using RunningAppliance appliance = Start(lab);
        using (var successor = new FalseSuccessor(lab))
        {
            successor.Ask("pause");
            (int code, string said) = lab.Gateway.Try(RunningAppliance.Executable, "jit", "request", "--vm", "vm-web1", "--port", "22", "--source", Lab.ClientV4);
            Assert.Equal(2, code);
            Assert.Contains("an upgrade is under way", said, StringComparison.Ordinal);
        }

        appliance.WaitForLog("The successor is gone");
        Assert.StartsWith("vm-web1 port 22 is open from 203.0.113.5/32 until ", Request(lab, "1h"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_no_policy_allows_is_refused_with_the_reason()
    {
        using var lab = new Lab();
        lab.WriteJitPolicies(terminateOnExpiry: false);
        using RunningAppliance appliance = Start(lab);
        (int code, string said) = lab.Gateway.Try(RunningAppliance.Executable, "jit", "request", "--vm", "vm-web1", "--port", "23", "--source", "203.0.113.5");
        Assert.Equal(2, code);
        Assert.Contains("policy default does not allow to ask for port 23 of vm-web1; it has: 22", said, StringComparison.Ordinal);
        (code, said) = lab.Gateway.Try(RunningAppliance.Executable, "jit", "request", "--vm", "vm-web1", "--port", "22", "--source", "203.0.113.5", "--duration", "4h");
        Assert.Equal(2, code);
        Assert.Contains("allows at most 3:00:00", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Thousands_of_requests_at_once_cost_no_packet_and_the_last_one_is_served_as_the_first()
    {
        const int Requests = 3_000; // ten thousand take three minutes and end the same
        const int Sources = 600; // more than may be in force
        const int AtOnce = 16;
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        lab.WriteJitPolicies(terminateOnExpiry: false);
        using RunningAppliance appliance = Start(lab, Nsg.AllowService);
        using HttpClient http = Http(appliance.WaitForLog("Admin socket ").Split(' ').Last(word => word.StartsWith('/')));
        int granted = 0;
        int refused = 0;
        using (var datagrams = new NumberedDatagrams(lab, 5000, 5_000))
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, Requests), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, stop) =>
            {
                using HttpResponseMessage answer = await http.PostAsync(
                    $"/v1/jit/initiate?vm=vm-web1&port=22&source=198.18.{i % Sources / 256}.{i % Sources % 256}&duration=1h&justification=ticket%20{i}", null, stop);
                string said = await answer.Content.ReadAsStringAsync(stop);
                if (answer.IsSuccessStatusCode) Interlocked.Increment(ref granted);
                else Assert.Contains("500 requests are in force, more are not possible", said, StringComparison.Ordinal);
                if (!answer.IsSuccessStatusCode) Interlocked.Increment(ref refused);
            });
            // Each compiles a policy; what that leaves behind is collected at 200 MB (decision 18).
            Assert.InRange(appliance.ResidentMemory(), 0, 400 << 20);
            Assert.Empty(datagrams.End().Lost);
        }

        // Who had been in time may ask again; the others are refused each time.
        Assert.Equal((Requests * 500 / Sources, Requests - (Requests * 500 / Sources)), (granted, refused));
        JsonElement.ArrayEnumerator active = JsonDocument.Parse(Firewall(lab, "jit", "list", "--format", "json")).RootElement.EnumerateArray();
        Assert.Equal(500, active.Count());
        sshd.TimesOut(lab.Client, Lab.VmV4);
        Firewall(lab, "jit", "revoke", active.First().GetProperty("id").GetString()!);
        Request(lab, "1h");
        sshd.Connects(lab.Client, Lab.VmV4);
    }

    private static RunningAppliance Start(Lab lab, params string[] rules)
    {
        lab.WriteRules(Nsg.Group(rules));
        RunningAppliance appliance = RunningAppliance.Start(lab.Gateway, lab.Configuration(), "env", $"FIREWALL__JUSTINTIME__POLICIES={lab.Files["jit.json"]}");
        appliance.WaitForLog("Admin socket ");
        return appliance;
    }

    private static string Request(Lab lab, string duration) => Firewall(
        lab, "jit", "request", "--vm", "vm-web1", "--port", "22", "--source", Lab.ClientV4, "--duration", duration, "--justification", "a test");

    private static HttpClient Http(string path) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, stop) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://firewall") };

    private static string Firewall(Lab lab, params string[] arguments) => lab.Gateway.Run(RunningAppliance.Executable, arguments);
}
