using System.Diagnostics;
using System.Globalization;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>Connections outlive the process: killed at any moment, and started again, it knows them still.</summary>
public sealed class SurvivalTests(ITestOutputHelper output)
{
    private const int BulkPort = 5001;

    // FIREWALL_KILLS=50 for the long run.
    private static int Kills => int.TryParse(Environment.GetEnvironmentVariable("FIREWALL_KILLS"), CultureInfo.InvariantCulture, out int kills) ? kills : 5;

    [Fact]
    public void A_running_ssh_session_and_a_bulk_transfer_go_on_over_kills_at_random_moments()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}, {Kills} kills");
        var random = new Random(seed);
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        string rules = Nsg.Group(Nsg.AllowSsh, Nsg.AllowService);
        RunningAppliance appliance = lab.StartGateway(rules);
        try
        {
            using Process session = sshd.StartSession(lab.Client, Lab.VmV4);
            Assert.Equal("begin", SshServer.Say(session, "begin"));
            using var transfer = new BulkTransfer(lab, BulkPort);
            for (int kill = 1; kill <= Kills; kill++)
            {
                Thread.Sleep(random.Next(400)); // the moment is the point of the test
                appliance.Kill();
                Assert.Contains("fw0", lab.Gateway.Ip("link", "show", "fw0"), StringComparison.Ordinal);
                appliance.Dispose();
                appliance = lab.StartGateway(rules);
                string adopted = appliance.WaitForLog("adopted ");
                if (kill == 1) output.WriteLine(adopted);
                Assert.Equal($"after {kill}", SshServer.Say(session, $"after {kill}"));
                WaitForProgress(transfer);
            }

            // Only flows that it remembers pass: with a rule for new ones gone, the old ones go on all the same.
            lab.WriteRules(Nsg.Group());
            appliance.WaitForPolicy(2);
            Assert.Equal("end", SshServer.Say(session, "end"));
            WaitForProgress(transfer);
            session.Kill();
            output.WriteLine($"{transfer.EndWhole() >> 20} MiB came through whole");
        }
        finally
        {
            appliance.Dispose();
        }
    }

    [Fact]
    public void While_no_process_holds_the_device_nothing_passes()
    {
        using var lab = new Lab();
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        string before = Interfaces(lab.Gateway);
        using (RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService)))
        {
            Assert.Equal([2, 1], asker.Ask(Lab.VmV4, 5000, [1, 2]));
            first.Kill();
        }

        Assert.Null(asker.Ask(Lab.VmV4, 5000, [1, 2]));
        using RunningAppliance second = lab.StartGateway(Nsg.Group());
        Assert.Equal([4, 3], asker.Ask(Lab.VmV4, 5000, [3, 4])); // no rule allows it, but the flow does
        Assert.Equal(0, second.Terminate());
        Assert.Equal(before, Interfaces(lab.Gateway));
    }

    [Theory]
    [InlineData("2")]
    [InlineData("1")] // which needs another interface: the kernel fixes at the making whether there may be several
    public void An_interface_that_was_left_behind_is_taken_over_also_by_who_will_leave_none_behind(string queues)
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        string before = Interfaces(lab.Gateway);
        using (RunningAppliance first = RunningAppliance.Start(lab.Gateway, lab.Configuration(), "env", "FIREWALL__TUN__QUEUES=2")) first.Kill();
        Assert.Contains("fw0", lab.Gateway.Ip("link"), StringComparison.Ordinal);

        string[] circumstances = ["env", "FIREWALL__TUN__PERSISTENT=false", $"FIREWALL__TUN__QUEUES={queues}"];
        using (RunningAppliance second = RunningAppliance.Start(lab.Gateway, lab.Configuration(), circumstances))
        {
            Assert.Equal([2, 1], asker.Ask(Lab.VmV4, 5000, [1, 2]));
            second.Kill();
        }

        Wait.Until(() => !lab.Gateway.Ip("link").Contains("fw0", StringComparison.Ordinal), "the interface outlives a process that was to take it along");
        using RunningAppliance third = RunningAppliance.Start(lab.Gateway, lab.Configuration(), circumstances);
        Assert.Equal([4, 3], asker.Ask(Lab.VmV4, 5000, [3, 4]));
        Assert.Equal(0, third.Terminate());
        Assert.Equal(before, Interfaces(lab.Gateway));
    }

    [Fact]
    public void Flows_are_judged_again_after_a_kill_where_connections_are_flushed()
    {
        using var lab = new Lab();
        using var sshd = new SshServer(lab.Vm);
        Process session;
        using (RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowSsh)))
        {
            session = sshd.StartSession(lab.Client, Lab.VmV4);
            Assert.Equal("one", SshServer.Say(session, "one"));
            first.Kill();
        }

        using RunningAppliance second = lab.StartGateway(Nsg.Group(flushConnection: true));
        Assert.Null(SshServer.Say(session, "two"));
        session.Kill();
        session.Dispose();
    }

    private static void WaitForProgress(BulkTransfer transfer)
    {
        long goal = transfer.Received + (1 << 20);
        long start = Stopwatch.GetTimestamp();
        while (transfer.Received < goal)
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20), "the transfer stands still");
            Thread.Sleep(10);
        }
    }

    private static string Interfaces(NetworkNamespace place) => place.Ip("-o", "link", "show") + place.Ip("rule");
}
