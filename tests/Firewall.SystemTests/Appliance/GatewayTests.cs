using System.Diagnostics;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

public sealed class GatewayTests
{
    [Theory]
    [InlineData(Lab.VmV4, Lab.ClientV4)]
    [InlineData(Lab.VmV6, Lab.ClientV6)]
    public void Ssh_times_out_until_a_rule_allows_it_and_the_log_names_the_default_rule(string vm, string client)
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        sshd.Connects(lab.Client, vm); // the network itself works

        using RunningAppliance appliance = lab.StartGateway(Nsg.Group());
        sshd.TimesOut(lab.Client, vm);
        appliance.WaitForLog("Denied Tcp", client, vm, "DefaultRule_DenyAllInBound");

        lab.WriteRules(Nsg.Group(Nsg.AllowSsh));
        appliance.WaitForPolicy(2);
        sshd.Connects(lab.Client, vm);
    }

    [Theory]
    [InlineData(Lab.VmV4)]
    [InlineData(Lab.VmV6)]
    public void A_running_ssh_session_outlives_its_rule_until_connections_are_flushed(string vm)
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowSsh));
        using Process session = sshd.StartSession(lab.Client, vm);
        Assert.Equal("one", SshServer.Say(session, "one"));

        lab.WriteRules(Nsg.Group());
        appliance.WaitForPolicy(2);
        sshd.TimesOut(lab.Client, vm);
        Assert.Equal("two", SshServer.Say(session, "two"));

        lab.WriteRules(Nsg.Group(flushConnection: true));
        appliance.WaitForPolicy(3);
        Assert.Null(SshServer.Say(session, "three"));
        session.Kill();
    }

    // systemd-networkd, netplan and people take away rules and routes that they do not know; packets would go past the firewall.
    [Theory]
    [InlineData("-4")]
    [InlineData("-6")]
    public void Routing_rules_and_routes_that_somebody_deletes_come_back(string family)
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group());
        string rules = lab.Gateway.Ip(family, "rule");
        string routes = lab.Gateway.Ip(family, "route", "show", "table", "all", "proto", "114");
        Assert.NotEmpty(routes);

        lab.Gateway.Ip(family, "rule", "flush", "protocol", "114");
        Wait.Until(() => lab.Gateway.Ip(family, "rule") == rules, "the rules do not come back");
        lab.Gateway.Ip(family, "route", "flush", "table", "all", "proto", "114");
        Wait.Until(() => lab.Gateway.Ip(family, "route", "show", "table", "all", "proto", "114") == routes, "the routes do not come back");
        Assert.Equal(0, appliance.Terminate());
    }

    [Theory]
    [InlineData(Lab.ClientV4, Lab.VmV4)]
    [InlineData(Lab.ClientV6, Lab.VmV6)]
    public void A_datagram_to_an_allowed_port_is_answered_and_one_to_another_port_is_not(string client, string vm)
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.Rule("allow-dns", 100, "Udp", "53")));
        using UdpPeer dns = new UdpPeer(lab.Vm, vm, 53).AnswerAll();
        using UdpPeer other = new UdpPeer(lab.Vm, vm, 54).AnswerAll();
        using var resolver = new UdpPeer(lab.Client, client);

        Assert.Equal([3, 2, 1], resolver.Ask(vm, 53, [1, 2, 3]));
        Assert.Null(resolver.Ask(vm, 54, [1, 2, 3]));
        appliance.WaitForLog("Denied Udp", "DefaultRule_DenyAllInBound");
    }

    [Theory]
    [InlineData(Lab.ClientV4, Lab.VmV4)]
    [InlineData(Lab.ClientV6, Lab.VmV6)]
    public void What_the_vm_sends_to_the_internet_needs_no_rule_and_is_answered(string client, string vm)
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group());
        using UdpPeer server = new UdpPeer(lab.Client, client, 53).AnswerAll();
        using var resolver = new UdpPeer(lab.Vm, vm);

        Assert.Equal([3, 2, 1], resolver.Ask(client, 53, [1, 2, 3]));
    }

    [Theory]
    [InlineData(Lab.VmV4, "Icmp")]
    [InlineData(Lab.VmV6, "Icmpv6")]
    public void Ping_is_answered_once_a_rule_allows_it(string vm, string protocol)
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group());
        Assert.Equal(1, lab.Client.Try("ping", "-c", "2", "-i", "0.2", "-W", "1", vm).ExitCode);

        lab.WriteRules(Nsg.Group(Nsg.Rule("allow-ping", 100, protocol, "*")));
        appliance.WaitForPolicy(2);
        (int code, string output) = lab.Client.Try("ping", "-c", "3", "-i", "0.2", "-W", "1", vm);
        Assert.Contains("3 received", output, StringComparison.Ordinal);
        Assert.Equal(0, code);
    }

    [Theory]
    [InlineData(Lab.ClientV4, Lab.VmV4)]
    [InlineData(Lab.ClientV6, Lab.VmV6)]
    public void A_large_datagram_comes_through_in_fragments(string client, string vm)
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        using UdpPeer server = new UdpPeer(lab.Vm, vm, 5000).AnswerAll();
        using var asker = new UdpPeer(lab.Client, client);
        byte[] question = [.. Enumerable.Range(0, 20_000).Select(i => (byte)(i * 31 / 7))];

        byte[]? answer = asker.Ask(vm, 5000, question);
        Assert.NotNull(answer);
        Array.Reverse(answer);
        Assert.Equal(question, answer);
    }
}
