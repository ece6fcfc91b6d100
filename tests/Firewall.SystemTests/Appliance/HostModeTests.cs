using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>The appliance on the machine that it protects; the gateway is a plain router here.</summary>
public sealed class HostModeTests
{
    [Theory]
    [InlineData(Lab.VmV4, Lab.ClientV4)]
    [InlineData(Lab.VmV6, Lab.ClientV6)]
    public void Ssh_to_the_machine_itself_times_out_until_a_rule_allows_it(string vm, string client)
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        sshd.Connects(lab.Client, vm);

        using RunningAppliance appliance = lab.StartHost(Nsg.Group());
        sshd.TimesOut(lab.Client, vm);
        appliance.WaitForLog("Denied Tcp", client, vm, "DefaultRule_DenyAllInBound");

        lab.WriteRules(Nsg.Group(Nsg.AllowSsh));
        appliance.WaitForPolicy(2);
        sshd.Connects(lab.Client, vm);
    }

    [Theory]
    [InlineData(Lab.ClientV4, Lab.VmV4)]
    [InlineData(Lab.ClientV6, Lab.VmV6)]
    public void The_machine_reaches_others_and_a_rule_can_forbid_it(string client, string vm)
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartHost(Nsg.Group());
        using UdpPeer server = new UdpPeer(lab.Client, client, 53).AnswerAll();
        using (var resolver = new UdpPeer(lab.Vm, vm)) Assert.Equal([3, 2, 1], resolver.Ask(client, 53, [1, 2, 3]));

        lab.WriteRules(Nsg.Group(Nsg.Rule("deny-dns", 100, "Udp", "53", "Outbound", "Deny")));
        appliance.WaitForPolicy(2);
        using var another = new UdpPeer(lab.Vm, vm);
        Assert.Null(another.Ask(client, 53, [1, 2, 3]));
        appliance.WaitForLog("Denied Udp", vm, client, "UserRule_deny-dns");
    }

    [Fact]
    public void The_loopback_is_left_alone()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        using RunningAppliance appliance = lab.StartHost(Nsg.Group(Nsg.Rule("deny-all-out", 100, "*", "*", "Outbound", "Deny")));
        sshd.Connects(lab.Vm, "127.0.0.1");
        sshd.Connects(lab.Vm, "::1");
    }

    [Fact]
    public void A_machine_behind_the_gateway_can_ping_the_protected_one_only_by_a_rule()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartHost(Nsg.Group());
        NetworkNamespace client = lab.Client;
        Assert.Equal(1, client.Try("ping", "-c", "2", "-i", "0.2", "-W", "1", Lab.VmV4).ExitCode);

        lab.WriteRules(Nsg.Group(Nsg.Rule("allow-ping", 100, "Icmp", "*")));
        appliance.WaitForPolicy(2);
        Assert.Equal(0, client.Try("ping", "-c", "3", "-i", "0.2", "-W", "1", Lab.VmV4).ExitCode);
    }
}
