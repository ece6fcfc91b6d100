using System.Collections;
using System.Text.Json;
using Firewall.Activity;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Hosting;
using Firewall.JustInTime;
using Firewall.Logs;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Firewall.Tests.App;

public sealed class PolicyReloaderTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly RecordingLogger _logger = new();
    private readonly PolicyStore _store = new();
    private readonly ActivityLog _activity;
    private readonly PolicyReloader _reloader;
    private IReadOnlyList<IpPrefix>? _protected;
    private Exception? _unknown;

    public PolicyReloaderTests()
    {
        _activity = new ActivityLog(_folder["activity.jsonl"], new ActivityScope(Guid.Empty, "rg", "local"), TimeProvider.System, NullLogger.Instance);
        Rules(SampleFiles.Allow());
        Configuration("\"Transit\": \"Deny\"");
        var loader = new ConfigurationLoader(_folder["firewall.json"], mayBeMissing: false, new Hashtable());
        _reloader = new PolicyReloader(loader, loader.Load(), _store, new LogLevels(), _ => _unknown is null ? _protected : throw _unknown, new JitAccess(null, _activity, TimeProvider.System, _logger), _activity, _logger);
        _reloader.LoadFirst();
        _reloader.TellFirst();
    }

    public void Dispose()
    {
        _activity.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_first_policy_is_told()
    {
        Assert.Equal(1u, _store.Current.Version);
        Assert.Equal(["Information Policy 1 in force: 1 network security group, 1 rule beside the default ones"], _logger.Lines);
    }

    [Fact]
    public void Everything_that_changes_verdicts_is_in_the_activity_log_with_what_was_before()
    {
        Configuration("\"Transit\": \"Allow\", \"Reject\": true");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        JsonElement settings = Assert.Single(Entries());
        Assert.Equal("Firewall/appliances/write", settings.GetProperty("operationName").GetProperty("value").GetString());
        Assert.Equal(("Deny", "Allow"), (Value(settings, "before"), Value(settings, "after")));

        Rules(SampleFiles.Allow().Replace("\"securityRules\"", "\"subnets\": [{ \"id\": \"/s/web\" }], \"securityRules\"", StringComparison.Ordinal));
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        JsonElement sites = Entries()[1];
        Assert.Equal("Microsoft.Network/networkSecurityGroups/write", sites.GetProperty("operationName").GetProperty("value").GetString());
        Assert.Equal("[]", sites.GetProperty("properties").GetProperty("before").GetProperty("subnets").GetRawText());
        Assert.Equal("[\"/s/web\"]", sites.GetProperty("properties").GetProperty("after").GetProperty("subnets").GetRawText());

        Tags("198.51.100.0/24");
        Configuration($"\"Transit\": \"Allow\", \"Reject\": true, \"ServiceTags\": {JsonSerializer.Serialize(_folder["tags.json"])}");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Tags("203.0.113.0/24");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        JsonElement tags = Entries()[^1].GetProperty("properties");
        Assert.Equal(("[\"service tag Sql 198.51.100.0/24\"]", "[\"service tag Sql 203.0.113.0/24\"]"), (tags.GetProperty("before").GetRawText(), tags.GetProperty("after").GetRawText()));

        Rules("{ broken");
        Assert.Equal(ReloadResult.Refused, _reloader.Reload());
        JsonElement refused = Entries()[^1];
        Assert.Equal("Failed", refused.GetProperty("status").GetProperty("value").GetString());
        Assert.EndsWith("/providers/Microsoft.Network/networkSecurityGroups/nsg", refused.GetProperty("resourceId").GetString(), StringComparison.Ordinal);

        void Tags(string prefix) => File.WriteAllText(
            _folder["tags.json"], """{"changeNumber":1,"values":[{"name":"Sql","properties":{"addressPrefixes":["PREFIX"]}}]}""".Replace("PREFIX", prefix, StringComparison.Ordinal));
        List<JsonElement> Entries() => [.. _folder.ReadLines("activity.jsonl").Select(line => JsonDocument.Parse(line).RootElement)];
        static string? Value(JsonElement entry, string when) => entry.GetProperty("properties").GetProperty(when).GetProperty("Firewall:Transit").GetString();
    }

    [Fact]
    public void A_touch_without_a_change_does_nothing()
    {
        Policy before = _store.Current;
        File.SetLastWriteTimeUtc(_folder["rules.json"], DateTime.UnixEpoch);
        Rules(SampleFiles.Allow());
        Assert.Equal(ReloadResult.Unchanged, _reloader.Reload());
        Assert.Same(before, _store.Current);
        Assert.Single(_logger.Lines);
    }

    [Fact]
    public void What_changed_in_the_rules_is_told()
    {
        Rules(SampleFiles.Allow("allow-web", 443, flushConnection: true));
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Assert.Equal(
            "Information Policy 2 in force: added allow-web (Inbound 100 Allow), removed allow-ssh, flushConnection is true", _logger.Lines[^1]);
        Rules(SampleFiles.Allow("allow-web", 80, flushConnection: true));
        _reloader.Reload();
        Assert.Equal("Information Policy 3 in force: changed allow-web", _logger.Lines[^1]);
    }

    [Fact]
    public void A_bad_file_keeps_the_last_good_policy_and_is_told_once()
    {
        Policy before = _store.Current;
        Rules(SampleFiles.Allow(priority: 99));
        Assert.Equal(ReloadResult.Refused, _reloader.Reload());
        Assert.Equal(ReloadResult.Refused, _reloader.Reload());
        Assert.Same(before, _store.Current);
        Assert.Equal(3, _logger.Lines.Count);
        Assert.StartsWith($"Error {_folder["rules.json"]}:", _logger.Lines[1], StringComparison.Ordinal);
        Assert.Contains("SecurityRuleInvalidPriority at $.properties.securityRules[0]", _logger.Lines[1], StringComparison.Ordinal);
        Assert.Equal("Error What is wrong was not taken over; policy 1 is in force", _logger.Lines[2]);
    }

    [Fact]
    public void After_a_bad_file_the_next_good_one_is_taken()
    {
        Rules("{");
        _reloader.Reload();
        Rules(SampleFiles.Allow("allow-web"));
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Assert.Equal(2u, _store.Current.Version);
        Assert.Contains("Information Policy 2 in force: added allow-web (Inbound 100 Allow), removed allow-ssh", _logger.Lines);
        Assert.Equal("Information Rules and configuration are in order again; policy 2 is in force", _logger.Lines[^1]);
    }

    [Fact]
    public void A_missing_file_keeps_the_last_good_policy()
    {
        File.Delete(_folder["rules.json"]);
        Assert.Equal(ReloadResult.Refused, _reloader.Reload());
        Assert.Equal(1u, _store.Current.Version);
        Assert.Equal($"Error {_folder["rules.json"]}: the rules file does not exist", _logger.Lines[1]);
        Rules(SampleFiles.Allow());
        Assert.Equal(ReloadResult.Unchanged, _reloader.Reload());
    }

    [Fact]
    public void A_rule_keeps_its_number_across_reloads_so_that_flows_still_name_it()
    {
        int number = _store.Catalog.Add(new RuleIdentity("nsg", "allow-ssh", false, RuleDirection.Inbound));
        Rules(SampleFiles.NoRules);
        _reloader.Reload();
        Rules(SampleFiles.Allow());
        _reloader.Reload();
        Assert.Equal("UserRule_allow-ssh", _store.Catalog[number]!.FlowLogName);
        Assert.Equal(number, _store.Catalog.Add(new RuleIdentity("nsg", "allow-ssh", false, RuleDirection.Inbound)));
    }

    [Fact]
    public void A_setting_that_the_policy_is_made_of_makes_a_new_policy()
    {
        Configuration("\"Transit\": \"Allow\"");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Assert.Equal(Access.Allow, _store.Current.Options.Transit);
        Assert.Contains("Information Firewall:Transit changed from Deny to Allow", _logger.Lines);
        Assert.Equal("Information Policy 2 in force: nothing changed in the rules", _logger.Lines[^1]);
    }

    [Fact]
    public void A_setting_that_needs_a_restart_is_named_in_a_warning_and_told_once()
    {
        Configuration("\"Tun\": { \"Queues\": 4 }");
        Assert.Equal(ReloadResult.Unchanged, _reloader.Reload());
        Assert.Equal(ReloadResult.Unchanged, _reloader.Reload());
        Assert.Equal("Warning Firewall:Tun:Queues changed from default to 4, which takes effect at the next start", Assert.Single(_logger.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_timeout_that_is_written_out_with_its_value_of_now_is_a_change_where_the_rules_files_had_another()
    {
        File.Delete(_folder["rules.json"]);
        _folder.Write("rules/nsg.json", SampleFiles.Allow());
        _folder.Write("rules/network.json", """{ "name": "hub", "type": "Microsoft.Network/virtualNetworks", "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] }, "flowTimeoutInMinutes": 10 } }""");
        Configuration("\"Transit\": \"Deny\"", "rules");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Configuration("\"Timeouts\": { \"TcpEstablished\": \"02:04:00\", \"Icmp\": \"00:01:00\" }", "rules");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        string told = _logger.Lines[^1];
        Assert.StartsWith("Information Firewall:Timeouts changed from ", told, StringComparison.Ordinal);
        Assert.Matches("TcpEstablished = 00:10:00.* to .*TcpEstablished = 02:04:00", told);
        Configuration("\"Timeouts\": { \"TcpEstablished\": \"02:04:00\" }", "rules");
        Assert.Equal(ReloadResult.Unchanged, _reloader.Reload());
    }

    [Fact]
    public void A_broken_configuration_keeps_the_last_good_one_while_good_rules_are_still_taken()
    {
        Configuration("\"Transit\": \"Perhaps\"");
        Rules(SampleFiles.Allow("allow-web"));
        Assert.Equal(ReloadResult.Refused, _reloader.Reload());
        Assert.Equal(2u, _store.Current.Version);
        Assert.Equal(Access.Deny, _reloader.Options.Transit);
        Assert.Contains(_logger.Lines, l => l.Contains("Firewall:Transit is \"Perhaps\", but must be Deny or Allow", StringComparison.Ordinal));
    }

    [Fact]
    public void The_rules_may_move_to_another_file()
    {
        _folder.Write("other.json", SampleFiles.Allow("allow-web"));
        Configuration("\"Transit\": \"Deny\"", "other.json");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Assert.Contains(_folder["other.json"], _reloader.Files);
        Assert.Contains("added allow-web", _logger.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void When_the_machines_own_addresses_change_there_is_a_new_policy()
    {
        Assert.True(IpAddress.TryParse("192.0.2.7", out IpAddress own));
        Assert.True(IpAddress.TryParse("203.0.113.5", out IpAddress client));
        Assert.Equal(TrafficDirection.Transit, _store.Current.DirectionOf(client, own));
        _protected = [IpPrefix.Create(own, 32)];
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Assert.Equal(TrafficDirection.Inbound, _store.Current.DirectionOf(client, own));
        Assert.Equal("Information Policy 2 in force: nothing changed in the rules; protected are now 192.0.2.7", _logger.Lines[^1]);
    }

    [Fact]
    public void Where_the_machine_has_no_interface_left_a_reload_is_refused_with_that_reason()
    {
        _unknown = new ApplianceException("there is no network interface to guard but the loopback");
        Rules(SampleFiles.NoRules);
        Assert.Equal(ReloadResult.Refused, _reloader.Reload());
        Assert.Equal(
            ["Error there is no network interface to guard but the loopback", "Error What is wrong was not taken over; policy 1 is in force"], _logger.Lines.Skip(1));
        _unknown = null;
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
    }

    [Fact]
    public void A_service_tag_file_that_did_not_change_is_not_parsed_again()
    {
        Tags("192.0.2.0/24");
        Configuration("\"ServiceTags\": \"tags.json\"");
        _reloader.Reload();
        ServiceTags? first = _store.Current.Options.ServiceTags;
        Assert.NotNull(first);
        Tags("192.0.2.0/24");
        Rules(SampleFiles.Allow("allow-web", 443));
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Assert.Same(first, _store.Current.Options.ServiceTags);

        // As long as before, so that only the content tells.
        Tags("192.0.3.0/24");
        Assert.Equal(ReloadResult.Changed, _reloader.Reload());
        Assert.True(_store.Current.Options.ServiceTags!.TryGet("MadeUp", out IReadOnlyList<IpPrefix> prefixes));
        Assert.Equal("192.0.3.0/24", Assert.Single(prefixes).ToString());
    }

    private void Tags(string prefix) => _folder.Write(
        "tags.json", $$"""{ "changeNumber": 1, "values": [ { "name": "MadeUp", "properties": { "addressPrefixes": ["{{prefix}}"] } } ] }""");

    private void Rules(string json) => _folder.Write("rules.json", json);

    private void Configuration(string setting, string rules = "rules.json") => _folder.Write(
        "firewall.json", $$"""{ "Firewall": { "Rules": "{{rules}}", "Interfaces": ["eth0"], {{setting}} } }""");
}
