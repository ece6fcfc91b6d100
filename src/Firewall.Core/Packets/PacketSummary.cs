using System.Globalization;
using System.Text;

namespace Firewall.Core.Packets;

/// <summary>One packet in one line for people: <c>Tcp 203.0.113.5:40000 -> 10.0.0.4:22 [S]</c>. Allocates; not for the path.</summary>
public static class PacketSummary
{
    // tcpdump's letters, in its order; people who read packets know them.
    private static readonly (TcpFlags Flag, char Letter)[] s_flagLetters =
    [
        (TcpFlags.Fin, 'F'), (TcpFlags.Syn, 'S'), (TcpFlags.Rst, 'R'), (TcpFlags.Psh, 'P'), (TcpFlags.Urg, 'U'),
        (TcpFlags.Ece, 'E'), (TcpFlags.Cwr, 'W'), (TcpFlags.Ack, '.'),
    ];

    /// <summary>
    /// Describes a packet: protocol, endpoints (with ports where there are any), and what tells it apart: TCP flags, ICMP type, code and
    /// identifier, the place of a fragment.
    /// </summary>
    public static string Format(in PacketInfo info)
    {
        StringBuilder text = new(80);
        text.Append(ProtocolName(info.Protocol)).Append(' ');
        AppendEndpoint(text, info.Source, info.SourcePort, info.HasPorts);
        text.Append(" -> ");
        AppendEndpoint(text, info.Destination, info.DestinationPort, info.HasPorts);
        if (!info.IsLaterFragment)
        {
            if (info.Protocol == IpProtocol.Tcp) text.Append(" [").Append(FlagLetters(info.TcpFlags)).Append(']');
            if (info.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6) AppendIcmp(text, in info);
        }

        if (info.IsFragment)
        {
            text.Append(CultureInfo.InvariantCulture, $" fragment {info.FragmentId} at {info.FragmentOffset}{(info.MoreFragments ? "+" : "")}");
        }

        return text.ToString();
    }

    /// <summary>The name of a protocol as Azure writes it where it has one, else <c>Protocol 47</c>.</summary>
    public static string ProtocolName(byte protocol) => protocol switch
    {
        IpProtocol.Icmp => "Icmp",
        IpProtocol.Tcp => "Tcp",
        IpProtocol.Udp => "Udp",
        IpProtocol.Esp => "Esp",
        IpProtocol.Ah => "Ah",
        IpProtocol.Icmpv6 => "Icmpv6",
        _ => string.Create(CultureInfo.InvariantCulture, $"Protocol {protocol}"),
    };

    /// <summary>TCP flags in tcpdump's letters: S, F, R, P, U, E, W, and a dot for ACK; <c>none</c> if there are none.</summary>
    public static string FlagLetters(TcpFlags flags)
    {
        StringBuilder letters = new(8);
        foreach ((TcpFlags flag, char letter) in s_flagLetters)
        {
            if ((flags & flag) != 0) letters.Append(letter);
        }

        return letters.Length == 0 ? "none" : letters.ToString();
    }

    private static void AppendEndpoint(StringBuilder text, IpAddress address, ushort port, bool hasPort)
    {
        bool brackets = hasPort && !address.IsIPv4;
        if (brackets) text.Append('[');
        text.Append(address.ToString());
        if (brackets) text.Append(']');
        if (hasPort) text.Append(CultureInfo.InvariantCulture, $":{port}");
    }

    private static void AppendIcmp(StringBuilder text, in PacketInfo info)
    {
        text.Append(CultureInfo.InvariantCulture, $" type {info.IcmpType} code {info.IcmpCode}");
        if (info.IsIcmpRequest || info.IsIcmpReply) text.Append(CultureInfo.InvariantCulture, $" id {info.SourcePort}");
    }
}
