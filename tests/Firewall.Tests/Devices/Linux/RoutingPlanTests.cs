using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;
using Firewall.Devices.Linux.Routing;
using Xunit;

namespace Firewall.Tests.Devices.Linux;

public class RoutingPlanTests
{
    private const int Eth0 = 2, Mgmt = 3, Tun = 9;

    private static readonly RoutingOptions Options = new() { TunName = "fw0", Interfaces = ["eth0"] };
    private static readonly Link TunLink = new(Tun, "fw0", 1500, 1, 4096, "tun");

    [Fact]
    public void A_gateway_has_one_rule_for_each_family_and_interface_and_a_wall_behind_each_route_to_the_tun()
    {
        RoutingPlan plan = GatewayPlan.Build(Options with { Interfaces = ["eth0", "mgmt"] }, State(), TunLink);
        Assert.Equal(4, plan.Rules.Count);
        Assert.All(plan.Rules, rule => Assert.Equal((40u, 11_400u), (rule.Priority, rule.Table)));
        Assert.Equal(6, plan.Routes.Count); // and a mark in each table
        AssertWalled(plan);
        Assert.False(plan.MovesLocalRule);
        Assert.Empty(plan.Proxies);
    }

    [Fact]
    public void Ipv6_that_is_not_wanted_has_its_rules_and_nothing_but_walls()
    {
        RoutingPlan plan = GatewayPlan.Build(Options with { IPv6 = false }, State(), TunLink);
        Assert.Contains(plan.Rules, rule => rule.Family == NetlinkMessage.IPv6);
        Assert.All(plan.Routes.Where(route => !route.Destination.IsIPv4), route => Assert.Equal(RouteType.Unreachable, route.Type));
        Assert.DoesNotContain(plan.SettingsBefore.Concat(plan.SettingsAfter), setting => setting.Path.Contains("ipv6", StringComparison.Ordinal));
    }

    [Fact]
    public void A_host_mirrors_the_main_table_with_the_source_that_the_kernel_would_choose()
    {
        Route[] mirror = Mirror(
            InMain("10.0.0.0/24", Eth0, source: "10.0.0.4"),
            InMain("0.0.0.0/0", Eth0, gateway: "10.0.0.1"),
            InMain("10.9.0.0/16", Eth0, gateway: "10.0.1.1"),
            InMain("192.168.7.0/24", Mgmt, source: "192.168.7.4"));
        AssertThroughTun(mirror, "10.0.0.0/24", "10.0.0.4");
        AssertThroughTun(mirror, "0.0.0.0/0", "10.0.0.4");
        AssertThroughTun(mirror, "10.9.0.0/16", "10.0.1.4"); // the address in the gateway's own network
        Assert.Equal(RouteType.Throw, Assert.Single(mirror, route => route.Destination == Prefix("192.168.7.0/24")).Type);
    }

    [Fact]
    public void Of_several_routes_to_one_destination_the_usable_one_of_the_lowest_metric_is_mirrored()
    {
        Route[] mirror = Mirror(
            InMain("0.0.0.0/0", Mgmt, gateway: "192.168.7.1") with { Metric = 600 },
            InMain("0.0.0.0/0", Eth0, gateway: "10.0.0.1") with { Metric = 100 },
            InMain("0.0.0.0/0", Mgmt, gateway: "192.168.7.1") with { Metric = 50, IsDead = true });
        AssertThroughTun(mirror, "0.0.0.0/0", "10.0.0.4");
    }

    [Fact]
    public void A_default_by_another_interface_does_not_open_the_protected_prefixes_when_the_tun_goes()
    {
        Route[] mirror = Mirror(InMain("10.0.0.0/24", Eth0), InMain("0.0.0.0/0", Mgmt, gateway: "192.168.7.1"));
        Assert.Contains(GatewayPlan.Wall(Prefix("10.0.0.0/24"), Options.OutboundTable), mirror);
        Assert.Contains(mirror, route => route.Destination == Prefix("0.0.0.0/0") && route.Type == RouteType.Throw);
        Assert.Contains(GatewayPlan.Wall(Prefix("0.0.0.0/0"), Options.OutboundTable), mirror);
    }

    [Fact]
    public void Routes_that_refuse_stay_so_and_link_only_ones_are_left_out()
    {
        Route[] mirror =
        [
            .. Mirror(InMain("10.66.0.0/16", 0) with { Type = RouteType.Blackhole }),
            .. RouteMirror.Build(Options, State(InMain("fe80::/64", Eth0), InMain("ff00::/8", Eth0)), NetlinkMessage.IPv6, TunLink, isOpen: true),
        ];
        Assert.Equal(RouteType.Blackhole, Assert.Single(mirror, route => route.Destination == Prefix("10.66.0.0/16")).Type);
        Assert.DoesNotContain(mirror, route => route.Destination.Length is 64 or 8);
    }

