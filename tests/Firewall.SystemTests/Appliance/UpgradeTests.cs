using System.Diagnostics;
using System.Globalization;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>An upgrade of the running executable costs neither a packet nor a connection, and one that fails costs nothing.</summary>
public sealed class UpgradeTests(ITestOutputHelper output)
{
    private const int DatagramPort = 5000;
    private const int BulkPort = 5001;
    private const int Rate = 50_000;

    // FIREWALL_UPGRADES=20 for the long run.
    private static int Upgrades => int.TryParse(Environment.GetEnvironmentVariable("FIREWALL_UPGRADES"), CultureInfo.InvariantCulture, out int upgrades) ? upgrades : 4;

    [Theory]
    [InlineData(1)]
    [InlineData(64)] // on all queues
    public void Under_a_stream_of_numbered_datagrams_none_is_lost_and_none_comes_twice(int flows)
    {
        using var lab = new Lab();
        string before = lab.Gateway.RoutingState() + lab.Gateway.Ip("-o", "link", "show");
        RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        try
        {
            using var datagrams = new NumberedDatagrams(lab, DatagramPort, Rate, flows);
            for (int upgrade = 1; upgrade <= Upgrades; upgrade++)
            {
                WaitForMore(datagrams, Rate / 10);
                appliance = Follow(lab, appliance);
            }

            WaitForMore(datagrams, Rate / 10);
            (int sent, IReadOnlyList<int> lost) = datagrams.End();
            output.WriteLine($"{sent} sent, {lost.Count} lost, {datagrams.Reordered} reordered, {datagrams.Duplicated} twice, {Upgrades} upgrades");
            Assert.True(lost.Count == 0, lab.Gateway.Ip("-s", "link", "show", "fw0") + appliance.Log);
            Assert.Equal(0, datagrams.Duplicated);
            Assert.Equal(0, datagrams.Reordered);
            Assert.Equal(0, appliance.Terminate());
            Assert.Equal(before, lab.Gateway.RoutingState() + lab.Gateway.Ip("-o", "link", "show"));
        }
        finally
        {
            appliance.Dispose();
        }
    }

