using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Routing;
using Xunit;

namespace Firewall.SystemTests.Linux;

/// <summary>A client, the box, and a server, each in its own namespace; the box is the only way between them.</summary>
[Collection("Linux")]
public sealed class GatewayRoutingTests : IDisposable
{
    private const long Bulk = 64 << 20;

    private readonly NetworkNamespace _client = new("client");
    private readonly NetworkNamespace _box = new("box");
    private readonly NetworkNamespace _server = new("server");
    private readonly string _stateDirectory = Directory.CreateTempSubdirectory("fwtest").FullName;

    public GatewayRoutingTests()
    {
        NetworkNamespace.Connect(_client, "eth0", _box, "outside");
        NetworkNamespace.Connect(_box, "inside", _server, "eth0");
        _client.Address("eth0", "203.0.113.2/24", "2001:db8:a::2/64").Gateway("203.0.113.1", "2001:db8:a::1");
        _box.Address("outside", "203.0.113.1/24", "2001:db8:a::1/64").Address("inside", "10.0.0.1/24", "2001:db8:b::1/64");
        _server.Address("eth0", "10.0.0.4/24", "2001:db8:b::4/64").Gateway("10.0.0.1", "2001:db8:b::1");
    }

    private RoutingOptions Options => new() { TunName = "fw0", Interfaces = ["outside", "inside"], StateDirectory = _stateDirectory };

    public void Dispose()
    {
        _client.Dispose();
        _box.Dispose();
        _server.Dispose();
        Directory.Delete(_stateDirectory, recursive: true);
    }

    [Fact]
    public void Pings_and_bulk_tcp_pass_the_tun_in_both_families_with_super_packets()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        _box.Inside(new GatewayRouting(Options).Apply);

