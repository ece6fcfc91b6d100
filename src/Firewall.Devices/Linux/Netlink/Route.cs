using Firewall.Core.Packets;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>RTN_… of linux/rtnetlink.h.</summary>
internal enum RouteType : byte
{
    Unicast = 1,
    Local = 2,
    Broadcast = 3,
    Anycast = 4,
    Multicast = 5,
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,
    Throw = 9,
}

/// <summary>A route, as far as this program makes and mirrors them. Two that the kernel holds for the same are equal.</summary>
internal sealed record Route
{
    /// <summary>The main table's number.</summary>
    public const uint MainTable = 254;

    /// <summary>The local table's number: the machine's own addresses.</summary>
    public const uint LocalTable = 255;

    private const uint ClonedFlag = 0x200;
    private const uint DeadFlag = 0x1;

    /// <summary>Where the route leads to.</summary>
    public required IpPrefix Destination { get; init; }

    public required uint Table { get; init; }

    public RouteType Type { get; init; } = RouteType.Unicast;

    /// <summary>RTPROT_…: who made the route.</summary>
    public byte Protocol { get; init; }

    /// <summary>The lower wins. IPv6 turns 0 into 1024.</summary>
    public uint Metric { get; init; }

    /// <summary>The interface, 0 if there is none. Always 0 for types other than unicast.</summary>
    public int InterfaceIndex { get; init; }

    /// <summary>The next hop, if it is an address of the route's own family.</summary>
    public IpAddress? Gateway { get; init; }

    /// <summary>The source address for packets that have none yet.</summary>
    public IpAddress? PreferredSource { get; init; }

    /// <summary>
    /// True if the kernel passes the route by. One whose interface has lost its carrier is still used, unless the interface's
    /// ignore_routes_with_linkdown is set: then the kernel says of the route that it is dead too.
    /// </summary>
    public bool IsDead { get; init; }

    /// <summary>Reads an RTM_NEWROUTE or RTM_DELROUTE; null for those that are no part of a routing table proper.</summary>
    public static Route? Read(ReadOnlySpan<byte> body)
    {
        const ushort destination = 1, outInterface = 4, gatewayAttribute = 5, priority = 6, preferredSource = 7, multipath = 9, tableAttribute = 15;
        NetlinkMessage.RequireLength(body, 12, "a route");
        byte family = body[0];
        uint flags = NetlinkMessage.ReadUInt32(body[8..]);
        if (family is not (NetlinkMessage.IPv4 or NetlinkMessage.IPv6) || (flags & ClonedFlag) != 0 || body[2] != 0 || body[3] != 0) return null;

        IpAddress network = family == NetlinkMessage.IPv4 ? IpAddress.FromIPv4(0) : default;
        uint table = body[4];
        var type = (RouteType)body[7];
        uint metric = 0;
        int index = 0;
        IpAddress? gateway = null;
        IpAddress? source = null;
        var attributes = new NetlinkAttributes(body[12..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case destination: network = attributes.Address; break;
                case outInterface: index = (int)attributes.UInt32; break;
                case gatewayAttribute: gateway = attributes.Address; break;
                case priority: metric = attributes.UInt32; break;
                case preferredSource: source = attributes.Address; break;
                case tableAttribute: table = attributes.UInt32; break;
                case multipath: (index, gateway) = ReadFirstHop(attributes.Value); break;
            }
        }

        if (body[1] > (network.IsIPv4 ? 32 : 128)) NetlinkMessage.ThrowMalformed($"a route with a prefix of {body[1]} bits");
        return new Route
        {
            Destination = IpPrefix.Create(network, body[1]),
            Table = table,
            Type = type,
            Protocol = body[5],
            Metric = metric,
            // IPv6 shows the loopback for routes that lead nowhere.
            InterfaceIndex = type == RouteType.Unicast ? index : 0,
            Gateway = gateway,
            PreferredSource = source,
            IsDead = (flags & DeadFlag) != 0,
        };
    }

    /// <summary>The request that adds this route.</summary>
    public NetlinkRequest ToAddRequest() => ToRequest(NetlinkMessage.NewRoute, NetlinkMessage.Create | NetlinkMessage.Exclusive, "adding");

    /// <summary>The request that deletes this route.</summary>
    public NetlinkRequest ToDeleteRequest() => ToRequest(NetlinkMessage.DeleteRoute, 0, "deleting");

    public override string ToString() =>
        $"{(Type == RouteType.Unicast ? "" : Type.ToString().ToLowerInvariant() + " ")}{Destination}"
        + (Gateway is { } gateway ? $" via {gateway}" : "") + (InterfaceIndex != 0 ? $" dev #{InterfaceIndex}" : "")
        + $" table {Table}" + (PreferredSource is { } source ? $" src {source}" : "") + (Metric != 0 ? $" metric {Metric}" : "");

    private NetlinkRequest ToRequest(ushort type, ushort flags, string verb)
    {
        const ushort destination = 1, outInterface = 4, gatewayAttribute = 5, priority = 6, preferredSource = 7, tableAttribute = 15;
        bool isIPv4 = Destination.IsIPv4;

        // Always the widest scope, "global": when the kernel checks the gateway of somebody's new route it looks for narrower ones and so
        // passes ours by; it would find the TUN. IPv6 has no scopes. On deletion 255 (nowhere) means any.
        byte scope = isIPv4 && type == NetlinkMessage.DeleteRoute ? (byte)255 : (byte)0;
        NetlinkRequest request = new NetlinkRequest(type, flags, $"{verb} the route {this}")
            .Byte(isIPv4 ? NetlinkMessage.IPv4 : NetlinkMessage.IPv6).Byte((byte)Destination.Length).Byte(0).Byte(0)
            .Byte(Table < 256 ? (byte)Table : (byte)0).Byte(Protocol).Byte(scope).Byte((byte)Type).UInt32(0)
            .Attribute(tableAttribute, Table);
        if (Destination.Length > 0) request.Attribute(destination, Destination.Address);
        if (InterfaceIndex != 0) request.Attribute(outInterface, (uint)InterfaceIndex);
        if (Gateway is { } gateway) request.Attribute(gatewayAttribute, gateway);
        if (PreferredSource is { } source) request.Attribute(preferredSource, source);
        if (Metric != 0) request.Attribute(priority, Metric);
        return request;
    }

    // struct rtnexthop: length, flags, hops, interface index; then its attributes.
    private static (int Index, IpAddress? Gateway) ReadFirstHop(ReadOnlySpan<byte> hops)
    {
        const ushort gatewayAttribute = 5;
        NetlinkMessage.RequireLength(hops, 8, "a next hop");
        int length = NetlinkMessage.ReadUInt16(hops);
        if (length < 8 || length > hops.Length) NetlinkMessage.ThrowMalformed($"a next hop of {length} bytes where {hops.Length} remain");
        var attributes = new NetlinkAttributes(hops[8..length]);
        while (attributes.Next())
        {
            if (attributes.Type == gatewayAttribute) return ((int)NetlinkMessage.ReadUInt32(hops[4..]), attributes.Address);
        }

        return ((int)NetlinkMessage.ReadUInt32(hops[4..]), null);
    }
}
