using System.Globalization;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>The appliance has no right that it does not need, whoever starts it (docs/decisions/0038-least-privilege.md).</summary>
public sealed class LeastPrivilegeTests
{
    // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, NET_BIND_SERVICE, NET_ADMIN: their numbers in linux/capability.h.
    private const ulong Needed = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 10 | 1 << 12;
    private const ulong NetAdmin = 1 << 12;

    [Fact]
    public void Started_by_root_with_all_rights_no_thread_keeps_more_than_it_needs()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group(Nsg.AllowService));
        string[] threads = Directory.GetDirectories($"/proc/{appliance.Process}/task");
        Assert.True(threads.Length > 2);
        foreach (string thread in threads)
        {
            foreach (string set in (string[])["CapPrm", "CapEff", "CapBnd"]) Assert.Equal(Needed, Capabilities(thread, set));
        }

        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
        Assert.Equal([1], asker.Ask(Lab.VmV4, 5000, [1]));
        Assert.Equal(0, appliance.Terminate());
    }

    [Fact]
    public void Started_with_one_right_and_no_way_to_give_it_up_it_keeps_that()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group(Nsg.AllowService));
        using RunningAppliance appliance = RunningAppliance.Start(
            lab.Gateway, lab.Configuration(), "setpriv", "--bounding-set", "-all,+net_admin", "--inh-caps", "-all");
        Assert.Equal(NetAdmin, Capabilities($"/proc/{appliance.Process}", "CapEff"));
        Assert.Equal(0, appliance.Terminate());
    }

    [Fact]
    public void Arguments_arrive_as_they_were_given()
    {
        using var lab = new Lab();
        lab.WriteRules(Nsg.Group());
        string odd = lab.Files["a b  ü\n'\".json"];
        File.Copy(lab.Configuration(), odd);
        (int exitCode, string output) = RunningAppliance.Try(lab.Gateway, odd + ".missing");
        Assert.Equal(2, exitCode);
        Assert.Contains("a b  ü", output, StringComparison.Ordinal);
        using RunningAppliance appliance = RunningAppliance.Start(lab.Gateway, odd);
        Assert.Equal(0, appliance.Terminate());
    }

    private static ulong Capabilities(string process, string set)
    {
        string line = File.ReadLines($"{process}/status").First(l => l.StartsWith(set, StringComparison.Ordinal));
        return ulong.Parse(line.AsSpan(line.IndexOf(':', StringComparison.Ordinal) + 1).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
