using PacketDotNet;
using PacketDotNet.Utils;

namespace Firewall.Core.Packets;

/// <summary>
/// Writes the packets that the firewall sends in the name of a denied packet's destination, where rejecting is on: TCP resets and
/// "administratively prohibited". They go back to the denied packet's source. Allocates, so the caller limits how many are sent
/// (RFC 4443 section 2.4(f), RFC 1812 section 4.3.2.8).
/// </summary>
public static class ReplyWriter
{
    /// <summary>The longest reply, and so what a destination needs: the least MTU of IPv6 (RFC 4443 section 2.4(c)).</summary>
    public const int MaxLength = 1280;

    // As much of the packet as possible without exceeding this (RFC 1812 section 4.3.2.3).
    private const int MaxIPv4ErrorLength = 576;
    private const byte DestinationUnreachablev6 = 1;
    private const byte AdministrativelyProhibitedv6 = 1;

    /// <summary>Writes the reset that a closed port would send (RFC 9293 section 3.10.7.1).</summary>
    /// <param name="packet">The denied packet; borrowed for the call.</param>
    /// <param name="info">What <see cref="PacketParser"/> made of it.</param>
    /// <param name="destination">Where the reset goes; 60 bytes are enough.</param>
    /// <returns>
    /// The reset's length, or 0 if none may be sent: not TCP, a reset itself, a fragment (whose acknowledgment cannot be known), an
    /// address that is not a single host's, or no room.
    /// </returns>
    public static int WriteTcpReset(ReadOnlySpan<byte> packet, in PacketInfo info, Span<byte> destination)
    {
        if (info.Protocol != IpProtocol.Tcp || info.IsFragment || (info.TcpFlags & TcpFlags.Rst) != 0) return 0;
        if (!IsSingleHost(info.Source) || !IsSingleHost(info.Destination)) return 0;
        TcpPacket reset = new(info.DestinationPort, info.SourcePort) { Reset = true };
        if ((info.TcpFlags & TcpFlags.Ack) != 0)
        {
            reset.SequenceNumber = info.Acknowledgment;
        }
        else
        {
            uint syn = (info.TcpFlags & TcpFlags.Syn) != 0 ? 1u : 0u;
            uint fin = (info.TcpFlags & TcpFlags.Fin) != 0 ? 1u : 0u;
            reset.Acknowledgment = true;
            reset.AcknowledgmentNumber = info.Sequence + (uint)info.PayloadLength + syn + fin;
        }

        IPPacket reply = Reply(in info);
        reply.PayloadPacket = reset;
        reset.UpdateTcpChecksum();
        return Finish(reply, destination);
    }

    /// <summary>
    /// Writes "communication administratively prohibited": ICMP type 3 code 13 (RFC 1812 section 5.2.7.1), or ICMPv6 type 1 code 1
    /// (RFC 4443 section 3.1), with as much of the packet as fits.
    /// </summary>
    /// <param name="packet">The denied packet; borrowed for the call.</param>
    /// <param name="info">What <see cref="PacketParser"/> made of it.</param>
    /// <param name="destination">Where the message goes; <see cref="MaxLength"/> bytes are enough.</param>
    /// <returns>
    /// The message's length, or 0 if none may be sent (RFC 1122 section 3.2.2, RFC 4443 section 2.4(e)): about an ICMP message other
    /// than a query, about a later fragment, to or about an address that is not a single host's, or no room.
    /// </returns>
    public static int WriteAdminProhibited(ReadOnlySpan<byte> packet, in PacketInfo info, Span<byte> destination)
    {
        if (info.IsLaterFragment || !IsSingleHost(info.Source) || !IsSingleHost(info.Destination)) return 0;
        if (info.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6 && !info.IsIcmpRequest) return 0;
        int overhead = (info.IsIPv4 ? Ipv4Reader.MinHeaderLength : Ipv6Reader.HeaderLength) + TransportReader.IcmpHeaderLength;
        int limit = (info.IsIPv4 ? MaxIPv4ErrorLength : MaxLength) - overhead;
        ReadOnlySpan<byte> quote = packet[..Math.Min(Math.Min(packet.Length, info.Length), limit)];
        byte[] message = new byte[TransportReader.IcmpHeaderLength + quote.Length];
        quote.CopyTo(message.AsSpan(TransportReader.IcmpHeaderLength));
        IPPacket reply = Reply(in info);
        if (info.IsIPv4)
        {
            IcmpV4Packet icmp = new(new ByteArraySegment(message)) { TypeCode = IcmpV4TypeCode.UnreachableCommunicationProhibited };
            reply.PayloadPacket = icmp;
            icmp.UpdateIcmpChecksum();
        }
        else
        {
            // PacketDotNet 1.4.8 leaves the quoted packet out of this checksum, so it is made here.
            message[0] = DestinationUnreachablev6;
            message[1] = AdministrativelyProhibitedv6;
            ushort checksum = InternetChecksum.ForTransport(message, IpProtocol.Icmpv6, info.Destination, info.Source);
            reply.PayloadPacket = new IcmpV6Packet(new ByteArraySegment(message)) { Checksum = checksum };
        }

        return Finish(reply, destination);
    }

    private static IPPacket Reply(in PacketInfo info) => info.IsIPv4
        ? new IPv4Packet(info.Destination.ToIPAddress(), info.Source.ToIPAddress())
        : new IPv6Packet(info.Destination.ToIPAddress(), info.Source.ToIPAddress());

    private static int Finish(IPPacket reply, Span<byte> destination)
    {
        reply.UpdateCalculatedValues();
        if (reply is IPv4Packet v4) v4.UpdateIPChecksum();
        byte[] bytes = reply.Bytes;
        return bytes.AsSpan().TryCopyTo(destination) ? bytes.Length : 0;
    }

    // Unspecified, loopback, multicast, class E and the limited broadcast name no single host that a reply could go to or come from.
    // The broadcast addresses of subnets are not known here.
    private static bool IsSingleHost(IpAddress address)
    {
        if (address.IsIPv4) return address.IPv4Bits >> 24 is > 0 and < 224 and not 127;
        return address.High >> 56 != 0xFF && (address.High != 0 || address.Low > 1);
    }
}
