using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>
/// What this program asks of rtnetlink: links, addresses, routes, rules and proxy neighbours of the network namespace in which it was
/// opened. Not thread safe.
/// </summary>
internal sealed class RouteNetlink : IDisposable
{
    private const uint UpFlag = 0x1;

    private readonly NetlinkSocket _socket = new();

    public IReadOnlyList<Link> ReadLinks()
    {
        var links = new List<Link>();
        NetlinkRequest request = LinkHeader(new NetlinkRequest(NetlinkMessage.GetLink, 0, "reading the interfaces"), 0, 0, 0);
        _socket.Dump(request, links.Clear, (type, body) =>
        {
            if (type == NetlinkMessage.NewLink) links.Add(Link.Read(body));
        });
        return links;
    }

    public IReadOnlyList<InterfaceAddress> ReadAddresses()
    {
        var addresses = new List<InterfaceAddress>();
        NetlinkRequest request = new NetlinkRequest(NetlinkMessage.GetAddress, 0, "reading the addresses").UInt32(0).UInt32(0);
        _socket.Dump(request, addresses.Clear, (type, body) =>
        {
            if (type == NetlinkMessage.NewAddress && InterfaceAddress.Read(body) is { } address) addresses.Add(address);
        });
        return addresses;
    }

    /// <summary>All routes of all tables, or of one table.</summary>
    public IReadOnlyList<Route> ReadRoutes(byte family)
    {
        var routes = new List<Route>();
        NetlinkRequest request = new NetlinkRequest(NetlinkMessage.GetRoute, 0, "reading the routes")
            .Byte(family).Byte(0).Byte(0).Byte(0).UInt32(0).UInt32(0);
        _socket.Dump(request, routes.Clear, (type, body) =>
        {
            if (type == NetlinkMessage.NewRoute && Route.Read(body) is { } route) routes.Add(route);
        });
        return routes;
    }

    public IReadOnlyList<RoutingRule> ReadRules(byte family)
    {
        var rules = new List<RoutingRule>();
        NetlinkRequest request = new NetlinkRequest(NetlinkMessage.GetRule, 0, "reading the routing rules")
            .Byte(family).Byte(0).Byte(0).Byte(0).UInt32(0).UInt32(0);
        _socket.Dump(request, rules.Clear, (type, body) =>
        {
            if (type == NetlinkMessage.NewRule && RoutingRule.Read(body) is { } rule) rules.Add(rule);
        });
        return rules;
    }

    public IReadOnlyList<ProxyNeighbor> ReadProxies(byte family)
    {
        var proxies = new List<ProxyNeighbor>();
        _socket.Dump(ProxyNeighbor.ToDumpRequest(family), proxies.Clear, (type, body) =>
        {
            if (type == NetlinkMessage.NewNeighbor && ProxyNeighbor.Read(body) is { } proxy) proxies.Add(proxy);
        });
        return proxies;
    }

    /// <summary>Executes a request that adds something; that it is there already is fine.</summary>
    public void Add(NetlinkRequest request)
    {
        Errno error = _socket.TryExecute(request, out string? text);
        if (error is not (Errno.None or Errno.EEXIST)) throw new NetlinkException(request.What, error, text);
    }

    /// <summary>Executes a request that deletes something; that it is gone already is fine.</summary>
    public void Delete(NetlinkRequest request)
    {
        Errno error = _socket.TryExecute(request, out string? text);
        if (error is not (Errno.None or Errno.ESRCH or Errno.ENOENT or Errno.ENODEV or Errno.EADDRNOTAVAIL))
            throw new NetlinkException(request.What, error, text);
    }

    /// <summary>Sets the MTU; the kernel removes IPv6 from an interface below 1280.</summary>
    public void SetMtu(Link link, int mtu)
    {
        const ushort mtuAttribute = 4;
        _socket.Execute(LinkHeader(SetLink($"setting the MTU of {link.Name} to {mtu}"), link.Index, 0, 0).Attribute(mtuAttribute, (uint)mtu));
    }

    /// <summary>
    /// Takes the interface out of IPv6's multicast groups, before it is up and before its MTU is set. On a machine that forwards, the
    /// kernel makes every new interface join the group of all routers, and reports that to the link. Without the multicast flag it does
    /// not; an MTU below 1280 makes it forget what it joined already.
    /// </summary>
    public void LeaveMulticast(Link link)
    {
        const uint multicastFlag = 0x1000;
        const int tooSmallForIPv6 = 576;
        _socket.Execute(LinkHeader(SetLink($"switching off multicast on {link.Name}"), link.Index, 0, multicastFlag));
        SetMtu(link, tooSmallForIPv6);
    }