        Assert.True(Conversation.Ping(_client, "10.0.0.4"));
        Assert.True(Conversation.Ping(_client, "2001:db8:b::4"));
        Assert.True(Conversation.Ping(_server, "203.0.113.2"));
        Assert.True(firewall.Packets >= 6, $"only {firewall.Packets} packets passed the TUN");
        Assert.Equal(Bulk, Conversation.SendTcp(_client, _server, "10.0.0.4", Bulk));
        Assert.Equal(Bulk, Conversation.SendTcp(_client, _server, "2001:db8:b::4", Bulk));
        Assert.True(firewall.Longest > 9000, $"the longest packet had {firewall.Longest} bytes");
        Assert.Equal(0, firewall.Device.WriteErrors);
    }

    [Fact]
    public void Several_queues_carry_a_transfer_whole()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough(new TunOptions { Queues = 2 }));
        _box.Inside(new GatewayRouting(Options).Apply);
        Assert.Equal(Bulk, Conversation.SendTcp(_client, _server, "10.0.0.4", Bulk));
    }

    [Fact]
    public void Without_offloads_packets_are_small_and_whole()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough(new TunOptions { Offloads = TunOffloads.None }));
        _box.Inside(new GatewayRouting(Options).Apply);
        Assert.Equal(Bulk, Conversation.SendTcp(_client, _server, "10.0.0.4", Bulk));
        Assert.InRange(firewall.Longest, 1400, 1500);
    }

    [Fact]
    public void The_box_itself_is_reached_without_the_tun()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        _box.Inside(new GatewayRouting(Options).Apply);
        Assert.True(Conversation.Ping(_client, "203.0.113.1"));
        Assert.True(Conversation.Ping(_client, "2001:db8:a::1"));
        Assert.True(Conversation.Ping(_box, "10.0.0.4"));
        Assert.Equal(0, firewall.Packets);
    }

    [Fact]
    public void Who_claims_to_be_the_box_does_not_come_as_far_as_the_tun()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        _box.Inside(new GatewayRouting(Options).Apply);
        Assert.True(Conversation.Ping(_client, "10.0.0.4"));
        long ofOnePing = firewall.Packets;
        _client.Address("lo", "10.0.0.1/32", "203.0.113.1/32");
        _client.Inside(() =>
        {
            foreach (string claimed in (string[])["10.0.0.1", "203.0.113.1"])
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                socket.Bind(new IPEndPoint(IPAddress.Parse(claimed), 0));
                socket.SendTo("hello"u8, new IPEndPoint(IPAddress.Parse("10.0.0.4"), 9));
            }
        });
        _client.Ip("addr", "del", "203.0.113.1/32", "dev", "lo");
        Assert.True(Conversation.Ping(_client, "10.0.0.4"));
        Assert.Equal(2 * ofOnePing, firewall.Packets);
    }

    [Fact]
    public void Nothing_passes_while_nobody_reads_the_tun()
    {
        using LinuxTunDevice idle = _box.Inside(() => LinuxTunDevice.Open(new TunOptions()));
        _box.Inside(new GatewayRouting(Options).Apply);
        Assert.False(Conversation.CanConnect(_client, _server, "10.0.0.4", 300));
        Assert.False(Conversation.CanConnect(_client, _server, "2001:db8:b::4", 300));
    }

    [Theory]
    [InlineData("0", "0")]
    [InlineData("1", "0")]
    [InlineData("0", "1")]
    [InlineData("1", "1")]
    public void Applied_twice_and_removed_twice_the_box_is_exactly_as_before(string forwarding, string reversePathFilter)
    {
        _box.Run("sysctl", "-qw", $"net.ipv4.ip_forward={forwarding}", $"net.ipv6.conf.all.forwarding={forwarding}",
            $"net.ipv4.conf.all.rp_filter={reversePathFilter}", "net.ipv6.conf.outside.accept_ra=1");
        string before = _box.RoutingState();
        using (PassThrough firewall = _box.Inside(() => new PassThrough()))
        {
            var routing = new GatewayRouting(Options);
            _box.Inside(routing.Apply);
            string applied = _box.RoutingState();
            _box.Inside(routing.Apply);
            Assert.Equal(applied, _box.RoutingState());
            _box.Inside(new GatewayRouting(Options).Apply);
            Assert.Equal(applied, _box.RoutingState());
            Assert.True(Conversation.Ping(_client, "10.0.0.4"));
            Assert.True(Conversation.Ping(_client, "2001:db8:b::4"));
            _box.Inside(routing.Remove);
            _box.Inside(routing.Remove);
        }

        Assert.Equal(before, _box.RoutingState());
        Assert.Empty(Directory.EnumerateFileSystemEntries(_stateDirectory));
    }

    [Fact]
    public void A_killed_firewall_leaves_the_way_closed_and_the_next_one_opens_it_and_restores_what_was_before_the_first()
    {
        string before = _box.RoutingState();
        using (Process victim = Child.Start(_box, $"gateway {_stateDirectory} outside inside"))
        {
            Assert.True(Conversation.Ping(_client, "10.0.0.4"));
            Assert.True(Conversation.Ping(_client, "2001:db8:b::4"));
            Shell.Run("kill", "-9", $"{Child.PidOf(victim)}");
            victim.WaitForExit();
        }

        Assert.DoesNotContain("fw0", _box.Ip("link"), StringComparison.Ordinal);
        Assert.False(Conversation.CanConnect(_client, _server, "10.0.0.4", 300));
        Assert.False(Conversation.CanConnect(_client, _server, "2001:db8:b::4", 300));
        Assert.False(Conversation.CanConnect(_server, _client, "203.0.113.2", 300));

        using (PassThrough firewall = _box.Inside(() => new PassThrough()))
        {
            var routing = new GatewayRouting(Options);
            _box.Inside(routing.Apply);
            Assert.True(Conversation.Ping(_client, "10.0.0.4"));
            Assert.True(Conversation.Ping(_client, "2001:db8:b::4"));
            _box.Inside(routing.Remove);
        }

        Assert.Equal(before, _box.RoutingState());
    }

    [Fact]
    public void What_a_crash_left_can_be_removed_without_a_tun()
    {
        string before = _box.RoutingState();
        using (Process victim = Child.Start(_box, $"gateway {_stateDirectory} outside inside"))
        {
            Shell.Run("kill", "-9", $"{Child.PidOf(victim)}");
            victim.WaitForExit();
        }

        Assert.NotEqual(before, _box.RoutingState());
        _box.Inside(new GatewayRouting(Options).Remove);
        Assert.Equal(before, _box.RoutingState());
    }

    [Fact]
    public void An_interface_that_is_made_again_is_protected_again()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        var routing = new GatewayRouting(Options);
        _box.Inside(routing.Apply);
        Assert.True(Conversation.Ping(_client, "10.0.0.4"));
        using var changed = new SemaphoreSlim(0);
        using LinkMonitor monitor = _box.Inside(() => new LinkMonitor(
            _ =>
            {
                routing.Apply();
                changed.Release();
            },
            failure => Assert.Fail(failure.Message)));
        _box.Inside(monitor.Start);

        _box.Ip("link", "del", "inside");
        NetworkNamespace.Connect(_box, "inside", _server, "eth0");
        _box.Address("inside", "10.0.0.1/24");
        _server.Address("eth0", "10.0.0.4/24").Gateway("10.0.0.1");
        Assert.True(changed.Wait(TimeSpan.FromSeconds(10)));
        long seen = firewall.Packets;
        Assert.True(Conversation.Ping(_client, "10.0.0.4"));
        Assert.True(firewall.Packets > seen);
    }

    [Fact]
    public void Ipv6_that_is_switched_off_is_closed_while_ipv4_passes()
    {
        _box.Run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
        Assert.True(Conversation.Ping(_client, "2001:db8:b::4"));
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        _box.Inside(new GatewayRouting(Options with { IPv6 = false }).Apply);
        Assert.True(Conversation.Ping(_client, "10.0.0.4"));
        Assert.False(Conversation.CanConnect(_client, _server, "2001:db8:b::4", 300));
    }

    [Fact]
    public void A_kernel_that_forwards_ipv6_only_as_a_whole_is_served_too_and_put_back()
    {
        string before = _box.RoutingState();
        using (PassThrough firewall = _box.Inside(() => new PassThrough()))
        {
            var routing = new GatewayRouting(Options with { MayForwardSingly = false });
            _box.Inside(routing.Apply);
            Assert.True(Conversation.Ping(_client, "2001:db8:b::4"));
            _box.Inside(routing.Apply);
            _box.Inside(routing.Remove);
        }

        Assert.Equal(before, _box.RoutingState());
    }

    [Fact]
    public void Ipv6_forwarding_that_is_on_already_is_left_alone()
    {
        _box.Run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        _box.Inside(new GatewayRouting(Options).Apply);
        Assert.True(Conversation.Ping(_client, "2001:db8:b::4"));
        Assert.Equal("0", _box.Run("cat", "/proc/sys/net/ipv6/conf/outside/force_forwarding").Trim());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_default_route_from_router_advertisements_survives(bool mayForwardSingly)
    {
        RouterAdvertisement.Send(_client, "eth0");
        Assert.Contains("default", _box.Ip("-6", "route", "show", "proto", "ra"), StringComparison.Ordinal);
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        _box.Inside(new GatewayRouting(Options with { MayForwardSingly = mayForwardSingly }).Apply);
        Assert.Contains("default", _box.Ip("-6", "route", "show", "proto", "ra"), StringComparison.Ordinal);
        Assert.Equal("2", _box.Run("cat", "/proc/sys/net/ipv6/conf/outside/accept_ra").Trim());
    }

    [Fact]
    public void A_missing_interface_is_named_with_those_that_are_there()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        string message = Assert.Throws<RoutingException>(() => _box.Inside(new GatewayRouting(Options with { Interfaces = ["outside", "dmz"] }).Apply)).Message;
        Assert.Contains("no network interface 'dmz'", message, StringComparison.Ordinal);
        Assert.Contains("outside, inside", string.Join(", ", message.Split(", ").Order(StringComparer.Ordinal).Reverse()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_tun_is_an_error_of_its_own() => Assert.Contains("there is no TUN fw0",
        Assert.Throws<RoutingException>(() => _box.Inside(new GatewayRouting(Options).Apply)).Message, StringComparison.Ordinal);

    [Fact]
    public void Rules_and_routes_of_others_in_our_numbers_are_refused_and_left_alone()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        _box.Ip("rule", "add", "pref", "45", "lookup", "77");
        Assert.Contains("pref 45", Assert.Throws<RoutingException>(() => _box.Inside(new GatewayRouting(Options).Apply)).Message, StringComparison.Ordinal);
        _box.Ip("rule", "del", "pref", "45");
        _box.Ip("route", "add", "198.51.100.0/24", "via", "10.0.0.4", "table", "11400");
        Assert.Contains("198.51.100.0/24", Assert.Throws<RoutingException>(() => _box.Inside(new GatewayRouting(Options).Apply)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_sysctls_are_read_only_ipv4_needs_none_and_ipv6_says_which_to_set()
    {
        _box.Run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1");
        (int code, string output) = Child.TryWithReadOnlySettings(_box, $"gateway-once {_stateDirectory} outside inside");
        Assert.Equal(1, code);
        Assert.Contains("docker run --sysctl net.ipv6.conf.all.forwarding=1", output, StringComparison.Ordinal);

        (code, output) = Child.TryWithReadOnlySettings(_box, $"gateway-once {_stateDirectory} outside inside no-ipv6");
        Assert.Equal((0, "2 1 1\n"), (code, output));

        _box.Run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1");
        (code, output) = Child.TryWithReadOnlySettings(_box, $"gateway-once {_stateDirectory} outside inside");
        Assert.Equal((0, "2 1 1\n"), (code, output));
    }

    [Fact]
    public void A_state_directory_that_cannot_be_written_is_a_note_and_no_failure()
    {
        using PassThrough firewall = _box.Inside(() => new PassThrough());
        var routing = new GatewayRouting(Options with { StateDirectory = "/proc/firewall" });
        _box.Inside(routing.Apply);
        Assert.Contains("cannot be kept", Assert.Single(routing.Notes), StringComparison.Ordinal);
        Assert.True(Conversation.Ping(_client, "10.0.0.4"));
    }
}
