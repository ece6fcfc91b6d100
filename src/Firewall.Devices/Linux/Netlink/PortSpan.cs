namespace Firewall.Devices.Linux.Netlink;

/// <summary>Ports from first to last, both included, as a routing rule selects them.</summary>
internal readonly record struct PortSpan(ushort First, ushort Last)
{
    /// <summary>One port.</summary>
    public PortSpan(ushort port)
        : this(port, port)
    {
    }
}
