using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// Mode Host: the firewall stands between the protected interfaces and the machine or container it runs in. The machine's addresses and routes
/// are mirrored, so call <see cref="RoutingControl.Apply"/> again when <see cref="LinkMonitor"/> reports a change.
/// </summary>
public sealed class HostRouting : RoutingControl
{
    /// <param name="options">Checked here.</param>
    /// <exception cref="RoutingException">The options are wrong.</exception>
    public HostRouting(RoutingOptions options)
        : base(options)
    {
    }

    private protected override RoutingPlan Plan(RoutingOptions options, NetworkState state, Link tun) => HostPlan.Build(options, state, tun);
}
