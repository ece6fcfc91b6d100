using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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
public record struct FlowKey
{
    private IpAddress _low;
    private IpAddress _high;

    /// <summary>Address of the numerically smaller endpoint.</summary>
    public readonly IpAddress Low => _low;

    /// <summary>Address of the numerically larger endpoint.</summary>
    public readonly IpAddress High => _high;

    /// <summary>Port of the smaller endpoint.</summary>
    public ushort LowPort { get; private set; }

    /// <summary>Port of the larger endpoint.</summary>
    public ushort HighPort { get; private set; }

    /// <summary>IP protocol number.</summary>
    public byte Protocol { get; private set; }

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

    /// <summary>
    /// Becomes the key of a packet's flow, without a copy, and hashes it from the parts while they are at hand. To read back what was just
    /// written costs as much as the rest: the processor cannot hand sixteen bytes on from two stores of eight. With the hash made of the
    /// written key, a known flow took 46.5 ns in place of 43.8.
    /// </summary>
    /// <param name="packet">Not a later fragment: that has no ports.</param>
    /// <param name="function">The table's hash.</param>
    /// <param name="hash">The key's hash.</param>
    /// <returns>True if the packet was sent by the larger endpoint.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Set(in PacketInfo packet, in FlowHash function, out ulong hash)
    {
        ushort sourcePort = packet.SourcePort;
        ushort destinationPort = packet.DestinationPort;
        if (packet.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6) PortsOfQuery(packet, ref sourcePort, ref destinationPort);
        return Set(packet.Source, sourcePort, packet.Destination, destinationPort, packet.Protocol, function, out hash);
    }

    /// <summary>The key of the flow with these two endpoints.</summary>
    public static FlowKey Order(
        IpAddress source, ushort sourcePort, IpAddress destination, ushort destinationPort, byte protocol, out bool fromHigh)
    {
        FlowKey key = default;
        fromHigh = key.Set(source, sourcePort, destination, destinationPort, protocol, default, out _);
        return key;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Set(
        IpAddress source, ushort sourcePort, IpAddress destination, ushort destinationPort, byte protocol, in FlowHash function, out ulong hash)
    {
        bool fromHigh = source > destination || (source == destination && sourcePort > destinationPort);
        if (fromHigh)
        {
            (source, destination) = (destination, source);
            (sourcePort, destinationPort) = (destinationPort, sourcePort);
        }

        _low = source;
        _high = destination;
        LowPort = sourcePort;
        HighPort = destinationPort;
        Protocol = protocol;
        hash = function.Of(source, destination, FlowHash.RestOf(sourcePort, destinationPort, protocol));
        return fromHigh;
    }

    /// <summary>One bit for each way in which the addresses differ from these two: zero if they are the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly Vector128<byte> DifferenceFrom(in IpAddress low, in IpAddress high) =>
        (IpAddress.VectorOf(_low) ^ IpAddress.VectorOf(low)) | (IpAddress.VectorOf(_high) ^ IpAddress.VectorOf(high));

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
