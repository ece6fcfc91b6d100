using Firewall.Devices.Linux.Routing;
using Xunit;

namespace Firewall.SystemTests.Linux;

/// <summary>A host whose link loses its carrier and gets it back; the kernel tells of it by messages of the link alone.</summary>
[Collection("Linux")]
public sealed class CarrierTests : IDisposable
{
    private static readonly string[] Mirrored4 = ["10.0.0.0/24 dev fw0", "default dev fw0"];
    private static readonly string[] Mirrored6 = ["2001:db8:1::/64 dev fw0", "default dev fw0"];

    private readonly NetworkNamespace _host = new("host");
    private readonly NetworkNamespace _router = new("router");
    private readonly string _stateDirectory = Directory.CreateTempSubdirectory("fwtest").FullName;

    public CarrierTests()
    {
        NetworkNamespace.Connect(_host, "eth0", _router, "eth0");
        _host.Address("eth0", "10.0.0.4/24", "2001:db8:1::4/64").Gateway("10.0.0.1", "2001:db8:1::1");
    }

    private RoutingOptions Options => new() { TunName = "fw0", Interfaces = ["eth0"], StateDirectory = _stateDirectory };

    public void Dispose()
    {
        _host.Dispose();
        _router.Dispose();
        Directory.Delete(_stateDirectory, recursive: true);
    }

    [Fact]
    public void Routes_by_a_link_without_a_carrier_are_mirrored_since_the_kernel_uses_them_too()
    {
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        Carrier(false);
        _host.Inside(new HostRouting(Options).Apply);
        Assert.True(IsMirrored, Mirror);
    }

    [Fact]
    public void Where_the_kernel_passes_them_by_they_leave_the_mirror_and_come_back_with_the_carrier()
    {
        _host.Run("sysctl", "-qw", "net.ipv4.conf.eth0.ignore_routes_with_linkdown=1", "net.ipv6.conf.eth0.ignore_routes_with_linkdown=1");
        using PassThrough firewall = _host.Inside(() => new PassThrough());
        var routing = new HostRouting(Options);
        _host.Inside(routing.Apply);
        int reports = 0;
        using LinkMonitor monitor = _host.Inside(() => new LinkMonitor(
            _ =>
            {
                Interlocked.Increment(ref reports);
                routing.Apply();
            },
            failure => Assert.Fail(failure.Message)));
        _host.Inside(monitor.Start);
        Assert.True(IsMirrored, Mirror);
        for (int turn = 0; turn < 2; turn++)
        {
            Carrier(false);
            Wait.Until(() => !Mirrored4.Concat(Mirrored6).Any(route => Mirror.Contains(route, StringComparison.Ordinal)), "routes that lead nowhere are still mirrored");
            Carrier(true);
            Wait.Until(() => IsMirrored, "the routes did not come back");
        }

        // The carrier and what the kernel makes of it, and the routes of the multicast groups: no report brings another one about.
        Assert.InRange(Volatile.Read(ref reports), 4, 20);
    }

    private string Mirror => _host.Ip("-4", "route", "show", "table", "11401") + _host.Ip("-6", "route", "show", "table", "11401");

    private bool IsMirrored =>
        Mirrored4.All(route => _host.Ip("-4", "route", "show", "table", "11401").Contains(route, StringComparison.Ordinal))
        && Mirrored6.All(route => _host.Ip("-6", "route", "show", "table", "11401").Contains(route, StringComparison.Ordinal));

    // As if the cable were pulled: the other end goes down. Over when the kernel has drawn its conclusions.
    private void Carrier(bool isThere)
    {
        _router.Ip("link", "set", "eth0", isThere ? "up" : "down");
        foreach (string family in (string[])["-4", "-6"])
        {
            Wait.Until(() => _host.Ip(family, "route", "show", "dev", "eth0", "default").Contains("linkdown", StringComparison.Ordinal) != isThere,
                "the kernel does not notice the carrier");
        }
    }
}
