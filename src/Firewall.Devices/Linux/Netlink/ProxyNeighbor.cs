using Firewall.Core.Packets;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>
/// A proxy neighbour: the kernel answers ARP requests, and takes neighbour discovery, for this address on this interface although its
/// route leads elsewhere.
/// </summary>
internal sealed record ProxyNeighbor(int InterfaceIndex, IpAddress Address, byte Protocol)
{
    private const byte ProxyFlag = 0x08;
    private const ushort DestinationAttribute = 1;
    private const ushort ProtocolAttribute = 12;

    /// <summary>The dump request; the kernel lists proxies only when the flag asks for them.</summary>
    public static NetlinkRequest ToDumpRequest(byte family) =>
        Header(new NetlinkRequest(NetlinkMessage.GetNeighbor, 0, "reading the proxy neighbours"), family, 0);

    /// <summary>Reads an RTM_NEWNEIGH; null if it is no proxy.</summary>
    public static ProxyNeighbor? Read(ReadOnlySpan<byte> body)
    {
        NetlinkMessage.RequireLength(body, 12, "a neighbour");
        if (body[0] is not (NetlinkMessage.IPv4 or NetlinkMessage.IPv6) || (body[10] & ProxyFlag) == 0) return null;
        IpAddress? address = null;
        byte protocol = 0;
        var attributes = new NetlinkAttributes(body[12..]);
        while (attributes.Next())
        {
            if (attributes.Type == DestinationAttribute) address = attributes.Address;
            if (attributes.Type == ProtocolAttribute) protocol = attributes.Byte;
        }

        return address is { } own ? new ProxyNeighbor((int)NetlinkMessage.ReadUInt32(body[4..]), own, protocol) : null;
    }

    public NetlinkRequest ToAddRequest() =>
        Header(new NetlinkRequest(NetlinkMessage.NewNeighbor, NetlinkMessage.Create | NetlinkMessage.Replace, $"adding the {this}"), Family, InterfaceIndex)
            .Attribute(DestinationAttribute, Address).Attribute(ProtocolAttribute, Protocol);

    public NetlinkRequest ToDeleteRequest() =>
        Header(new NetlinkRequest(NetlinkMessage.DeleteNeighbor, 0, $"deleting the {this}"), Family, InterfaceIndex)
            .Attribute(DestinationAttribute, Address);

    public override string ToString() => $"proxy neighbour {Address} dev #{InterfaceIndex}";

    private byte Family => Address.IsIPv4 ? NetlinkMessage.IPv4 : NetlinkMessage.IPv6;

    private static NetlinkRequest Header(NetlinkRequest request, byte family, int index) =>
        request.Byte(family).Byte(0).UInt16(0).UInt32((uint)index).UInt16(0).Byte(ProxyFlag).Byte(0);
}
