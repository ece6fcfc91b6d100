using PacketDotNet;
using PacketDotNet.Tcp;
using PacketDotNet.Utils;

namespace Firewall.Core.Packets;

/// <summary>
/// What is read from a packet that may open a flow (and from a SYN/ACK) beyond its <see cref="PacketInfo"/>: the TCP options that
/// window tracking needs. Reading it is also the second opinion: PacketDotNet decodes the packet anew, and a packet that the two
/// readers understand differently opens nothing, because the host behind the firewall may understand it differently too.
/// </summary>
/// <remarks>
/// <para>
/// PacketDotNet throws on malformed input, and an exception costs more than a thousand packets. So it only ever gets headers whose
/// lengths the header reader has checked and option lists that were measured before, and its lazily decoded payloads are not touched.
/// </para>
/// <para>
/// It is not asked where PacketDotNet 1.4.8 is known to read otherwise than the RFCs say: it takes the length of every IPv6
/// extension header from the first one, walks over AH with a wrong unit, and walks over the protocols 98, 253 and 254 as if they
/// were extension headers. There it decodes the fixed IPv6 header and the transport header, but the chain is left to the header reader.
/// </para>
/// </remarks>
public readonly record struct OpeningPacket
{
    /// <summary>The largest shift that TCP allows (RFC 7323 section 2.3); greater ones count as this.</summary>
    public const sbyte MaxWindowScale = 14;

    // 60 bytes of IPv4 or 40 + 256 of IPv6, and 60 of TCP; each thread has its own, since PacketDotNet reads arrays only.
    private const int MaxHeaders = Ipv6Reader.HeaderLength + Ipv6ExtensionWalk.MaxBytes + 60;

    [ThreadStatic]
    private static byte[]? t_headers;

    // PacketDotNet's objects read their fields from the array at each access. So for the plain case, in which they would be made with the
    // same offsets and lengths every time, those of each thread are used again.
    [ThreadStatic]
    private static IPv4Packet? t_plainIPv4;

    [ThreadStatic]
    private static UdpPacket? t_plainUdp;

    /// <summary>The window scale option's shift, 0–14, or -1 if the option is absent.</summary>
    public sbyte WindowScale { get; private init; }

    /// <summary>True if the sender may be sent selective acknowledgments.</summary>
    public bool SackPermitted { get; private init; }

    /// <summary>The maximum segment size option in bytes, or 0 if it is absent.</summary>
    public ushort MaximumSegmentSize { get; private init; }

    /// <summary>
    /// False if a capture's snap length cut the options off, so that an option that seems absent may have been there. Always true for
    /// packets of a device.
    /// </summary>
    public bool HasAllOptions { get; private init; }

    /// <summary>
    /// Decodes the packet and compares. Allocates up to a kilobyte (UDP behind a plain IPv4 header: nothing), so call it for packets that
    /// may open a flow only.
    /// </summary>
    /// <param name="bytes">The packet; borrowed for the call.</param>
    /// <param name="fast">What <see cref="PacketParser"/> made of the same bytes, without a fault.</param>
    /// <param name="opening">The options; those of a packet without any if the result is not <see cref="MalformedReason.None"/>.</param>
    /// <returns>
    /// <see cref="MalformedReason.None"/>, <see cref="MalformedReason.TcpOptions"/> if the option list does not add up, or
    /// <see cref="MalformedReason.Ambiguous"/> if the readers disagree.
    /// </returns>
    public static MalformedReason Read(ReadOnlySpan<byte> bytes, in PacketInfo fast, out OpeningPacket opening)
    {
        opening = new OpeningPacket { WindowScale = -1, HasAllOptions = true };
        int transportLength = TransportHeaderLength(in fast);
        int length = Math.Min(fast.TransportOffset + transportLength, bytes.Length);
        if (length > MaxHeaders) return MalformedReason.Ambiguous;
        byte[] headers = t_headers ??= new byte[MaxHeaders];
        bytes[..length].CopyTo(headers);

        int options = 0;
        bool isCut = false;
        if (transportLength > 0 && fast.Protocol == IpProtocol.Tcp)
        {
            int start = fast.TransportOffset + TransportReader.MinTcpHeaderLength;
            isCut = length < fast.TransportOffset + transportLength;
            if (!TcpOptionList.TryMeasure(bytes[start..length], isCut, out options)) return MalformedReason.TcpOptions;

            // PacketDotNet reads on behind the end-of-list option, where hosts stop; zeros are more such options. It also reads what
            // a snap length cut off, so that this must be zeros as well.
            length = fast.TransportOffset + transportLength;
            headers.AsSpan((start + options)..length).Clear();
        }

        try
        {
            return Compare(headers, length, in fast, ref opening, isCut);
        }
#pragma warning disable CA1031 // A fault in the library that no test has found must not let one packet stop the firewall.
        catch (Exception)
#pragma warning restore CA1031
        {
            return MalformedReason.Ambiguous;
        }
    }

    private static int TransportHeaderLength(in PacketInfo fast) => fast.IsLaterFragment ? 0 : fast.Protocol switch
    {
        IpProtocol.Tcp => fast.TcpHeaderLength,
        IpProtocol.Udp => TransportReader.UdpHeaderLength,
        IpProtocol.Icmp or IpProtocol.Icmpv6 => TransportReader.IcmpHeaderLength,
        _ => 0,
    };

    private static MalformedReason Compare(byte[] headers, int length, in PacketInfo fast, ref OpeningPacket opening, bool isCut)
    {
        const int PlainLength = Ipv4Reader.MinHeaderLength + TransportReader.UdpHeaderLength;
        if (length == PlainLength && fast.IsIPv4 && fast.TransportOffset == Ipv4Reader.MinHeaderLength && fast.Protocol == IpProtocol.Udp)
            return ComparePlain(headers, in fast);

        ByteArraySegment packet = new(headers, 0, length, length);
        bool agrees = fast.IsIPv4 ? AgreesOnIPv4(new IPv4Packet(packet), headers, in fast) : AgreesOnIPv6(packet, in fast);
        if (!agrees) return MalformedReason.Ambiguous;
        if (fast.IsLaterFragment) return MalformedReason.None;
        ByteArraySegment transport = new(headers, fast.TransportOffset, length - fast.TransportOffset, length);
        switch (fast.Protocol)
        {
            case IpProtocol.Tcp:
                TcpPacket tcp = new(transport);
                if (!AgreesOnTcp(tcp, in fast)) return MalformedReason.Ambiguous;
                opening = ReadOptions(tcp, isCut);
                return MalformedReason.None;
            case IpProtocol.Udp:
                UdpPacket udp = new(transport);
                return Result(udp.SourcePort == fast.SourcePort && udp.DestinationPort == fast.DestinationPort);
            case IpProtocol.Icmp:
                IcmpV4Packet icmp = new(transport);
                bool isQuery = fast.IsIcmpRequest || fast.IsIcmpReply;
                return Result((int)icmp.TypeCode == (fast.IcmpType << 8 | fast.IcmpCode) && (!isQuery || icmp.Id == fast.SourcePort));
            case IpProtocol.Icmpv6:
                IcmpV6Packet icmpv6 = new(transport);
                return Result((byte)icmpv6.Type == fast.IcmpType && icmpv6.Code == fast.IcmpCode);
            default:
                return MalformedReason.None;
        }
    }

    private static MalformedReason ComparePlain(byte[] headers, in PacketInfo fast)
    {
        const int Offset = Ipv4Reader.MinHeaderLength;
        const int Length = Offset + TransportReader.UdpHeaderLength;
        IPv4Packet ip = t_plainIPv4 ??= new IPv4Packet(new ByteArraySegment(headers, 0, Length, Length));
        UdpPacket udp = t_plainUdp ??= new UdpPacket(new ByteArraySegment(headers, Offset, TransportReader.UdpHeaderLength, Length));
        return Result(AgreesOnIPv4(ip, headers, in fast) && udp.SourcePort == fast.SourcePort && udp.DestinationPort == fast.DestinationPort);
    }

    private static MalformedReason Result(bool agrees) => agrees ? MalformedReason.None : MalformedReason.Ambiguous;

    // The addresses are read here: they stand at the same place in every header, and PacketDotNet would make an object of each.
    private static bool AgreesOnIPv4(IPv4Packet packet, byte[] headers, in PacketInfo fast) =>
        packet.HeaderLength * 4 == fast.TransportOffset
        && packet.TotalLength == fast.Length
        && (byte)packet.Protocol == fast.Protocol
        && packet.TimeToLive == fast.TimeToLive
        && packet.FragmentOffset * 8 == fast.FragmentOffset
        && ((packet.FragmentFlags & 1) != 0) == fast.MoreFragments
        && IpAddress.ReadIPv4(headers.AsSpan(12)) == fast.Source
        && IpAddress.ReadIPv4(headers.AsSpan(16)) == fast.Destination;

    private static bool AgreesOnIPv6(ByteArraySegment segment, in PacketInfo fast)
    {
        IPv6Packet packet = new(segment);
        bool agrees = packet.TotalLength == fast.Length
            && packet.HopLimit == fast.TimeToLive
            && IpAddress.From(packet.SourceAddress) == fast.Source
            && IpAddress.From(packet.DestinationAddress) == fast.Destination;
        if (!agrees || !WalksLikePacketDotNet(segment.Bytes, in fast)) return agrees;
        if ((byte)packet.Protocol != fast.Protocol || Ipv6Reader.HeaderLength + packet.ExtensionHeadersLength != fast.TransportOffset) return false;
        foreach (IPv6ExtensionHeader header in packet.ExtensionHeaders)
        {
            if (header is IPv6FragmentationExtensionHeader fragment)
            {
                return fragment.FragmentOffset * 8 == fast.FragmentOffset && fragment.More == fast.MoreFragments;
            }
        }

        return !fast.IsFragment;
    }

    private static bool WalksLikePacketDotNet(byte[] headers, in PacketInfo fast)
    {
        byte first = headers[6];
        if (IsWalkedOverByPacketDotNet(fast.Protocol)) return false;
        if (!Ipv6ExtensionWalk.IsExtension(first)) return true;
        if (fast.IsLaterFragment) return false;
        return fast.TransportOffset == Ipv6Reader.HeaderLength + Ipv6ExtensionWalk.LengthOf(first, headers.AsSpan(Ipv6Reader.HeaderLength));
    }

    private static bool IsWalkedOverByPacketDotNet(byte protocol) => protocol is IpProtocol.Ah or 98 or 253 or 254;

    private static bool AgreesOnTcp(TcpPacket tcp, in PacketInfo fast) =>
        tcp.SourcePort == fast.SourcePort
        && tcp.DestinationPort == fast.DestinationPort
        && tcp.SequenceNumber == fast.Sequence
        && tcp.AcknowledgmentNumber == fast.Acknowledgment
        && tcp.WindowSize == fast.Window
        && tcp.DataOffset * 4 == fast.TcpHeaderLength
        && (byte)tcp.Flags == (byte)fast.TcpFlags;

    private static OpeningPacket ReadOptions(TcpPacket tcp, bool isCut)
    {
        sbyte windowScale = -1;
        bool sackPermitted = false;
        ushort maximumSegmentSize = 0;

        // PacketDotNet refuses to list the options beside the URG bit. The bytes are our copy, and the flags are compared.
        tcp.Urgent = false;
        foreach (TcpOption option in tcp.OptionsCollection ?? [])
        {
            switch (option)
            {
                case WindowScaleFactorOption scale: windowScale = (sbyte)Math.Min(scale.ScaleFactor, (byte)MaxWindowScale); break;
                case SelectiveAcknowledgmentPermittedOption: sackPermitted = true; break;
                case MaximumSegmentSizeOption size: maximumSegmentSize = size.Value; break;
            }
        }

        return new OpeningPacket
        {
            WindowScale = windowScale,
            SackPermitted = sackPermitted,
            MaximumSegmentSize = maximumSegmentSize,
            HasAllOptions = !isCut,
        };
    }
}