    [Fact]
    public void A_host_moves_the_local_rule_behind_its_own_and_stays_within_its_priorities()
    {
        RoutingPlan plan = HostPlan.Build(Options, State(), TunLink);
        Assert.True(plan.MovesLocalRule);
        foreach (byte family in new[] { NetlinkMessage.IPv4, NetlinkMessage.IPv6 })
        {
            RoutingRule last = plan.Rules.Where(rule => rule.Family == family).MaxBy(rule => rule.Priority)!;
            Assert.Equal((59u, Route.LocalTable, null), (last.Priority, last.Table, last.InputInterface));
        }

        Assert.All(plan.Rules, rule => Assert.InRange(rule.Priority, Options.Priority, Options.LastPriority));
        Assert.Equal(plan.Rules.Count, plan.Rules.Distinct().Count());
        Assert.Equal(plan.Routes.Count, plan.Routes.Distinct().Count());
        Assert.Equal(["10.0.0.4", "10.0.1.4", "2001:db8:1::4"], plan.Proxies.Select(proxy => proxy.Address.ToString()).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("lo", "fw0", 40u, 11_400u, "cannot be a protected interface")]
    [InlineData("fw0", "fw0", 40u, 11_400u, "cannot be a protected interface")]
    [InlineData("eth 0", "fw0", 40u, 11_400u, "not allowed")]
    [InlineData("eth0", "a-name-of-16-chr", 40u, 11_400u, "too long")]
    [InlineData("eth0", "fw0", 0u, 11_400u, "1 to 32000")]
    [InlineData("eth0", "fw0", 32_700u, 11_400u, "1 to 32000")]
    [InlineData("eth0", "fw0", 40u, 252u, "none of the kernel's own")]
    [InlineData("eth0", "fw0", 40u, 0u, "none of the kernel's own")]
    public void Wrong_options_are_refused_with_the_reason(string name, string tun, uint priority, uint table, string reason)
    {
        var options = new RoutingOptions { Interfaces = [name], TunName = tun, Priority = priority, Table = table };
        Assert.Contains(reason, Assert.Throws<RoutingException>(() => new GatewayRouting(options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fw0", 0xFEDF_B36E)]
    [InlineData("fw1", 0xFFDF_B501)]
    public void A_tun_has_a_number_of_its_own_that_no_version_may_change(string name, uint number)
    {
        Assert.Equal(number, PlanMetrics.OwnerOf(name));
        Assert.InRange(number, PlanMetrics.Open + 1, PlanMetrics.Wall - 1);
    }

    [Fact]
    public void An_interface_named_twice_and_none_at_all_are_refused()
    {
        Assert.Throws<RoutingException>(() => new HostRouting(Options with { Interfaces = ["eth0", "eth0"] }));
        Assert.Throws<RoutingException>(() => new HostRouting(Options with { Interfaces = [] }));
    }

    private static void AssertThroughTun(Route[] mirror, string destination, string source)
    {
        Assert.Contains(
            new Route
            {
                Destination = Prefix(destination),
                Table = Options.OutboundTable,
                InterfaceIndex = Tun,
                PreferredSource = Address(source),
                Metric = PlanMetrics.Open,
                Protocol = RoutingOptions.Protocol,
            },
            mirror);
        Assert.Contains(GatewayPlan.Wall(Prefix(destination), Options.OutboundTable), mirror);
    }

    private static void AssertWalled(RoutingPlan plan) => Assert.All(plan.Routes.Where(route => route.InterfaceIndex == Tun),
        route => Assert.Contains(GatewayPlan.Wall(route.Destination, route.Table), plan.Routes));

    private static Route[] Mirror(params Route[] main) => [.. RouteMirror.Build(Options, State(main), NetlinkMessage.IPv4, TunLink, isOpen: true)];

    private static NetworkState State(params Route[] main) => new()
    {
        Families = [NetlinkMessage.IPv4, NetlinkMessage.IPv6],
        Links = [new(1, "lo", 65_536, 9, 1000, null), new(Eth0, "eth0", 1500, 1, 1000, null), new(Mgmt, "mgmt", 1500, 1, 1000, null), TunLink],
        Addresses =
        [
            new(Eth0, Address("10.0.0.4"), 24, 0, 0), new(Eth0, Address("10.0.1.4"), 24, 0, 0), new(Eth0, Address("2001:db8:1::4"), 64, 0, 0),
            new(Eth0, Address("fe80::4"), 64, 253, 0), new(Mgmt, Address("192.168.7.4"), 24, 0, 0),
        ],
        Routes = main,
        Rules = [],
        Proxies = [],
    };

    private static Route InMain(string destination, int index, string? gateway = null, string? source = null) => new()
    {
        Destination = Prefix(destination),
        Table = Route.MainTable,
        InterfaceIndex = index,
        Gateway = gateway is null ? null : Address(gateway),
        PreferredSource = source is null ? null : Address(source),
    };

    private static IpAddress Address(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new ArgumentException(text);

    private static IpPrefix Prefix(string text) => IpPrefix.TryParse(text, out IpPrefix prefix, out _) ? prefix : throw new ArgumentException(text);
}
