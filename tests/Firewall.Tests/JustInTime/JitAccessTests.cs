using System.Collections;
using System.Text;
using System.Text.Json;
using Firewall.Activity;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.JustInTime;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.JustInTime;

/// <summary>Ports that are closed until somebody asks, and again when the time is over.</summary>
public sealed partial class JitAccessTests : IDisposable
{
    private const string Vm = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-web1";

    private const string Policies = $$"""
        { "kind": "Basic", "name": "default", "properties": { "virtualMachines": [
          { "id": "{{Vm}}", "privateIpAddress": "10.0.0.4", "ports": [
            { "number": 22, "protocol": "TCP", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H" },
            { "number": 3389, "protocol": "*", "allowedSourceAddressPrefixes": [ "198.51.100.0/24" ], "maxRequestAccessDuration": "PT1H" } ] } ] } }
        """;

    private static readonly ActivityCaller Ana = new("ana", 1000, 4711);

    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly RecordingLogger _logger = new();
    private readonly ActivityLog _activity;
    private readonly RuleCatalog _catalog = new();
    private readonly List<JitRequest> _terminated = [];
    private string _rules = """{ "name": "nsg", "properties": { "securityRules": [] } }""";
    private JitAccess _jit;
    private Policy _policy = null!;

    public JitAccessTests()
    {
        _activity = new ActivityLog(_folder["activity.jsonl"], new ActivityScope(Guid.Empty, "rg", "local"), _time, _logger);
        _jit = Start();
    }

