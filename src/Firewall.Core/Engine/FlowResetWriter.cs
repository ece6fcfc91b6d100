using System.Buffers.Binary;
using Firewall.Core.Flows;
using Firewall.Core.Packets;

namespace Firewall.Core.Engine;

/// <summary>
/// Writes the resets that tell both ends of a TCP flow that it is over, each in the other end's name. Allocates nothing.
/// </summary>
/// <remarks>
/// A host believes a reset only if its sequence number is exactly the next one that it waits for (RFC 5961 section 3.2). That is where the
/// other end's data stops, if all of it arrived; if some was lost, it is what the host acknowledged last. Where the two differ, there is
/// one reset for each.
/// </remarks>
public static class FlowResetWriter
{
    /// <summary>The most resets for one flow.</summary>
    public const int MostResets = 4;

    /// <summary>The longest reset: IPv6 and TCP without options.</summary>
    public const int MaxLength = Ipv6Length + TcpLength;

    private const int Ipv4Length = 20;
    private const int Ipv6Length = 40;
    private const int TcpLength = 20;
    private const byte HopLimit = 64;
    private const byte RstAck = (byte)(TcpFlags.Rst | TcpFlags.Ack);

    /// <summary>Writes one of the resets of a flow.</summary>
    /// <param name="flow">The flow as it was at its end.</param>
    /// <param name="number">0 to <see cref="MostResets"/> - 1.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    /// <returns>The packet's length; 0 if there is no such reset, which says nothing about the next number.</returns>
    public static int Write(in FlowRecord flow, int number, Span<byte> destination)
    {
        if (flow.Protocol != IpProtocol.Tcp) return 0;
        bool toHigh = number >= MostResets / 2;
        bool isSecond = (number & 1) != 0;
        TcpPeer receiver = toHigh ? flow.Tail.HighPeer : flow.Tail.LowPeer;
        TcpPeer sender = toHigh ? flow.Tail.LowPeer : flow.Tail.HighPeer;
        bool hasAcknowledged = (receiver.Flags & TcpPeerFlags.HasAcknowledged) != 0;
        if (isSecond && (!hasAcknowledged || receiver.MaxAck == sender.End)) return 0;
        uint sequence = isSecond ? receiver.MaxAck : sender.End;
        return toHigh
            ? Write(flow.Low, flow.LowPort, flow.High, flow.HighPort, sequence, receiver.End, destination)
            : Write(flow.High, flow.HighPort, flow.Low, flow.LowPort, sequence, receiver.End, destination);
    }

    private static int Write(
        IpAddress from, ushort fromPort, IpAddress to, ushort toPort, uint sequence, uint acknowledgment, Span<byte> destination)
    {
        int ipLength = from.IsIPv4 ? Ipv4Length : Ipv6Length;
        Span<byte> packet = destination[..(ipLength + TcpLength)];
        packet.Clear();
        Span<byte> tcp = packet[ipLength..];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], toPort);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgment);
        tcp[12] = (TcpLength / 4) << 4;
        tcp[13] = RstAck;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], InternetChecksum.ForTransport(tcp, IpProtocol.Tcp, from, to));
        if (from.IsIPv4)
        {
            packet[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
            packet[6] = 0x40; // don't fragment
            packet[8] = HopLimit;
            packet[9] = IpProtocol.Tcp;
            from.WriteBytes(packet[12..]);
            to.WriteBytes(packet[16..]);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InternetChecksum.Of(packet[..Ipv4Length]));
        }
        else
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], TcpLength);
            packet[6] = IpProtocol.Tcp;
            packet[7] = HopLimit;
            from.WriteBytes(packet[8..]);
            to.WriteBytes(packet[24..]);
        }

        return packet.Length;
    }
}
