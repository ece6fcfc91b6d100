using System.Collections;
using System.Net;
using System.Text.Json;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Tests.Tidy;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Firewall.Tests.App;

public sealed class ConfigurationTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_least_configuration_is_rules_and_interfaces()
    {
        FirewallOptions options = Load("""{ "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0", "eth1"] } }""");
        Assert.Equal(ApplianceMode.Gateway, options.Mode);
        Assert.Equal(_folder["rules.json"], options.Rules);
        Assert.Equal(["eth0", "eth1"], options.Interfaces);
        Assert.Equal(new TunSettings("fw0", null, 0, true, true, true, false, true), options.Tun);
        Assert.Equal(Access.Deny, options.Transit);
        Assert.False(options.Reject);
        Assert.False(options.PicksUpMidStream);
        Assert.Null(options.ServiceTags);
        Assert.Null(options.VirtualNetwork);
        Assert.Equal(new FlowTimeouts(), options.Timeouts);
        Assert.Empty(options.LogLevels);
    }

    [Fact]
    public void Every_key_is_read()
    {
        string socket = OperatingSystem.IsWindows() ? @"\\.\pipe\firewall-seven" : "../admin.sock";
        FirewallOptions options = Load(
            $$"""
            {
              // Comments and trailing commas are allowed.
              "Firewall": {
                "Mode": "host", "Rules": "/etc/firewall/rules", "ServiceTags": "../tags.json",
                "VirtualNetwork": { "AddressPrefixes": ["10.20.0.0/16", "fd00:20::/48"], "FlowTimeoutInMinutes": 10 },
                "Interfaces": ["ens3"],
                "Tun": { "Name": "fw7", "Queues": 4, "Mtu": 9000, "Offloads": false, "ProbeOffloads": false, "Coalesce": false, "IoUring": true, "Persistent": false },
                "Routing": { "Table": 77, "Priority": 200 },
                "Transit": "Allow", "Reject": true,
                "FlowTable": { "MaxFlows": 5000, "HalfOpenPercent": 10, "MaxFlowsPerSource": 100, "AdaptiveStartPercent": 80, "HandshakesPerSecond": 500, "PickUpMidStream": true, "File": "/dev/shm/flows" },
                "Admin": { "Socket": {{JsonSerializer.Serialize(socket)}}, "Group": "netops", "ReaderGroup": "watchers", "Metrics": "[::1]:9477",
                  "Tcp": { "Listen": "0.0.0.0:9478", "OperatorTokenFile": "o.token", "ReaderTokenFile": "/r.token", "Certificate": "c.pem", "CertificateKey": "c.key", "HostNames": ["fw.example.net"], "Page": true } },
                "Timeouts": { "UdpUnreplied": 15, "TcpClose": "00:00:20", "Icmp": "1.00:00:00" },
                "FlowLogs": { "Folder": "flow-logs", "Formats": ["nsg"], "Lines": "-", "AllProtocols": true, "Interval": 30, "ContinueInterval": "00:02:00",
                  "RetentionPolicy": { "Days": 30, "Megabytes": 512 },
                  "SubscriptionId": "11112222-3333-4444-5555-666677778888", "ResourceGroup": "rg-shop", "Region": "westeurope", "MacAddress": "00:22:48:9a:00:f1" },
                "Drops": { "KeptPackets": 16, "SnapLength": 128 },
                "Otlp": { "Endpoint": "https://collector:4318", "Interval": 10, "Headers": "authorization=Bearer s3cret" },
                "JustInTime": { "Policies": "jit.json", "State": "/var/lib/jit" }, "ActivityLog": { "File": "none" },
                "Logging": { "LogLevel": { "Default": "Warning", "Drops": "None" } },
              },
            }
            """);
        Assert.Equal(ApplianceMode.Host, options.Mode);
        Assert.Equal(Path.GetFullPath("/etc/firewall/rules", _folder.Path), options.Rules);
        Assert.Equal(Path.GetFullPath(_folder["../tags.json"]), options.ServiceTags);
        Assert.Equal(["10.20.0.0/16", "fd00:20::/48"], options.VirtualNetwork!.Select(p => p.ToString()));
        Assert.Equal(["ens3"], options.Interfaces);
        Assert.Equal(new TunSettings("fw7", 4, 9000, false, false, false, true, false), options.Tun);
        Assert.Equal(new RoutingSettings(77, 200), options.Routing);
        Assert.Equal(new JustInTimeSettings(_folder["jit.json"], Path.GetFullPath("/var/lib/jit", _folder.Path)), options.JustInTime);
        Assert.Equal(FirewallOptions.NoFile, options.ActivityLogFile);
        Assert.Equal(
            new FlowLogSettings
            {
                Folder = _folder["flow-logs"],
                Vnet = false,
                Nsg = true,
                Lines = "-",
                AllProtocols = true,
                Interval = TimeSpan.FromSeconds(30),
                ContinueInterval = TimeSpan.FromMinutes(2),
                KeptFor = TimeSpan.FromDays(30),
                KeptBytes = 512L << 20,
                SubscriptionId = Guid.Parse("11112222-3333-4444-5555-666677778888"),
                ResourceGroup = "rg-shop",
                Region = "westeurope",
                MacAddress = "0022489A00F1",
            },
            options.FlowLogs);
        Assert.Equal(new DropSettings(16, 128), options.Drops);
        Assert.Equal(Path.GetFullPath("/dev/shm/flows", _folder.Path), options.FlowTableFile);
        Assert.Equal(
            new AdminSettings(OperatingSystem.IsWindows() ? socket : Path.GetFullPath(_folder[socket]), "netops", "watchers", new IPEndPoint(IPAddress.IPv6Loopback, 9477), options.Admin.Tcp), options.Admin);
        Assert.Equal(
            new AdminTcpSettings(
                new IPEndPoint(IPAddress.Any, 9478), _folder["o.token"], Path.GetFullPath("/r.token", _folder.Path), _folder["c.pem"], _folder["c.key"], options.Admin.Tcp!.HostNames, true),
            options.Admin.Tcp);
        Assert.Equal(["fw.example.net"], options.Admin.Tcp.HostNames);
        Assert.Equal((new Uri("https://collector:4318/v1/metrics"), TimeSpan.FromSeconds(10), "authorization=Bearer s3cret"), (options.Otlp.Endpoint, options.Otlp.Interval, options.Otlp.Headers));
        Assert.DoesNotContain("s3cret", options.Otlp.ToString(), StringComparison.Ordinal);
        Assert.Equal(Access.Allow, options.Transit);
        Assert.True(options.Reject);
        Assert.True(options.PicksUpMidStream);
        Assert.Equal(new FlowLimits { MaxFlows = 5000, HalfOpenPercent = 10, MaxFlowsPerSource = 100, AdaptiveStartPercent = 80, HandshakesPerSecond = 500 }, options.FlowTable);
        Assert.Equal(TimeSpan.FromMinutes(10), options.Timeouts.TcpEstablished);
        Assert.Equal(TimeSpan.FromSeconds(15), options.Timeouts.UdpUnreplied);
        Assert.Equal(TimeSpan.FromSeconds(20), options.Timeouts.TcpClose);
        Assert.Equal(TimeSpan.FromDays(1), options.Timeouts.Icmp);
        Assert.Equal(LogLevel.None, options.LogLevels["Drops"]);
        Assert.Equal(LogLevel.Warning, options.LogLevels["Default"]);
    }

    [Fact]
    public void The_sample_holds_every_key_with_its_default()
    {
        string json = SourceTree.Read("src/Firewall/firewall.sample.json");
        FirewallOptions sample = Load(json);
        FirewallOptions least = Load("""{ "Firewall": { "Rules": "rules.json", "Interfaces": ["eth0", "eth1"] } }""");
        // These say by their values what the defaults are in words.
        sample = sample with { VirtualNetwork = least.VirtualNetwork, AzureLoadBalancer = least.AzureLoadBalancer, LogLevels = least.LogLevels };
        Assert.Empty(OptionsChange.Between(least, sample));
        Assert.Equal(least.Timeouts, sample.Timeouts);
        foreach (string key in new FlowTimeouts().GetType().GetProperties().Select(p => p.Name).Where(n => n is not ("EqualityContract" or "Longest")))
        {
            Assert.Contains($"\"{key}\":", json, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_environment_wins_over_the_file_and_a_list_with_commas_replaces_the_list()
    {
        FirewallOptions options = Load(
            """{ "Firewall": { "Rules": "rules.json", "Interfaces": ["a", "b", "c"], "Tun": { "Queues": 1 } } }""",
            ("FIREWALL__TUN__QUEUES", "3"), ("Firewall__Interfaces", "eth0, eth1"), ("FIREWALL__SERVICETAGS", ""), ("FIREWALL_SHARED", "x"));
        Assert.Equal(3, options.Tun.Queues);
        Assert.Equal(["eth0", "eth1"], options.Interfaces);
        Assert.Null(options.ServiceTags);
    }

    [Fact]
    public void Without_a_file_the_environment_will_do_if_the_file_was_not_asked_for()
    {
        var loader = new ConfigurationLoader(
            _folder["none.json"], mayBeMissing: true, new Hashtable { ["FIREWALL__RULES"] = "/rules", ["FIREWALL__INTERFACES"] = "eth0" });
        Assert.Equal(Path.GetFullPath("/rules", _folder.Path), loader.Load().Rules);
    }

    [Fact]
    public void A_special_timeout_wins_over_flowTimeoutInMinutes()
    {
        FirewallOptions options = Load(Valid("""
            "VirtualNetwork": { "FlowTimeoutInMinutes": 4 }, "Timeouts": { "UdpReplied": 60 }
            """));
        Assert.Equal(TimeSpan.FromMinutes(4), options.Timeouts.TcpEstablished);
        Assert.Equal(TimeSpan.FromSeconds(60), options.Timeouts.UdpReplied);
    }

    [Fact]
    public void Null_and_an_empty_list_count_as_not_set()
    {
        FirewallOptions options = Load(Valid("""
            "VirtualNetwork": { "AddressPrefixes": [], "FlowTimeoutInMinutes": null }, "ServiceTags": null, "Tun": { "Name": null }
            """));
        Assert.Null(options.VirtualNetwork);
        Assert.Equal("fw0", options.Tun.Name);
        Assert.Equal(new FlowTimeouts(), options.Timeouts);
    }

    [Theory]
    [InlineData("\"Mode\": \"Gatway\"", "firewall.json:4: Firewall:Mode is \"Gatway\", but must be Gateway or Host; did you mean 'Gateway'?")]
    [InlineData("\"Transit\": \"Drop\"", "firewall.json:4: Firewall:Transit is \"Drop\", but must be Deny or Allow")]
    [InlineData("\"Reject\": \"maybe\"", "firewall.json:4: Firewall:Reject is \"maybe\", but must be true or false")]
    [InlineData("\"Reject\": 1", "firewall.json:4: Firewall:Reject is \"1\", but must be true or false")]
    [InlineData("\"Tun\": { \"Queues\": \"two\" }", "firewall.json:4: Firewall:Tun:Queues is \"two\", but must be null or a whole number from 1 to 64")]
    [InlineData("\"Tun\": { \"Queues\": 0 }", "firewall.json:4: Firewall:Tun:Queues is \"0\", but must be null or a whole number from 1 to 64")]
    [InlineData("\"Tun\": { \"Queues\": 1.5 }", "firewall.json:4: Firewall:Tun:Queues is \"1.5\", but must be null or a whole number from 1 to 64")]
    [InlineData("\"Tun\": { \"Queues\": [1] }", "firewall.json:4: Firewall:Tun:Queues must be null or a whole number from 1 to 64, not an object or a list")]
    [InlineData("\"Tun\": \"fw0\"", "firewall.json:4: Firewall:Tun is \"fw0\", but must be an object with keys of its own")]
    [InlineData("\"Tun\": { \"Name\": \"eth0\" }", "firewall.json:3: Firewall:Interfaces must be without eth0, which is the appliance's own TUN (Firewall:Tun:Name)")]
    [InlineData("\"Tun\": { \"Mtu\": 100 }", "firewall.json:4: Firewall:Tun:Mtu is \"100\", but must be 0 (follow the interfaces) or a whole number from 1280 to 65521")]
    [InlineData("\"Tun\": { \"MTU\": 9000, \"Quueues\": 2 }", "firewall.json:4: Firewall:Tun:Quueues is not a known key; did you mean 'Queues'?")]
    [InlineData("\"Rulez\": \"x\"", "firewall.json:4: Firewall:Rulez is not a known key; did you mean 'Rules'?")]
    [InlineData("\"Zzz\": { \"a\": 1 }", "firewall.json:4: Firewall:Zzz is not a known key")]
    [InlineData("\"Routing\": { \"Table\": 254 }", "firewall.json:4: Firewall:Routing:Table is \"254\", but must be a whole number from 1 to 2147483646, but not 252 to 255: it and the next must be none of the kernel's own tables")]
    [InlineData("\"Routing\": { \"Priority\": 40000 }", "firewall.json:4: Firewall:Routing:Priority is \"40000\", but must be a whole number from 1 to 32000")]
    [InlineData("\"FlowTable\": { \"MaxFlows\": -1 }", "firewall.json:4: Firewall:FlowTable:MaxFlows is \"-1\", but must be a whole number from 1 to 67108864")]
    [InlineData("\"VirtualNetwork\": { \"FlowTimeoutInMinutes\": 3 }", "firewall.json:4: Firewall:VirtualNetwork:FlowTimeoutInMinutes is \"3\", but must be null or a whole number from 4 to 30")]
    [InlineData("\"VirtualNetwork\": { \"AddressPrefixes\": [\"10.0.0.0/33\"] }", "firewall.json:4: Firewall:VirtualNetwork:AddressPrefixes:0 is \"10.0.0.0/33\", but must be an address prefix such as \"10.0.0.0/16\" or \"fd00:1::/64\", without host bits")]
    [InlineData("\"VirtualNetwork\": { \"AddressPrefixes\": [\"10.0.0.0/16\", \"10.0.0.1/16\"] }", "firewall.json:4: Firewall:VirtualNetwork:AddressPrefixes:1 is \"10.0.0.1/16\", but must be an address prefix such as \"10.0.0.0/16\" or \"fd00:1::/64\", without host bits")]
    [InlineData("\"VirtualNetwork\": { \"AddressPrefixes\": { \"a\": \"10.0.0.0/16\" } }", "firewall.json:4: Firewall:VirtualNetwork:AddressPrefixes must be a list, not an object")]
    [InlineData("\"VirtualNetwork\": { \"AddressPrefixes\": [[\"10.0.0.0/16\"]] }", "firewall.json:4: Firewall:VirtualNetwork:AddressPrefixes:0 is \"\", but must be an address prefix such as \"10.0.0.0/16\" or \"fd00:1::/64\", without host bits")]
    [InlineData("\"Timeouts\": { \"Icmp\": 0 }", "firewall.json:4: Firewall:Timeouts:Icmp is \"0\", but must be seconds, or a time like \"00:02:00\" (days: \"1.00:00:00\"), from 1 s to 604800 s")]
    [InlineData("\"Timeouts\": { \"Icmp\": \"1 minute\" }", "firewall.json:4: Firewall:Timeouts:Icmp is \"1 minute\", but must be seconds, or a time like \"00:02:00\" (days: \"1.00:00:00\"), from 1 s to 604800 s")]
    [InlineData("\"Timeouts\": { \"Icmp\": 99999999999999999999 }", "firewall.json:4: Firewall:Timeouts:Icmp is \"99999999999999999999\", but must be seconds, or a time like \"00:02:00\" (days: \"1.00:00:00\"), from 1 s to 604800 s")]
    [InlineData("\"Timeouts\": { \"TcpEstablishd\": 60 }", "firewall.json:4: Firewall:Timeouts:TcpEstablishd is not a known key; did you mean 'TcpEstablished'?")]
    [InlineData("\"Logging\": { \"LogLevel\": { \"Drops\": \"Loud\" } }", "firewall.json:4: Firewall:Logging:LogLevel:Drops is \"Loud\", but must be Trace or Debug or Information or Warning or Error or Critical or None")]
    [InlineData("\"Logging\": { \"LogLevel\": { \"Drop\": \"Debug\" } }", "firewall.json:4: Firewall:Logging:LogLevel:Drop is not a known key; did you mean 'Drops'?")]
    [InlineData("\"Admin\": { \"Tcp\": { \"Listen\": \"9478\" } }", "firewall.json:4: Firewall:Admin:Tcp:Listen is \"9478\", but must be null, or an address and a port, such as \"127.0.0.1:9478\" or \"[::1]:9478\"")]
    [InlineData("\"Admin\": { \"Tcp\": { \"Listen\": \"127.0.0.1:9478\" } }", "firewall.json:4: Firewall:Admin:Tcp:OperatorTokenFile must be the path of a file with a token, or else ReaderTokenFile must be: nobody gets in by TCP without one")]
    [InlineData("\"Admin\": { \"Tcp\": { \"Listen\": \"0.0.0.0:9478\", \"ReaderTokenFile\": \"t\" } }", "firewall.json:4: Firewall:Admin:Tcp:Listen is \"0.0.0.0:9478\", but must be on the loopback (127.0.0.1, [::1]) as long as Certificate names none: tokens would cross the network in the clear")]
    [InlineData("\"Admin\": { \"Tcp\": { \"Listen\": \"[::1]:9478\", \"ReaderTokenFile\": \"t\", \"CertificateKey\": \"k\" } }", "firewall.json:4: Firewall:Admin:Tcp:Certificate must be the path of the certificate that CertificateKey belongs to")]
    [InlineData("\"Admin\": { \"Tcp\": { \"Listen\": \"[::1]:9478\", \"ReaderTokenFile\": \"t\", \"HostNames\": [\"a b\"] } }", "firewall.json:4: Firewall:Admin:Tcp:HostNames:0 is \"a b\", but must be a host name, such as \"firewall.example.net\"")]
    [InlineData("\"Admin\": { \"Tcp\": { \"Page\": true } }", "firewall.json:4: Firewall:Admin:Tcp:Page is \"True\", but must be false as long as Listen is null: there is nothing that would serve the page")]
    [InlineData("\"Admin\": { \"Tcp\": { \"Lisen\": 1 } }", "firewall.json:4: Firewall:Admin:Tcp:Lisen is not a known key; did you mean 'Listen'?")]
    [InlineData("\"Rules\": \"twice.json\"", "firewall.json:4: Firewall:Rules stands in the file twice, first on line 3")]
    public void A_broken_setting_is_told_with_its_line_key_value_and_what_is_allowed(string setting, string problem) =>
        Assert.Equal([problem], ProblemsOf(Valid(setting)));

    [Theory]
    [InlineData("\"Headers\": \"Bearer s3cret\"", "Headers must be null, or names and values such as \"authorization=Bearer 4711\", with commas between")]
    [InlineData("\"Headers\": \"authorization=Bearer s3cret,x\"", "Headers must be null, or names and values such as \"authorization=Bearer 4711\", with commas between")]
    [InlineData("\"Endpoint\": \"https://user:s3cret@collector:4318\"", "Endpoint must be null, or an address such as \"http://127.0.0.1:4318\", without user and password")]
    [InlineData("\"Endpoint\": \"htps://collector/?key=s3cret\"", "Endpoint must be null, or an address such as \"http://127.0.0.1:4318\", without user and password")]
    [InlineData("\"Endpoint\": \"collector:4318\"", "Endpoint is \"collector:4318\", but must be null, or an address such as \"http://127.0.0.1:4318\", without user and password")]
    public void What_is_wrong_with_a_collector_is_told_without_its_secrets(string setting, string problem)
    {
        Assert.Equal([$"firewall.json:4: Firewall:Otlp:{problem}"], ProblemsOf(Valid($"\"Otlp\": {{ {setting} }}")));
    }

    [Theory]
    [InlineData("\"Tun\": { \"Name\": \"a-name-far-too-long\" }", "firewall.json:4: Firewall:Tun:Name is \"a-name-far-too-long\", but must be an interface name (1 to 15 ASCII characters without space, '/', ':' and '%')")]
    [InlineData("\"Tun\": { \"Name\": \"fw/0\" }", "firewall.json:4: Firewall:Tun:Name is \"fw/0\", but must be an interface name (1 to 15 ASCII characters without space, '/', ':' and '%')")]
    public void A_name_that_Linux_refuses_is_told(string setting, string problem)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows' interfaces may have such names");
        Assert.Equal([problem], ProblemsOf(Valid(setting)));
    }

    [Theory]
    [InlineData("{ \"Firewall\": { \"Rules\": \"x\" } }", "firewall.json:1: Firewall:Interfaces must be a list of the interfaces that the gateway stands between, such as [\"eth0\", \"eth1\"]")]
    [InlineData("{ \"Firewall\": { \"Rules\": \"x\", \"Interfaces\": [\"eth0\", \"lo\"] } }", "firewall.json:1: Firewall:Interfaces must be without the loopback interface lo, which no packet from outside uses")]
    [InlineData("{ \"Firewall\": { \"Rules\": \"x\", \"Interfaces\": [\"et h0\"] } }", "firewall.json:1: Firewall:Interfaces:0 is \"et h0\", but must be an interface name (1 to 15 ASCII characters without space, '/', ':' and '%')")]
    public void Interfaces_that_Linux_does_not_have_are_told(string json, string problem)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows' interfaces may have such names, and may be left out");
        Assert.StartsWith(problem, Assert.Single(ProblemsOf(json)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "firewall.json:1:1: not valid JSON: ")]
    [InlineData("{ \"Firewall\": {\n  \"Mode\" \"Host\" } }", "firewall.json:2:10: not valid JSON: ")]
    [InlineData("{ \"Firewall\": {\n  \"Mode\": \"Host\"\n", "firewall.json:3:1: not valid JSON: ")]
    [InlineData("[]", "firewall.json:1: the file must hold a JSON object, not a list")]
    [InlineData("7", "firewall.json:1: the file must hold a JSON object: { \"Firewall\": { … } }")]
    [InlineData("{}", "firewall.json: the section \"Firewall\" is missing or empty; write { \"Firewall\": { \"Rules\": \"rules.json\", … } }")]
    [InlineData("{ \"Firewal\": { \"Rules\": \"x\" } }", "firewall.json: the section \"Firewall\" is missing or empty; write ")]
    [InlineData("{ \"Firewall\": { \"Interfaces\": [\"eth0\"] } }", "firewall.json:1: Firewall:Rules must be the path of a rules file, or of a folder with rules files")]
    [InlineData("{ \"Firewall\": { \"Rules\": { \"a\": \"b\" }, \"Interfaces\": [\"eth0\"] } }", "firewall.json:1: Firewall:Rules must be the path of a rules file, or of a folder with rules files, not an object or a list")]
    [InlineData("{ \"Firewall\": { \"Rules\": \"x\", \"Interfaces\": [\"eth0\", \"eth0\"] } }", "firewall.json:1: Firewall:Interfaces:1 is \"eth0\", but stands in the list twice")]
    [InlineData("{ \"Firewall\": { \"Rules\": \"x\", \"Interfaces\": [\"eth0\"] },\n \"Logging\": { \"LogLevel\": {} } }", "firewall.json:2: Logging is not a known section; every setting stands in the section \"Firewall\"")]
    public void A_broken_file_is_told(string json, string problem) =>
        Assert.StartsWith(problem, Assert.Single(ProblemsOf(json)), StringComparison.Ordinal);

    [Fact]
    public void All_errors_are_told_at_once()
    {
        IReadOnlyList<string> problems = ProblemsOf(
            """
            { "Firewall": {
              "Mode": "Both",
              "Interfaces": ["eth0"],
              "Tun": { "Queues": "x", "Speed": 1 }
            } }
            """);
        Assert.Equal(
            [
                "firewall.json:2: Firewall:Mode is \"Both\", but must be Gateway or Host",
                "firewall.json:1: Firewall:Rules must be the path of a rules file, or of a folder with rules files",
                "firewall.json:4: Firewall:Tun:Queues is \"x\", but must be null or a whole number from 1 to 64",
                "firewall.json:4: Firewall:Tun:Speed is not a known key",
            ],
            problems);
    }

    [Fact]
    public void A_broken_environment_variable_is_told_by_its_own_name()
    {
        Assert.Equal(
            ["environment variable FIREWALL__TUN__QUEUES: Firewall:TUN:QUEUES is \"many\", but must be null or a whole number from 1 to 64"],
            ProblemsOf(Valid("\"Reject\": false"), ("FIREWALL__TUN__QUEUES", "many")),
            StringComparer.OrdinalIgnoreCase);
        Assert.Equal(
            ["environment variable FIREWALL__RULLES: Firewall:RULLES is not a known key; did you mean 'Rules'?"],
            ProblemsOf(Valid("\"Reject\": false"), ("FIREWALL__RULLES", "x")));
    }

    [Fact]
    public void A_missing_file_is_told()
    {
        var loader = new ConfigurationLoader(_folder["none.json"], mayBeMissing: false, new Hashtable { ["FIREWALL__RULES"] = "x" });
        Assert.Contains("none.json: no such configuration file; name it with --config", Problem(loader), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_instead_of_a_file_is_told()
    {
        var loader = new ConfigurationLoader(_folder.Path, mayBeMissing: false, new Hashtable());
        Assert.Contains(": the configuration file cannot be read: ", Problem(loader), StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_does_no_harm()
    {
        File.WriteAllText(_folder["firewall.json"], Valid("\"Mode\": \"Host\""), System.Text.Encoding.UTF8);
        Assert.Equal(0xEF, File.ReadAllBytes(_folder["firewall.json"])[0]);
        Assert.Equal(ApplianceMode.Host, new ConfigurationLoader(_folder["firewall.json"], false, new Hashtable()).Load().Mode);
    }

    // The setting stands on line 4.
    private static string Valid(string setting) => $$"""
        {
          "Firewall": {
            "Rules": "rules.json", "Interfaces": ["eth0"],
            {{setting}}
          }
        }
        """;

    private static string Problem(ConfigurationLoader loader) =>
        Assert.Single(Assert.Throws<InvalidInputException>(loader.Load).Problems);

    private FirewallOptions Load(string json, params (string Name, string Value)[] environment) => Loader(json, environment).Load();

    private IReadOnlyList<string> ProblemsOf(string json, params (string Name, string Value)[] environment) =>
        [.. Assert.Throws<InvalidInputException>(Loader(json, environment).Load).Problems.Select(p => p.Replace(_folder.Path + Path.DirectorySeparatorChar, "", StringComparison.Ordinal))];

    private ConfigurationLoader Loader(string json, (string Name, string Value)[] environment)
    {
        var variables = new Hashtable();
        foreach ((string name, string value) in environment) variables[name] = value;
        return new ConfigurationLoader(_folder.Write("firewall.json", json), mayBeMissing: false, variables);
    }
}
