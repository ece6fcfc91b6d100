using Firewall.Core.Packets;
using Firewall.Devices.Windows;
using Xunit;

namespace Firewall.Tests.Devices.Windows;

/// <summary>What is set on an adapter, as the IP Helper functions see it. Their rows' layouts are checked by the stand-in's Windows build.</summary>
public sealed class AdapterNetworkTests
{
    // As Windows knows the interface "Ethernet" of the stand-in.
    private const ulong Ethernet = 0x0600_0000_0000_0000;

    [Fact]
    public void Addresses_MTU_metric_and_routes_are_set_on_the_adapter()
    {
        using WintunAdapter adapter = Adapter();
        var settings = new AdapterSettings
        {
            Mtu = 1420,
            Metric = 5,
            Addresses = [(Address("10.255.0.1"), 30), (Address("fd00:ff::1"), 64)],
            Routes = [Prefix("10.0.0.0/16"), Prefix("fd00:1::/64")],
        };
        using AdapterNetwork network = AdapterNetwork.Apply(adapter.Device, settings, adapter.Options.LibraryPath);
        Assert.True(network.IsSupported);
        Assert.Equal(
            [
                "IPv4 forwarding 1 mtu 1420 metric 5 discovery 0 dad 0",
                "IPv6 forwarding 1 mtu 1420 metric 5 discovery 0 dad 0",
                "address 10.255.0.1/30 dad 4",
                "address fd00:ff::1/64 dad 4",
                "route 10.0.0.0/16 via 0.0.0.0 metric 0",
                "route fd00:1::/64 via :: metric 0",
            ],
            adapter.Standin.Changes(adapter.Device.Luid));
    }

    [Fact]
    public void What_is_not_said_stays_as_Windows_chose_it()
    {
        using WintunAdapter adapter = Adapter();
        using AdapterNetwork network = AdapterNetwork.Apply(adapter.Device, new AdapterSettings(), adapter.Options.LibraryPath);
        Assert.Equal("IPv4 forwarding 1 mtu 65535 metric automatic 0 discovery 0 dad 0", adapter.Standin.Changes(adapter.Device.Luid)[0]);
    }

    [Fact]
    public void An_address_and_a_route_that_Windows_remembered_are_no_error()
    {
        using WintunAdapter adapter = Adapter();
        var settings = new AdapterSettings { Addresses = [(Address("10.255.0.1"), 30)], Routes = [Prefix("10.0.0.0/16")] };
        for (int i = 0; i < 2; i++) AdapterNetwork.Apply(adapter.Device, settings, adapter.Options.LibraryPath).Dispose();
        Assert.Equal(["address", "route"], adapter.Standin.Changes(adapter.Device.Luid).Select(line => line.Split(' ')[0]).Where(word => word is "address" or "route"));
    }

    [Fact]
    public void Forwarding_on_other_interfaces_is_switched_on_and_off_again()
    {
        using WintunAdapter adapter = Adapter();
        var settings = new AdapterSettings { ForwardingInterfaces = ["Ethernet"] };
        AdapterNetwork network = AdapterNetwork.Apply(adapter.Device, settings, adapter.Options.LibraryPath);
        Assert.Equal(["IPv4 forwarding 1", "IPv6 forwarding 1"], Forwarding());

        // A second one finds it on, and leaves it on.
        AdapterNetwork.Apply(adapter.Device, settings, adapter.Options.LibraryPath).Dispose();
        Assert.Empty(Forwarding());
        network.Dispose();
        Assert.Equal(["IPv4 forwarding 0", "IPv6 forwarding 0"], Forwarding());

        IEnumerable<string> Forwarding() => adapter.Standin.Changes(Ethernet).Select(line => line[..line.IndexOf(" mtu", StringComparison.Ordinal)]);
    }

    [Fact]
    public void An_interface_that_is_not_there_is_an_error_and_what_was_switched_on_is_switched_off()
    {
        using WintunAdapter adapter = Adapter();
        var settings = new AdapterSettings { ForwardingInterfaces = ["Ethernet7", "Wifi"] };
        WintunException refused = Assert.Throws<WintunException>(() => AdapterNetwork.Apply(adapter.Device, settings, adapter.Options.LibraryPath));
        Assert.Contains("interface 'Wifi' cannot be set", refused.Message, StringComparison.Ordinal);
        Assert.Contains("IPv4 forwarding 0", adapter.Standin.Changes((Ethernet * 10) + 8)[2], StringComparison.Ordinal);
    }

    private static WintunAdapter Adapter()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows' own functions would be called");
        return new WintunAdapter();
    }

    private static IpAddress Address(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new ArgumentException(text);

    private static IpPrefix Prefix(string text) => IpPrefix.TryParse(text, out IpPrefix prefix, out _) ? prefix : throw new ArgumentException(text);
}
