using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// The kernel settings without which it forwards nothing between the TUN and the protected interfaces. Only these interfaces are made to
/// forward, not the whole box, as far as the kernel can do that.
/// </summary>
internal static class ForwardingSettings
{
    private const string AllForwarding = "net/ipv6/conf/all/forwarding";

    /// <summary>
    /// True if IPv6 shall pass: it is wanted, and a protected interface has a global address or the box forwards IPv6 already. Otherwise
    /// there is nothing to route, IPv6 stays closed and no setting is touched (a container without IPv6 could not change one either).
    /// </summary>
    public static bool NeedsIPv6(RoutingOptions options, NetworkState state) =>
        options.IPv6 && state.Families.Contains(NetlinkMessage.IPv6)
        && (KernelSettings.ReadNumber(AllForwarding) == 1
            || state.Addresses.Any(address => !address.Address.IsIPv4 && address.IsGlobal
                && options.Interfaces.Contains(state.Links.FirstOrDefault(link => link.Index == address.InterfaceIndex)?.Name ?? "")));

    /// <summary>The TUN must have IPv6, also where it is off for new interfaces.</summary>
    public static IReadOnlyList<KernelSetting> EnableIPv6(Link tun) =>
        [new KernelSetting($"net/ipv6/conf/{tun.Name}/disable_ipv6", "0", "so that IPv6 can pass the TUN", "net.ipv6.conf.default.disable_ipv6=0")];

    /// <summary>IPv4: forwarding is decided by the interface that a packet enters by.</summary>
    public static IEnumerable<KernelSetting> ForIPv4(RoutingOptions options, NetworkState state, Link tun)
    {
        foreach (string name in Present(options, state).Append(tun.Name))
            yield return new KernelSetting($"net/ipv4/conf/{name}/forwarding", "1", "so that the kernel forwards to and from the TUN");

        // The stricter of both counts. What the TUN brings has sources from everywhere: strict would ask for a route back into the TUN.
        if (Math.Max(KernelSettings.ReadNumber("net/ipv4/conf/all/rp_filter"), KernelSettings.ReadNumber($"net/ipv4/conf/{tun.Name}/rp_filter")) == 1)
            yield return new KernelSetting($"net/ipv4/conf/{tun.Name}/rp_filter", "2", "so that what the firewall sends on is not taken for spoofed");
    }

    /// <summary>
    /// IPv6: Linux 6.17 and later can make single interfaces forward; earlier, only a setting for all opens the way. Being a router
    /// (announcing it to neighbours) is another thing than forwarding: a gateway is one, a host is not.
    /// </summary>
    public static IEnumerable<KernelSetting> ForIPv6(RoutingOptions options, NetworkState state, Link tun, bool actsAsRouter)
    {
        const string why = "so that the kernel forwards IPv6 to and from the TUN";
        const string outside = "net.ipv6.conf.all.forwarding=1";
        if (KernelSettings.ReadNumber(AllForwarding) == 1) yield break;
        bool single = options.MayForwardSingly && KernelSettings.Read($"net/ipv6/conf/{tun.Name}/force_forwarding") is not null;
        string[] present = [.. Present(options, state)];
        if (actsAsRouter || !single)
        {
            // Whoever becomes a router stops listening to router advertisements, and the kernel drops the default routes it learned
            // from them on all interfaces; 2 means to listen all the same.
            foreach (string name in KernelSettings.IPv6Interfaces())
            {
                string path = $"net/ipv6/conf/{name}/accept_ra";
                if (KernelSettings.ReadNumber(path) == 1)
                    yield return new KernelSetting(path, "2", "so that router advertisements still count when the box forwards", outside);
            }
        }

        if (single)
        {
            foreach (string name in present.Append(tun.Name))
                yield return new KernelSetting($"net/ipv6/conf/{name}/force_forwarding", "1", why, outside);
            if (!actsAsRouter) yield break;
            foreach (string name in present)
                yield return new KernelSetting($"net/ipv6/conf/{name}/forwarding", "1", "so that neighbours know a router", outside);
            yield break;
        }

        // The setting for all changes every interface's own; each is named here so that it is put back, at once or at the end.
        string[] others = [.. KernelSettings.IPv6Interfaces()];
        string[] before = [.. others.Select(name => KernelSettings.Read($"net/ipv6/conf/{name}/forwarding") ?? "0")];
        yield return new KernelSetting(AllForwarding, "1", why, outside);
        for (int i = 0; i < others.Length; i++)
        {
            string value = actsAsRouter && present.Contains(others[i]) ? "1" : before[i];
            yield return new KernelSetting($"net/ipv6/conf/{others[i]}/forwarding", value, "as it was before forwarding was switched on", outside);
        }
    }

    /// <summary>The protected interfaces that are there now.</summary>
    public static IEnumerable<string> Present(RoutingOptions options, NetworkState state) => options.Interfaces.Where(name => state.Find(name) is not null);
}
