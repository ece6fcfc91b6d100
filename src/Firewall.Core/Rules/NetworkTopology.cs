using Firewall.Core.Packets;

namespace Firewall.Core.Rules;

/// <summary>
/// What is known of the virtual network around the rules: which addresses a subnet or network interface has, which group it is
/// associated with, and who is a member of which application security group. Read from the same exports as the rules.
/// </summary>
public sealed record NetworkTopology
{
    /// <summary>Nothing is known.</summary>
    public static NetworkTopology Empty { get; } = new();

    /// <summary>Virtual networks with their address spaces.</summary>
    public IReadOnlyList<VirtualNetwork> VirtualNetworks { get; init; } = [];

    /// <summary>All subnets.</summary>
    public IReadOnlyList<Subnet> Subnets { get; init; } = [];

    /// <summary>All network interfaces.</summary>
    public IReadOnlyList<NetworkInterface> NetworkInterfaces { get; init; } = [];

    /// <summary>Members of application security groups that are given by address: id or name, then prefixes.</summary>
    public IReadOnlyList<ApplicationSecurityGroup> ApplicationSecurityGroups { get; init; } = [];

    /// <summary>True if nothing is known.</summary>
    public bool IsEmpty => VirtualNetworks.Count + Subnets.Count + NetworkInterfaces.Count + ApplicationSecurityGroups.Count == 0;

    /// <summary>What both know.</summary>
    public NetworkTopology With(NetworkTopology other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new NetworkTopology
        {
            VirtualNetworks = [.. VirtualNetworks, .. other.VirtualNetworks],
            Subnets = [.. Subnets, .. other.Subnets],
            NetworkInterfaces = [.. NetworkInterfaces, .. other.NetworkInterfaces],
            ApplicationSecurityGroups = [.. ApplicationSecurityGroups, .. other.ApplicationSecurityGroups],
        };
    }
}

/// <summary>A virtual network.</summary>
/// <param name="Id">Azure's resource id, or the name alone.</param>
/// <param name="AddressPrefixes">Its address space.</param>
/// <param name="FlowTimeoutInMinutes">Azure's <c>flowTimeoutInMinutes</c>, 4–30; null if not set.</param>
public sealed record VirtualNetwork(string Id, IReadOnlyList<IpPrefix> AddressPrefixes, int? FlowTimeoutInMinutes);

/// <summary>A subnet.</summary>
/// <param name="Id">Azure's resource id, or the name alone.</param>
/// <param name="AddressPrefixes">Its addresses.</param>
/// <param name="NetworkSecurityGroup">Id of the group it is associated with; null if none is named here.</param>
public sealed record Subnet(string Id, IReadOnlyList<IpPrefix> AddressPrefixes, string? NetworkSecurityGroup)
{
    /// <summary>Where it stands in the file.</summary>
    public RuleOrigin Origin { get; init; } = RuleOrigin.None;
}

/// <summary>A network interface.</summary>
/// <param name="Id">Azure's resource id, or the name alone.</param>
/// <param name="Addresses">Its private addresses.</param>
/// <param name="NetworkSecurityGroup">Id of the group it is associated with; null if none is named here.</param>
/// <param name="ApplicationSecurityGroups">Ids of the application security groups it is a member of.</param>
public sealed record NetworkInterface(
    string Id, IReadOnlyList<IpAddress> Addresses, string? NetworkSecurityGroup, IReadOnlyList<string> ApplicationSecurityGroups)
{
    /// <summary>Where it stands in the file.</summary>
    public RuleOrigin Origin { get; init; } = RuleOrigin.None;
}

/// <summary>An application security group whose members are given by address.</summary>
/// <param name="Id">Azure's resource id, or the name alone.</param>
/// <param name="Members">The members' addresses; may be empty.</param>
public sealed record ApplicationSecurityGroup(string Id, IReadOnlyList<IpPrefix> Members);
