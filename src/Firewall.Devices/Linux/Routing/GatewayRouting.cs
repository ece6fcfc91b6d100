using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>Mode Gateway: the box routes between the protected interfaces, through the TUN. Traffic to the box itself is not judged.</summary>
public sealed class GatewayRouting : RoutingControl
{
    /// <param name="options">Checked here.</param>
    /// <exception cref="RoutingException">The options are wrong.</exception>
    public GatewayRouting(RoutingOptions options)
        : base(options)
    {
    }

    private protected override RoutingPlan Plan(RoutingOptions options, NetworkState state, Link tun) => GatewayPlan.Build(options, state, tun);
}
