using System.Globalization;
using Firewall.Core.Packets;

namespace Firewall.Logs;

/// <summary>Packets and protocols as people read and write them.</summary>
internal static class PacketText
{
    /// <summary>Protocol names, in Azure's spelling where Azure has one, with their numbers.</summary>
    public static readonly IReadOnlyList<(string Name, byte Number)> Protocols =
    [
        ("Tcp", IpProtocol.Tcp), ("Udp", IpProtocol.Udp), ("Icmp", IpProtocol.Icmp), ("Icmpv6", IpProtocol.Icmpv6),
        ("Esp", IpProtocol.Esp), ("Ah", IpProtocol.Ah),
    ];

    /// <summary>The name of a protocol, or "protocol 47" for those without one.</summary>
    public static string ProtocolName(byte number)
    {
        foreach ((string name, byte known) in Protocols)
        {
            if (known == number) return name;
        }

        return string.Create(CultureInfo.InvariantCulture, $"protocol {number}");
    }

    /// <summary>"Tcp 203.0.113.5:40000 -> 10.0.0.4:22"; without ports for protocols that have none.</summary>
    public static string Endpoints(in PacketInfo packet) => packet.HasPorts
        ? $"{ProtocolName(packet.Protocol)} {Endpoint(packet.Source, packet.SourcePort)} -> {Endpoint(packet.Destination, packet.DestinationPort)}"
        : $"{ProtocolName(packet.Protocol)} {packet.Source} -> {packet.Destination}";

    /// <summary>"10.0.0.4:22" or "[fd00::4]:22".</summary>
    public static string Endpoint(IpAddress address, ushort port) => string.Create(
        CultureInfo.InvariantCulture, $"{(address.IsIPv4 ? "" : "[")}{address}{(address.IsIPv4 ? "" : "]")}:{port}");
}
