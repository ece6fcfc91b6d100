namespace Firewall.Devices.Linux.Routing;

/// <summary>Which traffic goes through the TUN, and the numbers that the kernel's tables are kept under.</summary>
public sealed record RoutingOptions
{
    /// <summary>How many priorities from <see cref="Priority"/> on belong to us.</summary>
    public const int PriorityCount = 20;

    /// <summary>The protocol number (RTPROT_…) by which we know our own rules and routes again, also after a crash. Nobody else uses it.</summary>
    public const byte Protocol = 114;

    /// <summary>The TUN; it must be there when routing is applied.</summary>
    public required string TunName { get; init; }

    /// <summary>The interfaces whose traffic is judged: in Gateway mode all between which it routes, in Host mode those to the outside.</summary>
    public required IReadOnlyList<string> Interfaces { get; init; }

    /// <summary>
    /// The first of <see cref="PriorityCount"/> rule priorities. Before those of VPNs (Tailscale 5210, wg-quick 32764) and VRFs (1000), since
    /// a rule that takes traffic before ours takes it past the firewall. 1 to 32000.
    /// </summary>
    public uint Priority { get; init; } = 40;

    /// <summary>The first of two routing tables; neither may hold routes of others. Not 0 and not the kernel's 253 to 255.</summary>
    public uint Table { get; init; } = 11_400;

    /// <summary>False keeps IPv6 closed: no packet of it passes the protected interfaces.</summary>
    public bool IPv6 { get; init; } = true;

    /// <summary>
    /// Where the settings' earlier values are kept, so that also the run after a crash can restore them. If it cannot be written (a container
    /// with a read-only root, whose settings end with it), nothing is kept and <see cref="RoutingControl.Notes"/> says so.
    /// </summary>
    public string StateDirectory { get; init; } = "/run/firewall";

    /// <summary>False for tests: as if the kernel were older than 6.17 and could make IPv6 forward only as a whole.</summary>
    internal bool MayForwardSingly { get; init; } = true;

    internal uint LastPriority => Priority + PriorityCount - 1;

    internal uint InboundTable => Table;

    internal uint OutboundTable => Table + 1;
}
