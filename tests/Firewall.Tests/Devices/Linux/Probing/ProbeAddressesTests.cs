using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;
using Firewall.Devices.Linux.Probing;
using Xunit;

namespace Firewall.Tests.Devices.Linux.Probing;

public sealed class ProbeAddressesTests
{
    private readonly Random _random = new(7);

    [Fact]
    public void A_pair_of_neighbours_is_chosen_of_each_family()
    {
        for (int i = 0; i < 1000; i++)
        {
            ProbeAddresses v4 = Choose(true)!;
            Assert.Equal(31, v4.PrefixLength);
            Assert.True(Prefix("169.254.0.0/16").Contains(v4.Own));
            Assert.False(Prefix("169.254.169.254/32").Contains(v4.Own));
            Assert.Equal(v4.Peer, IpPrefix.Create(v4.Own, 31).Last);
            ProbeAddresses v6 = Choose(false)!;
            Assert.Equal(127, v6.PrefixLength);
            Assert.True(Prefix("fd00::/8").Contains(v6.Own));
            Assert.Equal(v6.Peer, IpPrefix.Create(v6.Own, 127).Last);
        }
    }

    [Theory]
    [InlineData("169.254.0.0/16", "198.18.0.0/15")]
    [InlineData("160.0.0.0/4", "198.18.0.0/15")]
    public void What_a_route_leads_to_is_left_alone(string taken, string other)
    {
        for (int i = 0; i < 100; i++) Assert.True(Prefix(other).Contains(Choose(true, taken, "0.0.0.0/0", "::/0")!.Own) || Prefix("192.0.2.0/24").Contains(Choose(true, taken)!.Own));
    }

    [Fact]
    public void Default_routes_in_one_or_two_halves_lead_to_nothing_in_particular() =>
        Assert.NotNull(Choose(true, "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"));

    [Fact]
    public void Where_all_is_in_use_there_is_none()
    {
        Assert.Null(Choose(true, "169.254.0.0/16", "198.18.0.0/15", "192.0.0.0/16"));
        Assert.Null(Choose(false, "fc00::/7"));
        var own = new InterfaceAddress(2, IpAddress.FromIPv4(0xA9FE_0102), 16, 0, 0);
        for (int i = 0; i < 100; i++)
            Assert.False(Prefix("169.254.0.0/16").Contains(ProbeAddresses.Choose(true, [own], [], _random)!.Own));
    }

    private static IpPrefix Prefix(string text) => IpPrefix.TryParse(text, out IpPrefix prefix, out _) ? prefix : throw new ArgumentException(text);

    private ProbeAddresses? Choose(bool isIPv4, params string[] routes) => ProbeAddresses.Choose(
        isIPv4, [], [.. routes.Select(route => new Route { Destination = Prefix(route), Table = Route.MainTable })], _random);
}
