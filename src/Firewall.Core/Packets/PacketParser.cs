namespace Firewall.Core.Packets;

/// <summary>Reads the headers of one packet into a <see cref="PacketInfo"/>.</summary>
public static class PacketParser
{
}