    [Fact]
    public void An_ssh_session_and_a_bulk_transfer_go_on_also_when_no_rule_allows_them_any_more()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowSsh, Nsg.AllowService));
        try
        {
            using Process session = sshd.StartSession(lab.Client, Lab.VmV4);
            Assert.Equal("begin", SshServer.Say(session, "begin"));
            using var transfer = new BulkTransfer(lab, BulkPort);
            lab.WriteRules(Nsg.Group());
            appliance.WaitForPolicy(2);
            for (int upgrade = 1; upgrade <= 2; upgrade++)
            {
                appliance = Follow(lab, appliance);
                Assert.Equal($"after {upgrade}", SshServer.Say(session, $"after {upgrade}"));
            }

            session.Kill();
            output.WriteLine($"{transfer.EndWhole() >> 20} MiB came through whole");
        }
        finally
        {
            appliance.Dispose();
        }
    }

    [Fact]
    public void By_the_signal_the_executable_of_now_follows_with_the_same_arguments()
    {
        using var lab = new Lab();
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, DatagramPort).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        using RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, DatagramPort, [1, 2]));

        Assert.Equal(0, first.Signal("-USR2"));
        first.WaitForLog("Handed over to process ");
        string followed = first.WaitForLog("Took over from process ");
        output.WriteLine(followed);
        first.WaitForLog("adopted 1 flows");
        Assert.Equal([4, 3], asker.Ask(Lab.VmV4, DatagramPort, [3, 4]));

        // It has no other name than this one to be ended by.
        string started = first.WaitForLog("Upgrade: process ");
        string successor = started.Split("Upgrade: process ")[1].Split(' ')[0];
        Shell.Run("kill", "-TERM", successor);
        first.WaitForLog("Stopped; ");
    }

    [Fact]
    public void The_number_of_queues_stays_where_the_configuration_leaves_it_open()
    {
        using var lab = new Lab();
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, DatagramPort).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        using RunningAppliance first = RunningAppliance.Start(lab.Gateway, lab.Configuration(), "env", "FIREWALL__TUN__QUEUES=3");
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, DatagramPort, [1, 2]));
        using RunningAppliance second = RunningAppliance.Follow(lab.Gateway, lab.Configuration());
        Assert.Equal(0, first.WaitForEnd());
        second.WaitForLog("Ready: ", "queues 3");
        second.WaitForLog("adopted 1 flows");
        Assert.Equal([4, 3], asker.Ask(Lab.VmV4, DatagramPort, [3, 4]));
        Assert.Equal(0, second.Terminate());
    }

    [Fact]
    public void A_successor_that_cannot_start_leaves_the_running_one_in_charge()
    {
        using var lab = new Lab();
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, DatagramPort).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        using RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, DatagramPort, [1, 2]));
        string configuration = lab.Configuration();

        string broken = lab.Files["broken.json"];
        File.WriteAllText(broken, File.ReadAllText(configuration).Replace("\"Mode\"", "\"Tun\": { \"Queues\": 7 }, \"Mode\"", StringComparison.Ordinal));
        (int code, string said) = RunningAppliance.TryFollow(lab.Gateway, broken);
        Assert.True(code == 1, said);
        Assert.Contains("Firewall:Tun:Queues is 7", said, StringComparison.Ordinal);
        first.WaitForLog("did not take over");
        Assert.Equal([4, 3], asker.Ask(Lab.VmV4, DatagramPort, [3, 4]));

        Shell.Run("chmod", "-R", "o+rX", Path.GetDirectoryName(configuration)!);
        (code, said) = RunningAppliance.TryFollow(lab.Gateway, configuration, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups");
        Assert.True(code == 1, said);
        Assert.Contains("does not hand over", said, StringComparison.Ordinal);
        first.WaitForLog("of user 65534 asked to take over and was refused");
        Assert.Equal([6, 5], asker.Ask(Lab.VmV4, DatagramPort, [5, 6]));

        Assert.Equal(0, first.Terminate());
    }

    [Fact]
    public void A_successor_that_does_not_find_the_flows_leaves_the_running_one_in_charge()
    {
        using var lab = new Lab();
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, DatagramPort).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        using RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, DatagramPort, [1, 2]));

        // With a /run of its own, as in another container that shares the network alone.
        (int code, string said) = RunningAppliance.TryFollow(lab.Gateway, lab.Configuration(), "unshare", "--mount", "sh", "-c", "mount -t tmpfs run /run && exec \"$@\"", "sh");
        Assert.True(code == 1, said);
        Assert.Contains("does not exist here, so connections would end", said, StringComparison.Ordinal);
        first.WaitForLog("did not take over");
        lab.WriteRules(Nsg.Group());
        first.WaitForPolicy(2);
        Assert.Equal([4, 3], asker.Ask(Lab.VmV4, DatagramPort, [3, 4]));
        Assert.Equal(0, first.Terminate());
    }

    [Fact]
    public void A_successor_that_dies_while_the_other_waits_for_it_is_not_missed()
    {
        using var lab = new Lab();
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, DatagramPort).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        using RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, DatagramPort, [1, 2]));

        foreach (string[] words in new string[][] { ["pause"], ["pause", "ready"], ["nonsense"] })
        {
            using (var successor = new FalseSuccessor(lab))
            {
                foreach (string word in words)
                {
                    if (word == "nonsense") successor.Say(word);
                    else successor.Ask(word);
                }
            }

            Assert.Equal([4, 3], asker.Ask(Lab.VmV4, DatagramPort, [3, 4]));
        }

        first.WaitForLog("The successor is gone");
        lab.WriteRules(Nsg.Group());
        first.WaitForPolicy(2);
        Assert.Equal(0, first.Terminate());
    }

    private static RunningAppliance Follow(Lab lab, RunningAppliance running)
    {
        RunningAppliance successor = RunningAppliance.Follow(lab.Gateway, lab.Configuration());
        Assert.Equal(0, running.WaitForEnd());
        running.Dispose();
        return successor;
    }

    private static void WaitForMore(NumberedDatagrams datagrams, int count)
    {
        int goal = datagrams.Received + count;
        Wait.Until(() => datagrams.Received >= goal, "the datagrams stand still");
    }
}
