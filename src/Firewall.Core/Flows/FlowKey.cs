using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// The canonical 5-tuple of a flow: its two endpoints in numeric order, so that both directions have the same key and one lookup
/// finds the flow from either side. Which end sent a packet is told beside the key.
/// </summary>
/// <remarks>
/// An ICMP query has no ports. Its asking end is given the identifier as port and its answering end the identifier plus the type of the
/// request, so that an echo request in the other direction, whatever its identifier, is a flow of its own, which the rules have to allow,
/// and not an "answer". Protocols without ports are tracked by their addresses alone (as nf_conntrack's generic tracker does).
/// </remarks>
public readonly record struct FlowKey
{
    private FlowKey(IpAddress low, ushort lowPort, IpAddress high, ushort highPort, byte protocol)
    {
        Low = low;
        LowPort = lowPort;
        High = high;
        HighPort = highPort;
        Protocol = protocol;
    }

    /// <summary>Address of the numerically smaller endpoint.</summary>
    public IpAddress Low { get; }

    /// <summary>Address of the numerically larger endpoint.</summary>
    public IpAddress High { get; }

    /// <summary>Port of the smaller endpoint.</summary>
    public ushort LowPort { get; }

    /// <summary>Port of the larger endpoint.</summary>
    public ushort HighPort { get; }

    /// <summary>IP protocol number.</summary>
    public byte Protocol { get; }

    /// <summary>The key of a packet's flow.</summary>
    /// <param name="packet">Not a later fragment: that has no ports.</param>
    /// <param name="fromHigh">True if the packet was sent by the larger endpoint.</param>
    public static FlowKey Of(in PacketInfo packet, out bool fromHigh)
    {
        ushort sourcePort = packet.SourcePort;
        ushort destinationPort = packet.DestinationPort;
        if (packet.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6) PortsOfQuery(packet, ref sourcePort, ref destinationPort);
        return Order(packet.Source, sourcePort, packet.Destination, destinationPort, packet.Protocol, out fromHigh);
    }

    /// <summary>The key of the flow with these two endpoints.</summary>
    public static FlowKey Order(
        IpAddress source, ushort sourcePort, IpAddress destination, ushort destinationPort, byte protocol, out bool fromHigh)
    {
        int order = source.CompareTo(destination);
        fromHigh = order > 0 || (order == 0 && sourcePort > destinationPort);
        return fromHigh
            ? new FlowKey(destination, destinationPort, source, sourcePort, protocol)
            : new FlowKey(source, sourcePort, destination, destinationPort, protocol);
    }

    /// <summary>The ICMP type that a reply answers: echo 8 for 0, timestamp 13 for 14, and so on.</summary>
    internal static byte RequestTypeOf(in PacketInfo reply) =>
        reply.Protocol == IpProtocol.Icmpv6 ? (byte)128 : reply.IcmpType == 0 ? (byte)8 : (byte)(reply.IcmpType - 1);

    private static void PortsOfQuery(in PacketInfo packet, ref ushort sourcePort, ref ushort destinationPort)
    {
        if (packet.IsIcmpRequest)
        {
            destinationPort = (ushort)(sourcePort + packet.IcmpType);
        }
        else if (packet.IsIcmpReply)
        {
            sourcePort = (ushort)(destinationPort + RequestTypeOf(packet));
        }
    }
}
