using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Firewall.Core.Packets;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Routing;
using Xunit;

namespace Firewall.SystemTests.Linux;

/// <summary>
/// A host with its firewall, a router on its link that also has addresses farther away, and a management network that is not protected.
/// </summary>
[Collection("Linux")]
public sealed class HostRoutingTests : IDisposable
{
    private const long Bulk = 64 << 20;
    private const string Near4 = "10.0.0.1", Near6 = "2001:db8:1::1", Far4 = "203.0.113.5", Far6 = "2001:db8:9::5";
    private const string Host4 = "10.0.0.4", Host6 = "2001:db8:1::4";

    private readonly NetworkNamespace _host = new("host");
    private readonly NetworkNamespace _router = new("router");
    private readonly NetworkNamespace _office = new("office");
    private readonly string _stateDirectory = Directory.CreateTempSubdirectory("fwtest").FullName;

    public HostRoutingTests()
    {
        NetworkNamespace.Connect(_host, "eth0", _router, "eth0");
        NetworkNamespace.Connect(_host, "mgmt", _office, "eth0");
        _host.Address("eth0", $"{Host4}/24", $"{Host6}/64").Address("mgmt", "192.168.7.4/24", "2001:db8:7::4/64").Gateway(Near4, Near6);
        _router.Address("eth0", $"{Near4}/24", $"{Near6}/64").Address("lo", $"{Far4}/32", $"{Far6}/128");
        _office.Address("eth0", "192.168.7.1/24", "2001:db8:7::1/64");
    }

    private RoutingOptions Options => new() { TunName = "fw0", Interfaces = ["eth0"], StateDirectory = _stateDirectory };

    public void Dispose()
    {
        _host.Dispose();
        _router.Dispose();
        _office.Dispose();
        Directory.Delete(_stateDirectory, recursive: true);
    }

    [Theory]
    [InlineData(Near4, Host4)]
    [InlineData(Near6, Host6)]
    [InlineData(Far4, Host4)]
    [InlineData(Far6, Host6)]
    public void Pings_connections_and_datagrams_pass_the_tun_in_both_directions_from_the_right_address(string peer, string own)
    {
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        _host.Inside(new HostRouting(Options).Apply);

        Assert.True(Conversation.Ping(_router, own, "-I", peer));
        Assert.True(Conversation.Ping(_host, peer));
        Assert.True(firewall.Packets >= 12, $"only {firewall.Packets} packets passed the TUN");
        Assert.Equal(Bulk, Conversation.SendTcp(_router, _host, own, Bulk));
        Assert.Equal(Bulk, Conversation.SendTcp(_host, _router, peer, Bulk));
        Assert.True(firewall.Longest > 9000, $"the longest packet had {firewall.Longest} bytes");
        long before = firewall.Packets;
        Assert.Equal(IPAddress.Parse(own), Conversation.SendDatagram(_host, _router, peer));
        Assert.NotNull(Conversation.SendDatagram(_router, _host, own));
        Assert.True(firewall.Packets >= before + 2);
        Assert.Equal(0, firewall.Device.WriteErrors);
    }

    [Theory]
    [InlineData(Near4, Host4)]
    [InlineData(Near6, Host6)]
    [InlineData(Far4, Host4)]
    [InlineData(Far6, Host6)]
    public void Nothing_passes_in_or_out_while_nobody_reads_the_tun(string peer, string own)
    {
        using LinuxTunDevice idle = _host.Inside(() => LinuxTunDevice.Open(new TunOptions()));
        _host.Inside(new HostRouting(Options).Apply);
        Assert.False(Conversation.CanConnect(_router, _host, own, 300));
        Assert.False(Conversation.CanConnect(_host, _router, peer, 300));
        Assert.Null(Conversation.SendDatagram(_host, _router, peer, 300));
        Assert.Null(Conversation.SendDatagram(_router, _host, own, 300));
    }

    [Fact]
    public void Loopback_own_addresses_and_other_interfaces_never_see_the_tun()
    {
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        _host.Inside(new HostRouting(Options).Apply);
        foreach (string address in new[] { "127.0.0.1", "::1", Host4, Host6, "192.168.7.4", "192.168.7.1", "2001:db8:7::1" })
            Assert.True(Conversation.Ping(_host, address), address);
        Assert.Equal(Bulk, Conversation.SendTcp(_host, _host, "127.0.0.1", Bulk));
        Assert.True(Conversation.Ping(_office, "192.168.7.4"));
        Assert.True(Conversation.Ping(_office, "2001:db8:7::4"));
        Assert.Equal(IPAddress.Parse("192.168.7.4"), Conversation.SendDatagram(_host, _office, "192.168.7.1"));
        Assert.Equal(IPAddress.Parse("2001:db8:7::4"), Conversation.SendDatagram(_host, _office, "2001:db8:7::1"));
        Assert.Equal(0, firewall.Packets);
    }

