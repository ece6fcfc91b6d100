using Firewall.Core.Packets;

namespace Firewall.Core.Rules;

/// <summary>What the rules themselves do not say: the address spaces behind the tags, and which addresses are protected.</summary>
public sealed record PolicyOptions
{
    /// <summary>Azure's host address: health probes and DNS come from it, and it is part of the tags VirtualNetwork and AzureLoadBalancer.</summary>
    public static IpPrefix AzureHostAddress { get; } = Prefix("168.63.129.16/32");

    /// <summary>The default of <see cref="VirtualNetwork"/>: RFC 1918 and RFC 4193 (fc00::/7).</summary>
    public static IReadOnlyList<IpPrefix> PrivateNetworks { get; } =
        [Prefix("10.0.0.0/8"), Prefix("172.16.0.0/12"), Prefix("192.168.0.0/16"), Prefix("fc00::/7")];

    /// <summary>
    /// The address space of the virtual network. The tag <c>VirtualNetwork</c> is this and 168.63.129.16, as Azure expands it; the
    /// tag <c>Internet</c> is every address outside of both, in both families.
    /// </summary>
    public IReadOnlyList<IpPrefix> VirtualNetwork { get; init; } = PrivateNetworks;

    /// <summary>The addresses that the appliance protects: what lies "inside". Null means <see cref="VirtualNetwork"/>.</summary>
    public IReadOnlyList<IpPrefix>? ProtectedAddresses { get; init; }

    /// <summary>What happens to packets with neither end inside; no security group applies to them.</summary>
    public Access Transit { get; init; } = Access.Deny;

    /// <summary>The service tags of Azure's file, or null: then rules may use only VirtualNetwork, Internet, AzureLoadBalancer and the platform tags.</summary>
    public ServiceTags? ServiceTags { get; init; }

    /// <summary>
    /// False to go on with rules whose service tags are Azure's, but whose addresses are not known, and with subnets and network interfaces whose
    /// groups are not known: such rules match nothing and such groups deny nothing, so the policy is good for checking its rules alone.
    /// </summary>
    public bool IsForPackets { get; init; } = true;

    /// <summary>The tag <c>AzureLoadBalancer</c>: where health probes come from.</summary>
    public IReadOnlyList<IpPrefix> LoadBalancer { get; init; } = [AzureHostAddress];

    /// <summary>
    /// Subnets, network interfaces and application security groups. With subnets or interfaces that groups are associated with, each
    /// protected address is under its own groups; without, one group applies to all. If <see cref="VirtualNetwork"/> is left at its
    /// default, virtual networks given here replace it.
    /// </summary>
    public NetworkTopology Network { get; init; } = NetworkTopology.Empty;

    /// <summary>
    /// True to let traffic with Azure's platform addresses (168.63.129.16, 169.254.169.254) bypass all rules but those with the tags
    /// AzurePlatformDNS, AzurePlatformIMDS and AzurePlatformLKM, as Azure does. Off by default: outside of Azure nobody guards these
    /// addresses, and whoever can forge them as a source would pass every rule.
    /// </summary>
    public bool PlatformBypass { get; init; }

    /// <summary>The address space that the tags use: <see cref="VirtualNetwork"/>, or what <see cref="Network"/> says if that was left at its default.</summary>
    internal IReadOnlyList<IpPrefix> EffectiveVirtualNetwork =>
        ReferenceEquals(VirtualNetwork, PrivateNetworks) && Network.VirtualNetworks.Any(network => network.AddressPrefixes.Count > 0)
            ? [.. Network.VirtualNetworks.SelectMany(network => network.AddressPrefixes)]
            : VirtualNetwork;

    private static IpPrefix Prefix(string text) =>
        IpPrefix.TryParse(text, out IpPrefix prefix, out _) ? prefix : throw new FormatException(text);
}
