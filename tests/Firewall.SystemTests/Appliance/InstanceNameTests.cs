using System.Diagnostics;
using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>Anybody on the machine may bind a name in the abstract namespace of Unix sockets, also the one that an instance is known by.</summary>
public sealed class InstanceNameTests
{
    private const int Port = 5000;

    private static readonly string[] AsNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

    [Theory]
    [InlineData("listening", "of user 65534")]
    [InlineData("bound", "does not answer")]
    [InlineData("full", "does not answer")]
    public void Whoever_takes_it_first_keeps_the_appliance_neither_from_its_start_nor_from_its_upgrade(string how, string called)
    {
        using var lab = new Lab();
        using Process squatter = Child.Start(lab.Gateway, $"squat firewall/fw0 {how}", AsNobody);
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, Port).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        using RunningAppliance first = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        first.WaitForLog("The usual name of the instance lock is held by", called);
        Assert.Equal([2, 1], asker.Ask(Lab.VmV4, Port, [1, 2]));

        (int code, string said) = RunningAppliance.Try(lab.Gateway, lab.Configuration());
        Assert.True(code == 1, said);
        Assert.Contains($"another instance already runs on fw0 in this network namespace, process {first.Process};", said, StringComparison.Ordinal);

        using RunningAppliance second = RunningAppliance.Follow(lab.Gateway, lab.Configuration());
        Assert.Equal(0, first.WaitForEnd());
        second.WaitForLog($"Took over from process {first.Process}");
        Assert.Equal([4, 3], asker.Ask(Lab.VmV4, Port, [3, 4]));

        // Who is in charge now is told by its own number, and found where the first one was.
        squatter.Kill();
        squatter.WaitForExit();
        (code, said) = RunningAppliance.Try(lab.Gateway, lab.Configuration());
        Assert.True(code == 1, said);
        Assert.Contains($"process {second.Process};", said, StringComparison.Ordinal);
        using RunningAppliance third = RunningAppliance.Follow(lab.Gateway, lab.Configuration());
        Assert.Equal(0, second.WaitForEnd());
        third.WaitForLog($"Took over from process {second.Process}");
        Assert.Equal(0, third.Terminate());
    }

    [Fact]
    public void Of_two_that_start_at_the_same_moment_one_runs()
    {
        using var lab = new Lab();
        using Process squatter = Child.Start(lab.Gateway, "squat firewall/fw0 listening", AsNobody);
        lab.WriteRules(Nsg.Group());
        string configuration = lab.Configuration();
        RunningAppliance[] both = [.. Enumerable.Range(0, 2).AsParallel().WithDegreeOfParallelism(2).Select(_ => RunningAppliance.StartUnwaited(lab.Gateway, configuration))];
        try
        {
            Wait.Until(() => both.Any(one => one.Log.Contains("another instance", StringComparison.Ordinal)), "nobody gave up");
            RunningAppliance left = both.First(one => !one.Log.Contains("another instance", StringComparison.Ordinal));
            left.WaitForLog("Ready: ");
            Assert.Equal(1, both.First(one => one != left).WaitForEnd());
            Assert.Equal(0, left.Terminate());
        }
        finally
        {
            foreach (RunningAppliance one in both) one.Dispose();
        }
    }
}
