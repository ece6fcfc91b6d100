using Firewall.Core.Packets;

namespace Firewall.Devices.Windows;

/// <summary>What Windows shall know about an adapter. All of it goes with the adapter.</summary>
public sealed record AdapterSettings
{
    /// <summary>The smallest MTU: IPv6 does not work below (RFC 8200 section 5).</summary>
    public const int MinMtu = 1280;

    /// <summary>The largest MTU, the longest packet that Wintun carries.</summary>
    public const int MaxMtu = 65_535;

    /// <summary>Longest packet in bytes, <see cref="MinMtu"/> to <see cref="MaxMtu"/>; 0 leaves what Windows chose.</summary>
    public int Mtu { get; init; }

    /// <summary>The interface's metric, 1 or more: Windows adds it to that of each route; 0 leaves the automatic one.</summary>
    public int Metric { get; init; }

    /// <summary>Its addresses, each with the length of the prefix that is reached by it.</summary>
    public IReadOnlyList<(IpAddress Address, int PrefixLength)> Addresses { get; init; } = [];

    /// <summary>The destinations that lead to it.</summary>
    public IReadOnlyList<IpPrefix> Routes { get; init; } = [];

    /// <summary>Names of other interfaces between which Windows shall forward packets; as they were when <see cref="AdapterNetwork"/> is disposed.</summary>
    public IReadOnlyList<string> ForwardingInterfaces { get; init; } = [];
}