    public void Dispose()
    {
        _activity.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_port_is_open_from_the_grant_to_its_end_and_for_nobody_else()
    {
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
        JitRequest granted = _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromHours(3)), Ana);
        Assert.Equal(Access.Allow, Verdict("198.51.100.7", 22));
        Assert.Equal(Access.Deny, Verdict("198.51.100.8", 22));
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 23));
        SecurityRule rule = _policy.Groups[0].SecurityRules.First(r => r.Access == Access.Allow);
        Assert.Matches("^MicrosoftDefenderForCloud-JITRule--?[0-9]+-[0-9A-F]{32}$", rule.Name);
        Assert.Equal("MDC JIT Network Access rule created by an initiation request for policy 'default' of VM 'vm-web1'.", rule.Description);
        Assert.Equal(100, rule.Priority);

        _time.Advance(TimeSpan.FromHours(3) - TimeSpan.FromSeconds(1));
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Allow, Verdict("198.51.100.7", 22));
        _time.Advance(TimeSpan.FromSeconds(1));
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
        JitRequest ended = Assert.Single(_jit.Requests);
        Assert.Equal((granted.Id, JitStatus.Revoked, JitStatusReason.Expired), (ended.Id, ended.Status, ended.StatusReason));
        Assert.Empty(_terminated);
    }

    [Fact]
    public void A_policy_closes_its_ports_also_where_the_default_rules_would_let_the_network_in()
    {
        Assert.Equal(Access.Deny, Verdict("10.0.0.9", 22));
        Assert.Equal(Access.Allow, Verdict("10.0.0.9", 80));
        SecurityRule closing = _policy.Groups[0].SecurityRules.First(r => r.DestinationPorts[0].First == 22);
        Assert.Matches("^MicrosoftDefenderForCloud-JITRule_-?[0-9]+_[0-9A-F]{32}$", closing.Name);
        Assert.Equal((4096, Access.Deny), (closing.Priority, closing.Access));
    }

    [Theory]
    [InlineData("vm-db", 22, "1.2.3.4", 60, "no just-in-time policy has a virtual machine 'vm-db'; there are: vm-web1")]
    [InlineData("vm-web1", 23, "1.2.3.4", 60, "policy default does not allow to ask for port 23 of vm-web1; it has: 22/Tcp, 3389/*")]
    [InlineData("10.0.0.4", 22, "1.2.3.4", 181, "policy default allows at most 3:00:00 for port 22/Tcp of vm-web1, not 3:01:00")]
    [InlineData(Vm, 3389, "1.2.3.4", 60, "policy default allows port 3389/* of vm-web1 only from 198.51.100.0/24, not from 1.2.3.4")]
    [InlineData("VM-WEB1", 3389, "*", 60, "policy default allows port 3389/* of vm-web1 only from 198.51.100.0/24, not from *")]
    [InlineData("vm-web1", 22, "1.2.3", 60, "the source '1.2.3' is no address, no prefix and not *")]
    [InlineData("vm-web1", 22, "1.2.3.4/24", 60, "the source '1.2.3.4/24' has host bits set; the prefix is 1.2.3.0/24, one address is without its length")]
    [InlineData("vm-web1", 22, "1.2.3.4", 0, "the time that is asked for is over already")]
    public void What_the_policy_does_not_allow_is_refused_with_the_reason(string vm, int port, string source, int minutes, string why)
    {
        JitRefusal refusal = Assert.Throws<JitRefusal>(() => _jit.Request(new JitAsk(vm, (ushort)port, source, TimeSpan.FromMinutes(minutes), ""), Ana));
        Assert.Equal(why, refusal.Message);
        Assert.Empty(_jit.Requests);
        Assert.Contains("\"status\":{\"value\":\"Failed\"", string.Concat(_folder.ReadLines("activity.jsonl")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_in_front_that_denies_makes_the_grant_impossible_and_nothing_stays()
    {
        _rules = """
            { "name": "nsg", "properties": { "securityRules": [ { "name": "deny-all", "properties": { "priority": 100, "direction": "Inbound", "access": "Deny",
              "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" } } ] } }
            """;
        JitRefusal refusal = Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "1.2.3.4"), Ana));
        Assert.Equal("securityRules/deny-all stands in front and denies it; move that rule behind the first free priority from 100 on", refusal.Message);
        Assert.Empty(_jit.Requests);
        Assert.DoesNotContain(_policy.Groups[0].SecurityRules, rule => rule.Access == Access.Allow);
    }

    [Fact]
    public void Requests_survive_a_restart_and_those_whose_time_is_over_are_not_in_force_for_a_moment()
    {
        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        _jit.Request(Ask(22, "198.51.100.8", TimeSpan.FromHours(2)), Ana);
        _time.Advance(TimeSpan.FromHours(1));
        _jit = Start();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
        Assert.Equal(Access.Allow, Verdict("198.51.100.8", 22));
        _jit.EndWhatIsOver();
        Assert.Equal([JitStatus.Initiated, JitStatus.Revoked], _jit.Requests.Select(r => r.Status));
        Assert.Contains("jitNetworkAccessPolicies/expire/action", string.Concat(_folder.ReadLines("activity.jsonl")), StringComparison.Ordinal);
    }

    [Fact]
    public void Who_comes_goes_or_asks_again_moves_nobody_elses_rule()
    {
        JitRequest first = _jit.Request(Ask(22, "198.51.100.1"), Ana);
        _jit.Request(Ask(22, "198.51.100.2"), Ana);
        _jit.Request(Ask(22, "198.51.100.3"), Ana);
        Assert.Equal([(100, "198.51.100.1/32"), (101, "198.51.100.2/32"), (102, "198.51.100.3/32")], Opened());
        _jit.Revoke(first.Id, Ana);
        Assert.Equal([(101, "198.51.100.2/32"), (102, "198.51.100.3/32")], Opened());
        _jit.Request(Ask(22, "198.51.100.2"), Ana);
        Assert.Equal([(101, "198.51.100.2/32"), (102, "198.51.100.3/32")], Opened());
        _jit.Request(Ask(22, "198.51.100.4"), Ana);
        _jit = Start();
        Assert.Equal([(100, "198.51.100.4/32"), (101, "198.51.100.2/32"), (102, "198.51.100.3/32")], Opened());

        IEnumerable<(int, string)> Opened() => _policy.Groups[0].SecurityRules.Where(r => r.Access == Access.Allow).OrderBy(r => r.Priority).Select(r => (r.Priority, r.Source.ToString()!));
    }

    [Fact]
    public void Old_state_that_is_put_back_opens_nothing_also_when_the_clock_is_set_back_with_it()
    {
        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        byte[] state = File.ReadAllBytes(_folder["jit-state.json"]);
        _time.Advance(TimeSpan.FromMinutes(10));
        _jit.EndWhatIsOver();
        File.WriteAllBytes(_folder["jit-state.json"], state);
        _jit = Start();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
        File.WriteAllBytes(_folder["jit-state.json"], state);
        _time.SetBack(TimeSpan.FromHours(5));
        _jit = Start();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
        _jit.EndWhatIsOver();
        Assert.Equal(JitStatus.Revoked, Assert.Single(_jit.Requests).Status);
    }

    [Fact]
    public void A_clock_that_is_set_back_prolongs_nothing_and_one_that_is_set_forward_ends_it()
    {
        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        _time.SetBack(TimeSpan.FromHours(5));
        _time.Advance(TimeSpan.FromMinutes(10));
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));

        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        _time.SetBack(TimeSpan.FromHours(-5));
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
    }

    [Fact]
    public void Taking_back_ends_it_at_once_and_only_once()
    {
        JitRequest granted = _jit.Request(Ask(22, "198.51.100.7"), Ana);
        _jit.Revoke(granted.Id, Ana);
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
        Assert.Throws<JitRefusal>(() => _jit.Revoke(granted.Id, Ana));
    }

    [Fact]
    public void A_newer_request_for_the_same_takes_the_place_of_the_older()
    {
        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromHours(1)), Ana);
        Assert.Equal([JitStatusReason.UserRequested, JitStatusReason.NewerRequestInitiated], _jit.Requests.Select(r => r.StatusReason));
        _time.Advance(TimeSpan.FromMinutes(30));
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Allow, Verdict("198.51.100.7", 22));
    }

    [Fact]
    public void Policies_are_taken_over_while_a_request_is_put_in_force() // who reloads them holds the lock that the request waits for
    {
        _folder.Write("jit.json", Policies);
        _folder.Write("firewall.json", """{ "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0"], "JustInTime": { "Policies": "jit.json" } } }""");
        FirewallOptions options = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable()).Load();
        Func<Guid?, Policy> apply = _jit.Apply;
        bool isTakenOver = false;
        _jit.Apply = correlation =>
        {
            var reload = new Thread(() => _jit.Load(options));
            reload.Start();
            isTakenOver = reload.Join(TimeSpan.FromSeconds(20));
            return apply(correlation);
        };
        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        Assert.True(isTakenOver);
        Assert.Equal(Access.Allow, Verdict("198.51.100.7", 22));
    }

    [Fact]
    public void Connections_end_with_the_access_where_the_policy_says_so()
    {
        _jit.Use(JitPolicyReader.Read(Encoding.UTF8.GetBytes(Policies.Replace("\"privateIpAddress\"", "\"terminateOnExpiry\": true, \"privateIpAddress\"", StringComparison.Ordinal)), "jit.json"));
        JitRequest granted = _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        _time.Advance(TimeSpan.FromMinutes(10));
        _jit.EndWhatIsOver();
        Assert.Equal(granted.Id, Assert.Single(_terminated).Id);
    }

    [Fact]
    public void Asking_again_does_not_keep_the_connections_of_the_request_before()
    {
        JitRequest first = _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        JitRequest second = _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        _jit = Start();
        JitRequest third = _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        Assert.Equal([JitRules.NameOf(first), JitRules.NameOf(second)], third.EarlierRules);
        Assert.Equal(2, _folder.ReadLines("activity.jsonl").Count(line => line.Contains("takes its place", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_request_of_an_earlier_version_can_be_asked_for_again()
    {
        JitRequest first = _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        string state = File.ReadAllText(_folder["jit-state.json"]);
        string older = state.Replace(",\"earlierRules\":[]", "", StringComparison.Ordinal);
        Assert.NotEqual(state, older);
        File.WriteAllText(_folder["jit-state.json"], older);
        _jit = Start();
        Assert.Equal([JitRules.NameOf(first)], _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana).EarlierRules);
    }

    [Fact]
    public void What_was_asked_for_a_thousand_times_is_revoked_first_where_connections_end_with_it()
    {
        JitRequest first = _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        JitState.Write(_folder["jit-state.json"], [first with { TerminateOnExpiry = true, EarlierRules = [.. Enumerable.Range(0, 1000).Select(i => $"rule {i}")] }]);
        _jit = Start();
        _jit.Use(JitPolicyReader.Read(Encoding.UTF8.GetBytes(Policies.Replace("\"privateIpAddress\"", "\"terminateOnExpiry\": true, \"privateIpAddress\"", StringComparison.Ordinal)), "jit.json"));
        JitRefusal refusal = Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana));
        Assert.Contains($"`firewall jit revoke {first.Id}`", refusal.Message, StringComparison.Ordinal);
        _jit.Revoke(first.Id, Ana);
        Assert.Equal(1000, Assert.Single(_terminated).EarlierRules.Count);
        Assert.Empty(_jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana).EarlierRules);
    }

    [Fact]
    public void A_renewal_that_is_refused_leaves_the_older_request_its_time()
    {
        _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana);
        string good = _rules;
        _rules = """
            { "name": "nsg", "properties": { "securityRules": [ { "name": "deny-all", "properties": { "priority": 100, "direction": "Inbound", "access": "Deny",
              "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*" } } ] } }
            """;
        Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "198.51.100.7", TimeSpan.FromMinutes(10)), Ana));
        _rules = good;
        _time.SetBack(TimeSpan.FromHours(5));
        _time.Advance(TimeSpan.FromMinutes(10));
        _jit.EndWhatIsOver();
        Assert.Equal(Access.Deny, Verdict("198.51.100.7", 22));
    }

    [Theory]
    [InlineData("\"number\": 3389, \"protocol\": \"*\"", "\"number\": 22, \"protocol\": \"TCP\"", "port 22/Tcp stands in ports more than once")]
    [InlineData("\"name\": \"default\"", "\"name\": \"a\\u001bb\"", "name must be text without control characters")]
    [InlineData("virtualMachines/vm-web1", "virtualMachines/vm\\nweb1", "id must be text without control characters")]
    public void A_policy_that_nobody_could_name_is_refused(string good, string bad, string why)
    {
        string policies = Policies.Replace(good, bad, StringComparison.Ordinal);
        Assert.NotEqual(Policies, policies);
        Assert.Contains(why, Assert.Throws<InvalidInputException>(() => JitPolicyReader.Read(Encoding.UTF8.GetBytes(policies), "jit.json")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_change_of_the_first_of_two_policies_of_one_name_is_in_the_activity_log()
    {
        JitPolicy Named(string machine, string address)
        {
            Assert.True(IpAddress.TryParse(address, out IpAddress at));
            return new JitPolicy("default", [new JitMachine(machine, at, [], false)]);
        }

        ActivityEvent change = Assert.Single(JitActivity.OfPolicies([Named("a", "10.0.0.4"), Named("b", "10.0.0.5")], [Named("c", "10.0.0.4"), Named("b", "10.0.0.5")]));
        Assert.Contains("\"id\":\"c\"", change.Properties["after"].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void One_number_with_two_protocols_is_asked_for_by_both()
    {
        const string Second = """{ "number": 53, "protocol": "UDP", "allowedSourceAddressPrefix": "*", "maxRequestAccessDuration": "PT3H" }, """;
        string both = Policies.Replace("\"ports\": [", "\"ports\": [ " + Second + Second.Replace("UDP", "TCP", StringComparison.Ordinal), StringComparison.Ordinal);
        _jit.Use(JitPolicyReader.Read(Encoding.UTF8.GetBytes(both), "jit.json"));
        JitRefusal unclear = Assert.Throws<JitRefusal>(() => _jit.Request(Ask(53, "198.51.100.7"), Ana));
        Assert.Equal("policy default has port 53 of vm-web1 more than once (53/Udp, 53/Tcp); say the protocol too", unclear.Message);
        Assert.Equal("Udp", _jit.Request(Ask(53, "198.51.100.7") with { Protocol = "UDP" }, Ana).Protocol);
        Assert.Equal("Tcp", _jit.Request(Ask(53, "198.51.100.7") with { Protocol = "Tcp" }, Ana).Protocol);
        Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "198.51.100.7") with { Protocol = "Udp" }, Ana));
    }

    [Fact]
    public void What_people_write_is_text_in_the_activity_log_whatever_it_looks_like()
    {
        _jit.Request(Ask(22, "198.51.100.7") with { Justification = "{\"caller\":\"root\"}" }, Ana);
        Assert.Throws<JitRefusal>(() => _jit.Request(Ask(23, "[::1]") with { Justification = "[urgent] fix it" }, Ana));
        JsonElement[] entries = [.. _folder.ReadLines("activity.jsonl").Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal("{\"caller\":\"root\"}", entries[0].GetProperty("properties").GetProperty("after").GetProperty("justification").GetString());
        Assert.Equal("[urgent] fix it", entries[1].GetProperty("properties").GetProperty("justification").GetString());
        Assert.EndsWith("/providers/Microsoft.Security/locations/local/jitNetworkAccessPolicies/default", entries[1].GetProperty("resourceId").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void There_is_an_end_to_the_number_of_requests_and_to_what_is_remembered()
    {
        DateTimeOffset now = _time.GetUtcNow();
        JitRequest Known(int i) => new(Guid.NewGuid(), "default", Vm, "10.0.0.4", 22, "Tcp", $"198.51.{i / 250}.{i % 250}/32", now, now.AddHours(1), "ana", "");
        JitState.Write(_folder["jit-state.json"], [.. Enumerable.Range(0, JitAccess.MostActive).Select(Known)]);
        _jit = Start();
        Assert.Equal(Access.Allow, Verdict("198.51.1.249", 22));
        JitRefusal refusal = Assert.Throws<JitRefusal>(() => _jit.Request(Ask(22, "203.0.113.1"), Ana));
        Assert.StartsWith("500 requests are in force", refusal.Message, StringComparison.Ordinal);
        _time.Advance(TimeSpan.FromHours(1));
        _jit.EndWhatIsOver();
        for (int i = 0; i < 3; i++) _jit.Revoke(_jit.Request(Ask(22, "203.0.113.1"), Ana).Id, Ana);
        Assert.Equal(JitAccess.KeptEnded, _jit.Requests.Count);
    }

    [Fact]
    public void A_state_file_that_is_damaged_opens_nothing_and_is_told()
    {
        File.WriteAllText(_folder["jit-state.json"], "[{");
        _jit = Start();
        Assert.Empty(_jit.Requests);
        Assert.Equal("[{", File.ReadAllText(_folder["jit-state.json.damaged"]));
        Assert.Contains(_logger.Lines, line => line.StartsWith("Error Just-in-time requests in ", StringComparison.Ordinal));
    }

    private static JitAsk Ask(ushort port, string source, TimeSpan? duration = null) => new("vm-web1", port, source, duration, "a test");

    private JitAccess Start()
    {
        var jit = new JitAccess(_folder["jit-state.json"], _activity, _time, _logger) { Terminate = (request, _) => _terminated.Add(request) };
        jit.Apply = _ =>
        {
            RuleFile file = NsgReader.Read(Encoding.UTF8.GetBytes(_rules), "rules.json");
            CompileResult plain = PolicyCompiler.Compile(file.Groups, new PolicyOptions(), _catalog, 1);
            CompileResult whole = PolicyCompiler.Compile(jit.AddTo(plain.Policy!), new PolicyOptions(), _catalog, 1);
            _policy = whole.Policy ?? throw InvalidInputException.Of(whole.Findings);
            return _policy;
        };
        jit.Restore();
        jit.Use(JitPolicyReader.Read(Encoding.UTF8.GetBytes(Policies), "jit.json"));
        jit.Apply(Guid.Empty);
        return jit;
    }

    private Access Verdict(string source, ushort port)
    {
        Assert.True(IpAddress.TryParse(source, out IpAddress remote));
        Assert.True(IpAddress.TryParse("10.0.0.4", out IpAddress local));
        return PolicyExplainer.Explain(_policy, new FlowQuery(RuleDirection.Inbound, IpProtocol.Tcp, local, port, remote, 50_000)).Access;
    }
}
