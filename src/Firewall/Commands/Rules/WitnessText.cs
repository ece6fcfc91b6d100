using System.Globalization;
using Firewall.Core.Packets;

namespace Firewall.Commands.Rules;

/// <summary>A witness packet in words: only what rules look at, unlike <see cref="PacketSummary"/>.</summary>
internal static class WitnessText
{
    /// <summary>For example "Tcp 203.0.113.5:50000 -> 10.0.0.4:22".</summary>
    public static string Of(in PacketInfo packet) =>
        $"{PacketSummary.ProtocolName(packet.Protocol)} {End(packet.Source, packet.SourcePort, packet.HasPorts)} -> "
        + $"{End(packet.Destination, packet.DestinationPort, packet.HasPorts)}{Rest(in packet)}";

    private static string Rest(in PacketInfo packet)
    {
        if (packet.IsLaterFragment) return " (later fragment)";
        return JsonResult.HasIcmpType(in packet) ? string.Create(CultureInfo.InvariantCulture, $" type {packet.IcmpType} code {packet.IcmpCode}") : "";
    }

    private static string End(IpAddress address, ushort port, bool hasPort)
    {
        if (!hasPort) return address.ToString();
        string number = port.ToString(CultureInfo.InvariantCulture);
        return address.IsIPv4 ? $"{address}:{number}" : $"[{address}]:{number}";
    }
}
