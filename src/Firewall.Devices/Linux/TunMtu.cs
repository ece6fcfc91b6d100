using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux;

/// <summary>Which MTU a TUN needs so that no packet has to be cut behind it.</summary>
internal static class TunMtu
{
    private const int Ethernet = 1500;

    /// <summary>
    /// The smallest MTU of the interfaces, so that path MTU discovery happens in front of the firewall and never behind it; at least
    /// what IPv6 needs. 1500 if none of them is there.
    /// </summary>
    public static int Of(IEnumerable<Link> links, IReadOnlyCollection<string> interfaces)
    {
        int smallest = links.Where(link => interfaces.Contains(link.Name)).Select(link => link.Mtu).DefaultIfEmpty(Ethernet).Min();
        return Math.Clamp(smallest, TunOptions.MinMtu, TunOptions.MaxMtu);
    }
}
