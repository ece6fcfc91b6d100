using Firewall.SystemTests.Linux;
using Xunit;

namespace Firewall.SystemTests.Appliance;

public sealed class StopTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sigterm_leaves_rules_routes_settings_and_interfaces_as_they_were(bool host)
    {
        using var lab = new Lab();
        NetworkNamespace place = host ? lab.Vm : lab.Gateway;
        string before = State(place);
        using RunningAppliance appliance = host ? lab.StartHost(Nsg.Group()) : lab.StartGateway(Nsg.Group());
        Assert.NotEqual(before, State(place));

        Assert.Equal(0, appliance.Terminate());
        Assert.Equal(before, State(place));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void After_a_kill_it_starts_again_works_and_still_leaves_everything_as_it_was(bool host)
    {
        using var lab = new Lab();
        NetworkNamespace place = host ? lab.Vm : lab.Gateway;
        using UdpPeer server = new UdpPeer(lab.Vm, Lab.VmV4, 5000).AnswerAll();
        string before = State(place);
        string rules = Nsg.Group(Nsg.AllowService);
        using (RunningAppliance first = host ? lab.StartHost(rules) : lab.StartGateway(rules))
        {
            using var asker = new UdpPeer(lab.Client, Lab.ClientV4);
            Assert.Equal([2, 1], asker.Ask(Lab.VmV4, 5000, [1, 2]));
            first.Kill();
        }

        using RunningAppliance second = host ? lab.StartHost(rules) : lab.StartGateway(rules);
        using var again = new UdpPeer(lab.Client, Lab.ClientV4);
        Assert.Equal([2, 1], again.Ask(Lab.VmV4, 5000, [1, 2]));
        Assert.Equal(0, second.Terminate());
        Assert.Equal(before, State(place));
    }

    [Fact]
    public void Sigint_ends_it_as_well()
    {
        using var lab = new Lab();
        using RunningAppliance appliance = lab.StartGateway(Nsg.Group());
        Assert.Equal(0, appliance.Interrupt());
    }

    private static string State(NetworkNamespace place) =>
        string.Join('\n', place.RoutingState(), place.Ip("-o", "link", "show"), place.Ip("-o", "addr", "show"));
}
