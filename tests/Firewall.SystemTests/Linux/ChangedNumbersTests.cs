using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Routing;
using Xunit;

namespace Firewall.SystemTests.Linux;

/// <summary>Tables and priorities are changed in the configuration while what a killed run left stands under the old ones.</summary>
[Collection("Linux")]
public sealed class ChangedNumbersTests : IDisposable
{
    private const string Near4 = "10.0.0.1", Near6 = "2001:db8:1::1", Host4 = "10.0.0.4", Host6 = "2001:db8:1::4";

    private readonly NetworkNamespace _host = new("host");
    private readonly NetworkNamespace _router = new("router");
    private readonly NetworkNamespace _office = new("office");
    private readonly string _stateDirectory = Directory.CreateTempSubdirectory("fwtest").FullName;

    public ChangedNumbersTests()
    {
        NetworkNamespace.Connect(_host, "eth0", _router, "eth0");
        NetworkNamespace.Connect(_host, "mgmt", _office, "eth0");
        _host.Address("eth0", $"{Host4}/24", $"{Host6}/64").Address("mgmt", "192.168.7.4/24").Gateway(Near4, Near6);
        _router.Address("eth0", $"{Near4}/24", $"{Near6}/64");
        _office.Address("eth0", "192.168.7.1/24");
    }

    private RoutingOptions Options => new() { TunName = "fw0", Interfaces = ["eth0"], StateDirectory = _stateDirectory };

    private RoutingOptions Other => Options with { TunName = "fw9", Interfaces = ["mgmt"], Priority = 200, Table = 11_600 };

    public void Dispose()
    {
        _host.Dispose();
        _router.Dispose();
        _office.Dispose();
        Directory.Delete(_stateDirectory, recursive: true);
    }

    [Theory]
    [InlineData(true, 100, 11_500)]
    [InlineData(true, 10, 11_500)]
    [InlineData(true, 45, 11_401)] // half of the old ones
    [InlineData(true, 100, 11_400)]
    [InlineData(true, 40, 11_500)]
    [InlineData(false, 100, 11_500)]
    [InlineData(false, 40, 11_500)]
    public void What_a_killed_run_left_under_other_numbers_is_known_again_and_goes(bool host, uint priority, uint table)
    {
        string before = _host.RoutingState();
        Leave(Routing(host, Options));
        Assert.NotEqual(before, _host.RoutingState());

        using (PassThrough firewall = _host.Inside(() => new PassThrough()))
        {
            RoutingOptions changed = Options with { Priority = priority, Table = table };
            RoutingControl routing = Routing(host, changed);
            _host.Inside(routing.Apply);
            Assert.Equal(Fresh(host, changed), Numbers(_host));
            Assert.True(Conversation.Ping(_router, Host4));
            Assert.True(Conversation.Ping(_router, Host6));
            Assert.True(Conversation.Ping(_host, Near4));
            Assert.True(Conversation.Ping(_host, "127.0.0.1"));
            Assert.Equal(host, firewall.Packets > 0);
            _host.Inside(routing.Remove);
        }

        Assert.Equal(before, _host.RoutingState());
        Assert.Empty(Directory.EnumerateFileSystemEntries(_stateDirectory));
    }

    [Fact]
    public void Who_takes_over_an_interface_that_was_left_behind_knows_the_rules_that_lead_to_it()
    {
        string before = _host.RoutingState();
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        _host.Inside(Routing(true, Options).Apply);
        RoutingControl changed = Routing(true, Options with { Priority = 100, Table = 11_500 });
        // As an earlier version left it, without the mark.
        foreach (string family in (string[])["-4", "-6"])
        {
            foreach (string table in (string[])["11400", "11401"])
                _host.Ip(family, "route", "del", "unreachable", "default", "table", table, "metric", $"{PlanMetrics.OwnerOf("fw0")}");
        }

        _host.Inside(changed.Apply);
        Assert.DoesNotContain("lookup 1140", _host.Ip("rule") + _host.Ip("-6", "rule"), StringComparison.Ordinal);
        Assert.True(Conversation.Ping(_router, Host4));
        _host.Inside(changed.Remove);
        firewall.Dispose();
        Assert.Equal(before, _host.RoutingState());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_another_firewall_left_that_was_killed_too_stays_and_keeps_its_interfaces_closed(bool host)
    {
        Leave(Routing(host: false, Other), Other.TunName);
        string others = Numbers(_host);
        Leave(Routing(host, Options));
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        RoutingControl routing = Routing(host, Options with { Priority = 100, Table = 11_500 });
        _host.Inside(routing.Apply);
        Assert.DoesNotContain("lookup 1140", _host.Ip("rule"), StringComparison.Ordinal);
        _host.Inside(routing.Remove);
        Assert.Equal(others, Numbers(_host));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(190)]
    [InlineData(219)]
    public void The_priorities_of_another_firewall_that_runs_are_refused_and_left_alone(uint priority)
    {
        using PassThrough other = _host.Inside(() => new PassThrough(new TunOptions { Name = "fw9" }));
        _host.Inside(Routing(host: true, Other).Apply);
        string before = _host.RoutingState();
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        RoutingControl routing = Routing(host: false, Options with { Priority = priority });
        Assert.Contains("another instance runs on fw9", Assert.Throws<RoutingException>(() => _host.Inside(routing.Apply)).Message, StringComparison.Ordinal);
        _host.Inside(routing.Remove);
        firewall.Dispose();
        Assert.Equal(before, _host.RoutingState());
    }

    private static RoutingControl Routing(bool host, RoutingOptions options) => host ? new HostRouting(options) : new GatewayRouting(options);

    // As a process that is killed does: the TUN goes, all else stays.
    private void Leave(RoutingControl routing, string tun = "fw0")
    {
        using PassThrough killed = _host.Inside(() => new PassThrough(new TunOptions { Name = tun }));
        _host.Inside(routing.Apply);
    }

    // What the same run puts in place where nothing was left.
    private static string Fresh(bool host, RoutingOptions options)
    {
        using var clean = new NetworkNamespace("clean");
        using var peer = new NetworkNamespace("peer");
        NetworkNamespace.Connect(clean, "eth0", peer, "eth0");
        NetworkNamespace.Connect(clean, "mgmt", peer, "mgmt");
        clean.Address("eth0", $"{Host4}/24", $"{Host6}/64").Address("mgmt", "192.168.7.4/24").Gateway(Near4, Near6);
        using PassThrough firewall = clean.Inside(() => new PassThrough());
        clean.Inside(Routing(host, options with { StateDirectory = "/proc/none" }).Apply);
        return Numbers(clean);
    }

    // Rules in their order of priority alone: of one priority, each is for something else.
    private static string Numbers(NetworkNamespace place) => string.Join('\n',
        from text in (string[])[place.Ip("rule"), place.Ip("-6", "rule"), place.Ip("route", "show", "table", "all", "proto", "114"), place.Ip("-6", "route", "show", "table", "all", "proto", "114")]
        from line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Order(StringComparer.Ordinal)
        select line);
}
