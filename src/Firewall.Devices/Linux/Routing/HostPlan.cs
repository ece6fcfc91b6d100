using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// Mode Host: what comes in by a protected interface for the machine itself passes the TUN before it is delivered, and what the machine
/// sends out by one passes it before it leaves. The whole rule set with its reasons is in docs/decisions/0005-routing.md.
/// </summary>
internal static class HostPlan
{
    // Offsets to the first priority, in the order in which the kernel asks.
    private const uint OwnDestinations = 0;
    private const uint SentPastTun = 1;
    private const uint SentThroughTun = 2;
    private const uint SentByBoundSocket = 3;
    private const uint ReceivedPastTun = 4;
    private const uint ReceivedNever = 5;
    private const uint ReceivedThroughTun = 6;
    private const uint MovedLocal = RoutingOptions.PriorityCount - 1;

    private const byte Udp = 17;
    private const byte IcmpV6 = 58;

    public static RoutingPlan Build(RoutingOptions options, NetworkState state, Link tun)
    {
        bool ipv6 = ForwardingSettings.NeedsIPv6(options, state);
        int[] protectedIndexes = [.. state.Links.Where(link => options.Interfaces.Contains(link.Name)).Select(link => link.Index)];
        return new RoutingPlan
        {
            MovesLocalRule = true,
            Routes =
            [
                .. state.Families.SelectMany(family => GatewayPlan.InboundTable(options, family, tun, family == NetlinkMessage.IPv4 || ipv6)),
                .. state.Families.SelectMany(family => RouteMirror.Build(options, state, family, tun, family == NetlinkMessage.IPv4 || ipv6)),
            ],
            Rules = [.. state.Families.SelectMany(family => Rules(options, family))],
            // The kernel looks for the route of an own address to answer ARP and to accept neighbour discovery, finds the TUN, and would stay silent.
            Proxies =
            [
                .. from address in state.Addresses
                   where protectedIndexes.Contains(address.InterfaceIndex) && (address.Address.IsIPv4 || (address.IsGlobal && ipv6))
                   select new ProxyNeighbor(address.InterfaceIndex, address.Address, RoutingOptions.Protocol),
            ],
            SettingsBefore = ipv6 ? ForwardingSettings.EnableIPv6(tun) : [],
            SettingsAfter = [.. Settings(options, state, tun, ipv6)],
        };
    }

    /// <summary>True for the rule that leads what the machine sends to the outbound table, if it is that of a plan of ours.</summary>
    public static bool LeadsWhatIsSent(RoutingRule rule) =>
        rule is { Protocol: RoutingOptions.Protocol, Action: RuleAction.Lookup, InputInterface: "lo", OutputInterface: null, Priority: > SentThroughTun };

    /// <summary>The first priority of the plan that such a rule is of.</summary>
    public static uint FirstPriorityOf(RoutingRule leading) => leading.Priority - SentThroughTun;

    private static IEnumerable<RoutingRule> Rules(RoutingOptions options, byte family)
    {
        bool isIPv4 = family == NetlinkMessage.IPv4;

        // What the machine sends to itself, to its broadcast and (IPv6) multicast groups stays as it was. Loopback is among it.
        yield return Rule(OwnDestinations) with { InputInterface = "lo", Table = Route.LocalTable };
        foreach (string linkOnly in isIPv4 ? (string[])["224.0.0.0/4", "255.255.255.255/32"] : ["fe80::/10"])
            yield return Rule(SentPastTun) with { InputInterface = "lo", Destination = Prefix(linkOnly), Table = Route.MainTable };
        if (isIPv4)
            yield return Rule(SentPastTun) with { InputInterface = "lo", IpProtocol = Udp, SourcePorts = new(68), DestinationPorts = new(67), Table = Route.MainTable };
        yield return Rule(SentThroughTun) with { InputInterface = "lo", Table = options.OutboundTable };

        foreach (string name in options.Interfaces)
        {
            // The walls refuse what a socket bound to the interface sends. A rule that refuses by itself would also refuse every new
            // IPv4 route by this interface; IPv6 checks those in their own table, but passes walls by for a bound socket.
            RoutingRule bound = Rule(SentByBoundSocket) with { InputInterface = "lo", OutputInterface = name };
            yield return isIPv4 ? bound with { Table = options.InboundTable } : bound with { Action = RuleAction.Prohibit };
            if (isIPv4)
            {
                yield return Rule(ReceivedPastTun) with
                {
                    InputInterface = name,
                    IpProtocol = Udp,
                    SourcePorts = new(67),
                    DestinationPorts = new(68),
                    Table = Route.LocalTable,
                };
            }
            else
            {
                IpPrefix linkLocal = Prefix("fe80::/10");
                yield return Rule(ReceivedPastTun) with { InputInterface = name, Destination = Prefix("ff00::/8"), Table = Route.LocalTable };
                yield return Rule(ReceivedPastTun) with { InputInterface = name, Destination = linkLocal, IpProtocol = IcmpV6, Table = Route.LocalTable };
                yield return Rule(ReceivedPastTun) with
                {
                    InputInterface = name,
                    Destination = linkLocal,
                    IpProtocol = Udp,
                    SourcePorts = new(547),
                    DestinationPorts = new(546),
                    Table = Route.LocalTable,
                };
                // A link-local address has a meaning on its link alone, so it cannot come back by the TUN: what no rule can judge is closed.
                yield return Rule(ReceivedNever) with { InputInterface = name, Destination = linkLocal, Action = RuleAction.Blackhole };
            }

            yield return Rule(ReceivedThroughTun) with { InputInterface = name, Table = options.InboundTable };
        }

        yield return Rule(MovedLocal) with { Table = Route.LocalTable };

        RoutingRule Rule(uint offset) => new() { Family = family, Priority = options.Priority + offset, Protocol = RoutingOptions.Protocol };
    }

    private static IEnumerable<KernelSetting> Settings(RoutingOptions options, NetworkState state, Link tun, bool ipv6)
    {
        yield return new KernelSetting("net/ipv4/ip_early_demux", "0",
            "because the kernel drops a packet on its way to the TUN if it already found the socket");
        foreach (string name in ForwardingSettings.Present(options, state))
            yield return new KernelSetting($"net/ipv4/neigh/{name}/proxy_delay", "0", "so that ARP for the machine's own addresses is answered at once");
        foreach (KernelSetting setting in ForwardingSettings.ForIPv4(options, state, tun)) yield return setting;
        if (!ipv6) yield break;
        yield return new KernelSetting("net/ipv6/conf/all/proxy_ndp", "1", "so that neighbour discovery for the machine's own addresses is accepted");
        foreach (KernelSetting setting in ForwardingSettings.ForIPv6(options, state, tun, actsAsRouter: false)) yield return setting;
    }

    private static IpPrefix Prefix(string text) => IpPrefix.TryParse(text, out IpPrefix prefix, out _) ? prefix : throw new ArgumentException(text);
}
