using Firewall.Core.Packets;
using Firewall.Devices.Windows.Interop;

namespace Firewall.Devices.Windows;

/// <summary>
/// Sets up address, MTU, metric, forwarding and routes of an adapter through the IP Helper functions. What concerns the adapter goes with it;
/// forwarding that was switched on elsewhere is switched off by disposing this (and by the next start of the machine).
/// </summary>
public sealed class AdapterNetwork : IDisposable
{
    private static readonly ushort[] Families = [SocketAddress.InterNetwork, SocketAddress.InterNetworkV6];

    private readonly IpHelper _helper;
    private readonly string _name;
    private readonly List<(ulong Luid, ushort Family)> _forwarding = [];

    private AdapterNetwork(IpHelper helper, string name)
    {
        _helper = helper;
        _name = name;
    }

    /// <summary>False if this system lacks the functions (Wine does); then nothing was set, and others must have done it.</summary>
    public bool IsSupported { get; private set; } = true;

    /// <summary>Sets everything up.</summary>
    /// <param name="device">The adapter.</param>
    /// <param name="settings">How it shall be.</param>
    /// <param name="libraryPath">Off Windows, where the IP Helper functions are.</param>
    /// <exception cref="WintunException">Windows refused something; what was set on other interfaces is taken back.</exception>
    public static AdapterNetwork Apply(WintunDevice device, AdapterSettings settings, string? libraryPath = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(settings);
        var network = new AdapterNetwork(IpHelper.Load(libraryPath ?? ""), device.Name);
        try
        {
            network.IsSupported = network.TryApply(device.Luid, settings);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Switches forwarding off again where it was off before.</summary>
    public void Dispose()
    {
        foreach ((ulong luid, ushort family) in _forwarding)
        {
            // An interface that is gone meanwhile has taken its setting with it.
            if (_helper.Get(luid, family, out InterfaceRow row) != Win32Error.None) continue;
            row.ForwardingEnabled = 0;
            _ = _helper.Set(ref row);
        }

        _forwarding.Clear();
    }

    private bool TryApply(ulong luid, AdapterSettings settings)
    {
        foreach (ushort family in Families)
        {
            Win32Error error = Configure(luid, family, settings);
            if (error == Win32Error.CallNotImplemented) return false;

            // A machine may have either family switched off.
            if (error != Win32Error.NotFound) Require(error, $"the settings of adapter {_name}");
        }

        foreach ((IpAddress address, int length) in settings.Addresses) AddAddress(luid, address, length);
        foreach (IpPrefix route in settings.Routes) AddRoute(luid, route);
        foreach (string name in settings.ForwardingInterfaces)
        {
            Require(_helper.Find(name, out ulong other), $"interface '{name}'");
            foreach (ushort family in Families) Forward(other, family, name);
        }

        return true;
    }

    private Win32Error Configure(ulong luid, ushort family, AdapterSettings settings)
    {
        Win32Error error = _helper.Get(luid, family, out InterfaceRow row);
        if (error != Win32Error.None) return error;
        row.ForwardingEnabled = 1;

        // No questions of our own into the packets that we judge.
        row.RouterDiscovery = 0;
        row.DadTransmits = 0;
        if (settings.Mtu > 0) row.Mtu = (uint)settings.Mtu;
        if (settings.Metric > 0)
        {
            row.UseAutomaticMetric = 0;
            row.Metric = (uint)settings.Metric;
        }

        return _helper.Set(ref row);
    }

    private void AddAddress(ulong luid, IpAddress address, int length)
    {
        UnicastAddressRow row = default;
        Require(_helper.Initialize(ref row), $"address {address}");
        row.Address = SocketAddress.Of(address);
        row.Luid = luid;
        row.OnLinkPrefixLength = (byte)length;
        row.DuplicateAddressDetection = UnicastAddressRow.Preferred;
        Win32Error error = _helper.Create(ref row);

        // Windows remembers what an adapter of this GUID had.
        if (error != Win32Error.ObjectAlreadyExists) Require(error, $"address {address}/{length} of adapter {_name}");
    }

    private void AddRoute(ulong luid, IpPrefix prefix)
    {
        ForwardRow row = default;
        Require(_helper.Initialize(ref row), $"route {prefix}");
        row.Luid = luid;
        row.Destination = SocketAddress.Of(prefix.Address);
        row.DestinationLength = (byte)prefix.Length;

        // On the link: there is nobody behind the adapter but us.
        row.NextHop.Family = SocketAddress.FamilyOf(prefix.Address);
        row.Metric = 0;
        Win32Error error = _helper.Create(ref row);
        if (error != Win32Error.ObjectAlreadyExists) Require(error, $"route {prefix} to adapter {_name}");
    }

    private void Forward(ulong luid, ushort family, string name)
    {
        Win32Error error = _helper.Get(luid, family, out InterfaceRow row);
        if (error == Win32Error.NotFound) return;
        Require(error, $"the settings of interface '{name}'");
        if (row.ForwardingEnabled != 0) return;
        row.ForwardingEnabled = 1;
        Require(_helper.Set(ref row), $"forwarding on interface '{name}'");
        _forwarding.Add((luid, family));
    }

    private static void Require(Win32Error error, string what)
    {
        if (error != Win32Error.None) throw new WintunException($"{what} cannot be set: {Win32ErrorText.Of(error)}");
    }
}