    /// <summary>Sets how many packets may wait for a reader.</summary>
    public void SetTransmitQueueLength(Link link, int packets)
    {
        const ushort queueAttribute = 13;
        _socket.Execute(LinkHeader(SetLink($"setting the transmit queue of {link.Name} to {packets} packets"), link.Index, 0, 0)
            .Attribute(queueAttribute, (uint)packets));
    }

    /// <summary>Writes an alias on the interface, as `ip link set alias` does.</summary>
    public void SetAlias(Link link, string alias)
    {
        const ushort aliasAttribute = 20;
        _socket.Execute(LinkHeader(SetLink($"naming {link.Name}"), link.Index, 0, 0).Attribute(aliasAttribute, alias));
    }

    /// <summary>Removes an interface; that it is gone already is fine.</summary>
    public void DeleteLink(Link link) =>
        Delete(LinkHeader(new NetlinkRequest(NetlinkMessage.DeleteLink, 0, $"removing {link.Name}"), link.Index, 0, 0));

    /// <summary>Keeps the kernel from giving the interface a link-local IPv6 address. Returns false if it knows no IPv6 there.</summary>
    public bool TryDisableAddressGeneration(Link link)
    {
        const ushort perFamily = 26, modeAttribute = 8;
        const byte none = 1;
        NetlinkRequest request = LinkHeader(SetLink($"switching off address generation on {link.Name}"), link.Index, 0, 0)
            .Nest(perFamily, static families => families.Nest(NetlinkMessage.IPv6, static inet6 => inet6.Attribute(modeAttribute, none)));
        Errno error = _socket.TryExecute(request, out string? text);
        if (error is Errno.EAFNOSUPPORT or Errno.EOPNOTSUPP or Errno.EINVAL) return false;
        return error == Errno.None ? true : throw new NetlinkException(request.What, error, text);
    }

    public void SetUp(Link link) => _socket.Execute(LinkHeader(SetLink($"bringing {link.Name} up"), link.Index, UpFlag, UpFlag));

    public void AddAddress(Link link, InterfaceAddress address)
    {
        const ushort addressAttribute = 1, localAttribute = 2;
        const byte noDuplicateDetection = 0x02;
        bool isIPv4 = address.Address.IsIPv4;
        NetlinkRequest request = new NetlinkRequest(NetlinkMessage.NewAddress, NetlinkMessage.Create | NetlinkMessage.Replace,
                $"adding the address {address.Address}/{address.PrefixLength} to {link.Name}")
            .Byte(isIPv4 ? NetlinkMessage.IPv4 : NetlinkMessage.IPv6).Byte((byte)address.PrefixLength)
            .Byte(isIPv4 ? (byte)0 : noDuplicateDetection).Byte(0).UInt32((uint)link.Index)
            .Attribute(localAttribute, address.Address).Attribute(addressAttribute, address.Address);
        _socket.Execute(request);
    }

    /// <summary>
    /// Sets a value of net.ipv4.conf.INTERFACE without /proc, which containers often have read-only. The number is IPV4_DEVCONF_… of linux/ip.h.
    /// </summary>
    public void SetIPv4Setting(Link link, ushort setting, uint value)
    {
        const ushort perFamily = 26, configuration = 1;
        _socket.Execute(LinkHeader(SetLink($"setting IPv4 option {setting} of {link.Name} to {value}"), link.Index, 0, 0)
            .Nest(perFamily, families => families.Nest(NetlinkMessage.IPv4,
                inet => inet.Nest(configuration, options => options.Attribute(setting, value)))));
    }

    /// <summary>Sets for how long answers for ARP proxies are held back, in milliseconds; the same without /proc.</summary>
    public void SetProxyDelay(Link link, ulong milliseconds)
    {
        const ushort name = 1, parameters = 6, interfaceIndex = 1, proxyDelay = 13;
        _socket.Execute(new NetlinkRequest(NetlinkMessage.SetNeighborTable, NetlinkMessage.Replace, $"setting the ARP proxy delay of {link.Name}")
            .Byte(NetlinkMessage.IPv4).Byte(0).UInt16(0)
            .Attribute(name, "arp_cache")
            .Nest(parameters, inner => inner.Attribute(interfaceIndex, (uint)link.Index).Attribute(proxyDelay, milliseconds)));
    }

    public void Dispose() => _socket.Dispose();

    private static NetlinkRequest SetLink(string what) => new(NetlinkMessage.SetLink, 0, what);

    private static NetlinkRequest LinkHeader(NetlinkRequest request, int index, uint flags, uint change) =>
        request.Byte(0).Byte(0).UInt16(0).UInt32((uint)index).UInt32(flags).UInt32(change);
}
