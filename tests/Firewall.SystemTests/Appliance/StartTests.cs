using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>What the appliance needs to start. What keeps it from it is told in one clear line on standard error, with an exit code that scripts can rely on.</summary>
public sealed class StartTests
{
    private static readonly string[] WithoutOpenSsl =
    [
        "unshare", "--mount", "sh", "-c",
        "for f in $(/sbin/ldconfig -p | sed -nE 's/.*=> (.*lib(ssl|crypto).*)/\\1/p'); do mount --bind /dev/null $f || exit; done; exec \"$0\" \"$@\"",
    ];

    private const string OnOneProcessor = "cpu=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//'); exec taskset -c \"$cpu\" \"$0\" \"$@\"";

    // It is published as one file that runs on the smallest base image; the runtime would load OpenSSL only when something asks for it.
    [Fact]
    public void It_starts_and_stops_on_a_machine_without_OpenSSL()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        using RunningAppliance appliance = RunningAppliance.Start(lab.Gateway, lab.Configuration(), [.. ByTcp(lab, "127.0.0.1:9478"), $"FIREWALL__FLOWLOGS__FOLDER={lab.Files["flowlogs"]}", .. WithoutOpenSsl]);
        appliance.WaitForLog("Admin API and page on http://127.0.0.1:9478/");
        const string Ask = "curl -s -o /dev/null -w '%{http_code}' -H \"Authorization: Bearer $(cat \"$0\")\" http://127.0.0.1:9478/v1/status";
        Assert.Equal("200", lab.Gateway.Run("sh", "-c", Ask, lab.Files["operator.token"]));
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        Assert.NotNull(asker.Ask(Lab.VmV4, 5000, new byte[3000])); // in fragments, which have a key of their own
        Assert.Equal(0, appliance.Terminate());
        Assert.NotEmpty(Directory.GetFiles(lab.Files["flowlogs"], "PT1H.json", SearchOption.AllDirectories)); // whose resources have numbers made of their names
    }

    [Fact]
    public void It_has_two_queues_for_each_processor_that_it_may_use()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        using (RunningAppliance all = RunningAppliance.Start(lab.Gateway, lab.Configuration()))
        {
            all.WaitForLog("Ready: ", $"queues {Math.Min(2 * Environment.ProcessorCount, 8)}");
            Assert.Equal(0, all.Terminate());
        }

        using RunningAppliance one = RunningAppliance.Start(lab.Gateway, lab.Configuration(), "sh", "-c", OnOneProcessor);
        one.WaitForLog("Ready: ", "queues 2");
        Assert.Equal(0, one.Terminate());
    }

    [Fact]
    public void Without_the_tun_device_file() => Refuses(1, "/dev/net/tun", lab => RunningAppliance.Try(
        lab.Gateway, lab.Configuration(), "unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /dev/net && exec \"$0\" \"$@\""));

    [Fact]
    public void Without_the_right_to_administer_the_network() => Refuses(1, "NET_ADMIN", lab => RunningAppliance.Try(
        lab.Gateway, lab.Configuration(), "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"));

    [Fact]
    public void With_an_interface_that_does_not_exist() => Refuses(1, "outsied", lab => RunningAppliance.Try(
        lab.Gateway, lab.Configuration(interfaces: "\"outsied\", \"inside\"")));

    [Fact]
    public void As_a_second_instance()
    {
        using var lab = new Lab();
        using RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        IsClear(1, "another instance", RunningAppliance.Try(lab.Gateway, lab.Configuration()));

        // And the first one goes on.
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, 5000, [1, 2]));
    }

    [Fact]
    public void As_a_second_instance_that_has_a_tun_of_its_own_and_the_tables_of_the_first()
    {
        using var lab = new Lab();
        using RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        string before = lab.Gateway.Ip("rule") + lab.Gateway.Ip("route", "show", "table", "all", "proto", "114");
        IsClear(1, "another first table", RunningAppliance.Try(lab.Gateway, lab.Configuration(), "env", "FIREWALL__TUN__NAME=fw1"));
        Assert.Equal(before, lab.Gateway.Ip("rule") + lab.Gateway.Ip("route", "show", "table", "all", "proto", "114"));
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, 5000, [1, 2]));
    }

    [Fact]
    public void With_a_name_for_the_tun_that_another_interface_has() => Refuses(1, "fw0",
        lab => RunningAppliance.Try(lab.Gateway, lab.Configuration()),
        prepare: lab => lab.Gateway.Ip("link", "add", "fw0", "type", "bridge"));

    [Fact]
    public void With_a_configuration_that_is_not_JSON() => Refuses(2, "firewall.json", lab =>
    {
        string file = lab.Configuration();
        File.WriteAllText(file, "{ \"Firewall\": { \"Mode\": ");
        return RunningAppliance.Try(lab.Gateway, file);
    });

    [Fact]
    public void With_a_key_that_is_not_known() => Refuses(2, "Interfases", lab =>
    {
        string file = lab.Configuration();
        File.WriteAllText(file, File.ReadAllText(file).Replace("Interfaces", "Interfases", StringComparison.Ordinal));
        return RunningAppliance.Try(lab.Gateway, file);
    });

    [Fact]
    public void Without_a_configuration_file() => Refuses(2, "nowhere.json", lab => RunningAppliance.Try(lab.Gateway, lab.Files["nowhere.json"]));

    [Fact]
    public void Without_a_rules_file() => Refuses(2, "rules.json", lab =>
    {
        File.Delete(lab.Rules);
        return RunningAppliance.Try(lab.Gateway, lab.Configuration());
    });

    [Fact]
    public void With_the_admin_API_open_to_the_network_without_TLS() => Refuses(2, "Firewall:Admin:Tcp:Listen", lab => RunningAppliance.Try(
        lab.Gateway, lab.Configuration(), ByTcp(lab, "0.0.0.0:9478")));

    [Fact]
    public void With_a_token_that_others_may_read() => Refuses(2, "chmod 600", lab =>
    {
        string[] before = ByTcp(lab, "127.0.0.1:9478");
        Shell.Run("chmod", "644", lab.Files["operator.token"]);
        return RunningAppliance.Try(lab.Gateway, lab.Configuration(), before);
    });

    [Fact]
    public void With_TLS_and_without_OpenSSL() => Refuses(2, "OpenSSL", lab => RunningAppliance.Try(
        lab.Gateway, lab.Configuration(), [.. ByTcp(lab, "0.0.0.0:9478"), $"FIREWALL__ADMIN__TCP__CERTIFICATE={lab.WriteSecret("tls.pem", "")}", .. WithoutOpenSsl]));

    [Fact]
    public void With_a_rule_that_is_not_valid() => Refuses(2, "SecurityRuleInvalidPriority", lab =>
    {
        lab.WriteRules(Nsg.Group(Nsg.Rule("allow-ssh", 99, "Tcp", "22")));
        return RunningAppliance.Try(lab.Gateway, lab.Configuration());
    });

    private static string[] ByTcp(Lab lab, string listen) =>
    [
        "env", $"FIREWALL__ADMIN__TCP__LISTEN={listen}", "FIREWALL__ADMIN__TCP__PAGE=true",
        $"FIREWALL__ADMIN__TCP__OPERATORTOKENFILE={lab.WriteSecret("operator.token", "0123456789abcdef0123456789abcdef")}",
    ];

    // A lab with an empty group; the attempt must be refused and leave everything as it was.
    private static void Refuses(int code, string named, Func<Lab, (int ExitCode, string Output)> attempt, Action<Lab>? prepare = null)
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group());
        prepare?.Invoke(lab);
        string before = lab.Gateway.RoutingState();
        IsClear(code, named, attempt(lab));
        Assert.Equal(before, lab.Gateway.RoutingState());
    }

    private static void IsClear(int code, string named, (int ExitCode, string Output) result)
    {
        string[] errors = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => !IsLog(l, "info"))];
        Assert.Contains(named, result.Output, StringComparison.Ordinal);
        Assert.True(errors.Length <= 2 && errors.Any(l => l.Contains(named, StringComparison.Ordinal)), $"not one clear line:\n{result.Output}");
        Assert.DoesNotContain("internal error", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Output, StringComparison.Ordinal);
        Assert.Equal(code, result.ExitCode);
    }

    private static bool IsLog(string line, string level) => line.Split(' ') is [_, var second, ..] && second == level;
}