    [Fact]
    public void A_socket_bound_to_a_protected_interface_reaches_nobody_beyond_the_link()
    {
        using LinuxTunDevice idle = _host.Inside(() => LinuxTunDevice.Open(new TunOptions()));
        _host.Inside(new HostRouting(Options).Apply);

        // IPv4 takes an address without a route for one on the link, and looks there in vain; it does not go to the gateway.
        Assert.False(Conversation.Ping(_host, "198.18.0.1", "-I", "eth0"));
        Assert.Contains("198.18.0.1", _host.Ip("neigh"), StringComparison.Ordinal);
        Assert.DoesNotContain(Near4, _host.Ip("neigh"), StringComparison.Ordinal);
        Assert.Contains("Permission denied", _host.Try("ping", "-c", "1", "-W", "1", "-I", "eth0", Far6).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_that_checks_sources_strictly_works_the_same()
    {
        _host.Run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.default.rp_filter=1");
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        _host.Inside(new HostRouting(Options).Apply);
        Assert.True(Conversation.Ping(_router, Host4, "-I", Far4));
        Assert.True(Conversation.Ping(_host, Far4));
        Assert.Equal(Bulk, Conversation.SendTcp(_router, _host, Host4, Bulk));
    }

    [Fact]
    public void Neighbours_find_the_host_and_the_host_its_neighbours_also_when_they_only_probe()
    {
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        _host.Inside(new HostRouting(Options).Apply);
        foreach ((NetworkNamespace from, string to) in new[] { (_router, Host4), (_router, Host6), (_host, Near4), (_host, Near6) })
        {
            Assert.True(Conversation.Ping(from, to), to);
            from.Ip("neigh", "change", to, "dev", "eth0", "nud", "probe");
            // The kernel probes once a second; pings pass the time. FAILED would be the end of it.
            string state = "";
            for (int i = 0; i < 50 && !state.Contains("REACHABLE", StringComparison.Ordinal); i++)
            {
                Assert.True(Conversation.Ping(from, to), to);
                state = from.Ip("neigh", "show", to);
                Assert.DoesNotContain("FAILED", state, StringComparison.Ordinal);
            }

            Assert.Contains("REACHABLE", state, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Link_local_icmp_works_and_link_local_tcp_is_closed()
    {
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        _host.Inside(new HostRouting(Options).Apply);
        string own = LinkLocalOf(_host);
        Assert.True(Conversation.Ping(_router, $"{own}%eth0"));
        Assert.True(Conversation.Ping(_host, $"{LinkLocalOf(_router)}%eth0"));
        string scoped = $"{own}%{_host.IndexOf("eth0")}";
        using Socket listener = _host.Inside(() =>
        {
            var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(scoped), 0));
            socket.Listen();
            return socket;
        });
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        string target = $"{own}%{_router.IndexOf("eth0")}";
        bool connected = _router.Inside(() =>
        {
            using var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            try
            {
                socket.Connect(new IPEndPoint(IPAddress.Parse(target), port));
            }
            catch (SocketException pending) when (pending.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
            }

            return socket.Poll(TimeSpan.FromMilliseconds(300), SelectMode.SelectWrite);
        });
        Assert.False(connected);
    }

    [Fact]
    public void Multicast_and_dhcp_reach_the_host_past_the_tun()
    {
        using LinuxTunDevice idle = _host.Inside(() => LinuxTunDevice.Open(new TunOptions()));
        _host.Inside(new HostRouting(Options).Apply);
        using Socket multicast = Bound(_host, IPAddress.Any, 5353);
        _host.Inside(() => multicast.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.AddMembership,
            new MulticastOption(IPAddress.Parse("224.0.0.251"), IPAddress.Parse(Host4))));
        using Socket sender = Bound(_router, IPAddress.Parse(Near4), 0);
        Send(sender, "224.0.0.251", 5353);
        Assert.True(Arrives(multicast));

        using Socket dhcpClient = Bound(_host, IPAddress.Any, 68);
        using Socket dhcpServer = Bound(_router, IPAddress.Any, 67);
        Send(dhcpServer, Host4, 68);
        Assert.True(Arrives(dhcpClient));
        Send(dhcpClient, Near4, 67);
        Assert.True(Arrives(dhcpServer));
        Send(dhcpClient, "255.255.255.255", 67);
        Assert.True(Arrives(dhcpServer));

        using Socket multicast6 = Bound(_host, IPAddress.IPv6Any, 5353);
        _host.Inside(() => multicast6.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.AddMembership, new IPv6MulticastOption(IPAddress.Parse("ff02::fb"), _host.IndexOf("eth0"))));
        using Socket sender6 = Bound(_router, IPAddress.Parse(Near6), 0);
        sender6.SetSocketOption(SocketOptionLevel.IPv6, SocketOptionName.MulticastInterface, _router.IndexOf("eth0"));
        Send(sender6, "ff02::fb", 5353);
        Assert.True(Arrives(multicast6));
    }

    [Theory]
    [InlineData("0", true)]
    [InlineData("1", true)]
    [InlineData("0", false)]
    public void Applied_twice_and_removed_twice_the_host_is_exactly_as_before(string forwarding, bool mayForwardSingly)
    {
        _host.Run("sysctl", "-qw", $"net.ipv4.ip_forward={forwarding}", $"net.ipv6.conf.all.forwarding={forwarding}", "net.ipv4.conf.all.rp_filter=1");
        _host.Ip("neigh", "add", "proxy", "10.0.0.77", "dev", "eth0");
        string before = _host.RoutingState();
        using (PassThrough firewall = _host.Inside(() => new PassThrough()))
        {
            RoutingOptions options = Options with { MayForwardSingly = mayForwardSingly };
            var routing = new HostRouting(options);
            _host.Inside(routing.Apply);
            string applied = _host.RoutingState();
            _host.Inside(routing.Apply);
            Assert.Equal(applied, _host.RoutingState());
            _host.Inside(new HostRouting(options).Apply);
            Assert.Equal(applied, _host.RoutingState());
            Assert.True(Conversation.Ping(_router, Host4));
            Assert.True(Conversation.Ping(_router, Host6));
            Assert.Equal(forwarding, _host.Run("cat", "/proc/sys/net/ipv6/conf/mgmt/forwarding").Trim());
            _host.Inside(routing.Remove);
            _host.Inside(routing.Remove);
        }

        Assert.Equal(before, _host.RoutingState());
        Assert.Empty(Directory.EnumerateFileSystemEntries(_stateDirectory));
    }

    [Fact]
    public void A_killed_firewall_leaves_the_host_closed_and_the_next_one_opens_it_and_restores_what_was_before_the_first()
    {
        string before = _host.RoutingState();
        using (Process victim = Child.Start(_host, $"host {_stateDirectory} eth0"))
        {
            Assert.True(Conversation.Ping(_router, Host4));
            Assert.True(Conversation.Ping(_host, Far6));
            Shell.Run("kill", "-9", $"{Child.PidOf(victim)}");
            victim.WaitForExit();
        }

        foreach ((string peer, string own) in new[] { (Near4, Host4), (Far6, Host6), (Near6, Host6), (Far4, Host4) })
        {
            Assert.False(Conversation.CanConnect(_router, _host, own, 300));
            Assert.False(Conversation.CanConnect(_host, _router, peer, 300));
        }

        Assert.True(Conversation.Ping(_host, "127.0.0.1"));
        Assert.True(Conversation.Ping(_office, "192.168.7.4"));
        using (PassThrough firewall = _host.Inside(() => new PassThrough()))
        {
            var routing = new HostRouting(Options);
            _host.Inside(routing.Apply);
            Assert.True(Conversation.Ping(_router, Host4));
            Assert.True(Conversation.Ping(_host, Far6));
            _host.Inside(routing.Remove);
        }

        Assert.Equal(before, _host.RoutingState());
    }

    [Fact]
    public void Where_sysctls_are_read_only_each_missing_one_is_named_and_given_from_outside_it_works()
    {
        string before = _host.RoutingState();
        string[] outside = ["net.ipv4.ip_early_demux=0", "net.ipv6.conf.all.proxy_ndp=1", "net.ipv6.conf.all.forwarding=1"];
        foreach (string setting in outside)
        {
            (int refused, string reason) = Child.TryWithReadOnlySettings(_host, $"host-once {_stateDirectory} eth0");
            Assert.Equal(1, refused);
            Assert.Contains($"docker run --sysctl {setting}", reason, StringComparison.Ordinal);
            _host.Inside(new HostRouting(Options).Remove);
            _host.Run("sysctl", "-qw", setting);
        }

        (int code, string output) = Child.TryWithReadOnlySettings(_host, $"host-once {_stateDirectory} eth0");
        Assert.Equal((0, "0 1 1\n"), (code, output));
        foreach (string setting in outside) _host.Run("sysctl", "-qw", setting[..^1] + (setting[^1] == '0' ? '1' : '0'));
        Assert.Equal(before, _host.RoutingState());
    }

    [Fact]
    public void The_other_mode_after_a_crash_takes_over_cleanly()
    {
        string before = _host.RoutingState();
        using (Process victim = Child.Start(_host, $"host {_stateDirectory} eth0"))
        {
            Shell.Run("kill", "-9", $"{Child.PidOf(victim)}");
            victim.WaitForExit();
        }

        using (PassThrough firewall = _host.Inside(() => new PassThrough()))
        {
            var routing = new GatewayRouting(Options);
            _host.Inside(routing.Apply);
            Assert.True(Conversation.Ping(_router, Host4));
            Assert.Equal(0, firewall.Packets);
            _host.Inside(routing.Remove);
        }

        Assert.Equal(before, _host.RoutingState());
    }

    [Fact]
    public void New_addresses_and_routes_are_followed()
    {
        using PassThrough firewall = _host.Inside(() => new PassThrough(new TunOptions { FollowedInterfaces = ["eth0"] }));
        var routing = new HostRouting(Options);
        _host.Inside(routing.Apply);
        using var changed = new SemaphoreSlim(0);
        NetworkChanges seen = NetworkChanges.None;
        using LinkMonitor monitor = _host.Inside(() => new LinkMonitor(
            changes =>
            {
                routing.Apply();
                firewall.Device.FollowMtu();
                seen |= changes;
                changed.Release();
            },
            failure => Assert.Fail(failure.Message)));
        _host.Inside(monitor.Start);

        _host.Address("eth0", "10.0.0.9/24", "2001:db8:1::9/64");
        WaitFor(changed, () => seen.HasFlag(NetworkChanges.Addresses));
        Assert.Contains(IpAddress.From(IPAddress.Parse("10.0.0.9")), _host.Inside(routing.ReadOwnAddresses));
        Assert.True(Conversation.Ping(_router, "10.0.0.9"));
        Assert.True(Conversation.Ping(_router, "2001:db8:1::9"));

        _host.Ip("route", "add", "198.51.100.0/24", "via", "192.168.7.1");
        _host.Ip("route", "add", "198.51.101.0/24", "via", Near4, "dev", "eth0");
        _host.Ip("-6", "route", "add", "2001:db8:77::/48", "via", Near6);
        _host.Ip("-6", "route", "add", "2001:db8:78::/48", "via", Near6, "dev", "eth0");
        _host.Ip("route", "add", "192.0.2.0/24", "via", Near4, "src", "10.0.0.9");
        WaitFor(changed, () => _host.Ip("route", "get", "192.0.2.7") is var route
            && route.Contains("dev fw0", StringComparison.Ordinal) && route.Contains("src 10.0.0.9", StringComparison.Ordinal));
        Assert.True(seen.HasFlag(NetworkChanges.Routes));
        foreach (string added in new[] { "192.0.2.0/24", "198.51.101.0/24", "2001:db8:77::/48", "2001:db8:78::/48" })
            Assert.Contains("dev eth0", _host.Ip(added.Contains(':') ? "-6" : "-4", "route", "show", added), StringComparison.Ordinal);
        Assert.Contains("dev mgmt", _host.Ip("route", "get", "198.51.100.7"), StringComparison.Ordinal);

        _host.Ip("link", "set", "eth0", "mtu", "1400");
        WaitFor(changed, () => firewall.Device.Mtu == 1400);
    }

    [Fact]
    public void A_second_application_of_ours_with_other_numbers_does_not_disturb_the_first()
    {
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        _host.Inside(new HostRouting(Options).Apply);
        string applied = _host.RoutingState();
        _host.Inside(new GatewayRouting(Options with { TunName = "fw9", Interfaces = ["mgmt"], Priority = 100, Table = 11_500 }).Remove);
        Assert.Equal(applied, _host.RoutingState());
    }

    private static void WaitFor(SemaphoreSlim changed, Func<bool> condition)
    {
        while (!condition()) Assert.True(changed.Wait(TimeSpan.FromSeconds(10)), "no change was reported");
    }

    private static string LinkLocalOf(NetworkNamespace place) =>
        place.Ip("-6", "-br", "addr", "show", "dev", "eth0", "scope", "link").Split(' ', StringSplitOptions.RemoveEmptyEntries)[2].Split('/')[0];

    private static Socket Bound(NetworkNamespace place, IPAddress address, int port) => place.Inside(() =>
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { EnableBroadcast = true, ReceiveTimeout = 2000 };
        socket.Bind(new IPEndPoint(address, port));
        return socket;
    });

    private static void Send(Socket from, string to, int port) => from.SendTo("hello"u8, new IPEndPoint(IPAddress.Parse(to), port));

    private static bool Arrives(Socket socket)
    {
        try
        {
            return socket.Receive(new byte[16]) == 5;
        }
        catch (SocketException silence) when (silence.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return false;
        }
    }
}
