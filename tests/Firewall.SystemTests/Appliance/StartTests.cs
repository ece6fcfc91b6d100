using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>What keeps the appliance from starting: one clear line on standard error each, and an exit code that scripts can rely on.</summary>
public sealed class StartTests
{
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
    public void With_a_rule_that_is_not_valid() => Refuses(2, "SecurityRuleInvalidPriority", lab =>
    {
        lab.WriteRules(Nsg.Group(Nsg.Rule("allow-ssh", 99, "Tcp", "22")));
        return RunningAppliance.Try(lab.Gateway, lab.Configuration());
    });

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
