using Firewall.Core.Flows;
using Firewall.Core.Packets;

namespace Firewall.Core.Engine;

/// <summary>
/// A packet that has been read and is going to be judged: what the header reader found, and where the flow table has its flow. Made by
/// <see cref="FirewallEngine.Announce"/>; holds no reference to the packet.
/// </summary>
public struct AnnouncedPacket
{
    /// <summary>What the header reader found.</summary>
    public PacketInfo Info;

    /// <summary>The key of the packet's flow; meaningful if <see cref="HasKey"/>.</summary>
    internal FlowKey Key;

    /// <summary>The key's hash; meaningful if <see cref="HasKey"/>.</summary>
    internal ulong Hash;

    /// <summary>Its length on the wire.</summary>
    internal int WireLength;

    /// <summary>A name for the packet, by which it is known again should it be held.</summary>
    internal long Number;

    /// <summary>Number of the record that is the flow's in all likelihood, or was when it was looked for; -1 if there was none.</summary>
    internal int Nearest;

    /// <summary>The fault that the header reader met, if any.</summary>
    internal MalformedReason Malformed;

    /// <summary>True if the packet is whole and has a transport header.</summary>
    internal bool HasKey;

    /// <summary>True if the flow's larger endpoint sent it; meaningful if <see cref="HasKey"/>.</summary>
    internal bool FromHigh;

    /// <summary>The flow's opening packet as the rules look at it, made from any packet of the flow.</summary>
    /// <param name="isForward">True if the flow's originator sent this one.</param>
    internal readonly PacketInfo AsOpening(bool isForward)
    {
        PacketInfo opening = Info;
        if (isForward) return opening;
        opening.Source = Info.Destination;
        opening.Destination = Info.Source;
        opening.SourcePort = Info.DestinationPort;
        opening.DestinationPort = Info.SourcePort;
        if (Info.IsIcmpReply) opening.IcmpType = FlowKey.RequestTypeOf(Info);
        return opening;
    }
}
