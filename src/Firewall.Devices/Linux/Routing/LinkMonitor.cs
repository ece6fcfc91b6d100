using System.Diagnostics;
using Firewall.Devices.Linux.Interop;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// Watches the interfaces, addresses and main routes, and the loss of routing rules and of our routes, of the network namespace in which it was made, on a thread of its own.
/// Changes that come together (a cable, a DHCP lease) are reported together.
/// </summary>
public sealed class LinkMonitor : IDisposable
{
    private const uint Groups = 1 << 0 // RTNLGRP_LINK
        | 1 << 4 // RTNLGRP_IPV4_IFADDR
        | 1 << 6 // RTNLGRP_IPV4_ROUTE
        | 1 << 7 // RTNLGRP_IPV4_RULE
        | 1 << 8 // RTNLGRP_IPV6_IFADDR
        | 1 << 10 // RTNLGRP_IPV6_ROUTE
        | 1 << 18; // RTNLGRP_IPV6_RULE

    // Quiet for so long ends a bunch of changes; a network that never is quiet is reported after the longer time.
    private static readonly TimeSpan Settled = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongEnough = TimeSpan.FromMilliseconds(500);

    private readonly Action<NetworkChanges> _onChange;
    private readonly Action<IOException> _onFailure;
    private readonly NetlinkSocket _socket;
    private readonly WakeEvent _stop = new();
    private readonly Dictionary<int, Link> _links = [];
    private readonly Thread _thread;
    private bool _isStarted;

    /// <summary>
    /// Subscribes. What changes from now on is reported after <see cref="Start"/>; so whoever applies routing between the two misses nothing.
    /// </summary>
    /// <param name="onChange">
    /// Called on the monitor's thread, which is in the namespace too, so that it may apply routing; never twice at a time, nor before <see cref="Start"/>.
    /// </param>
    /// <param name="onFailure">Told when <paramref name="onChange"/> failed (watching goes on) or the kernel no longer reports (it ends).</param>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public LinkMonitor(Action<NetworkChanges> onChange, Action<IOException> onFailure)
    {
        ArgumentNullException.ThrowIfNull(onChange);
        ArgumentNullException.ThrowIfNull(onFailure);
        _onChange = onChange;
        _onFailure = onFailure;

        // Subscribed before the first look, so that nothing falls between.
        _socket = new NetlinkSocket(Groups, nonBlocking: true);
        using (var netlink = new RouteNetlink())
        {
            foreach (Link link in netlink.ReadLinks()) _links[link.Index] = link;
        }

        _thread = new Thread(Watch) { IsBackground = true, Name = "link monitor" };
    }

    /// <summary>Begins to report, once. Call it in the network namespace in which the monitor was made.</summary>
    public void Start()
    {
        _isStarted = true;
        _thread.Start();
    }

    /// <summary>Ends watching; a report that is being made is waited for, unless it is the one that disposes.</summary>
    public void Dispose()
    {
        _stop.Signal();
        if (_isStarted && _thread != Thread.CurrentThread) _thread.Join();
        _socket.Dispose();
        _stop.Dispose();
    }

    private void Watch()
    {
        try
        {
            while (Collect() is { } changes)
            {
                if (changes != NetworkChanges.None) Report(changes);
            }
        }
        catch (NetlinkException failure)
        {
            _onFailure(failure);
        }
        catch (ObjectDisposedException)
        {
            // Disposed by its own report.
        }
    }

    private void Report(NetworkChanges changes)
    {
        try
        {
            _onChange(changes);
        }
        catch (IOException failure)
        {
            _onFailure(failure);
        }
    }

    // Waits for changes and for the quiet after them; null when it is over.
    private NetworkChanges? Collect()
    {
        NetworkChanges changes = NetworkChanges.None;
        long first = 0;
        PollDescriptor[] waitFor = [new(_socket.Fd, PollDescriptor.Input), new(_stop.Fd, PollDescriptor.Input)];
        while (true)
        {
            bool isCollecting = changes != NetworkChanges.None;
            int ready = LibC.Poll(ref waitFor[0], 2, isCollecting ? (int)Settled.TotalMilliseconds : -1);
            if (ready > 0 && waitFor[1].Returned != 0) return null;
            if (ready == 0) return changes;
            if (ready < 0) continue; // a signal
            bool whole = _socket.DrainNotifications((type, body) => changes |= Classify(type, body));
            if (!whole) changes |= NetworkChanges.Links | NetworkChanges.Addresses | NetworkChanges.Routes;
            if (changes == NetworkChanges.None) continue;
            if (!isCollecting) first = Stopwatch.GetTimestamp();
            else if (Stopwatch.GetElapsedTime(first) > LongEnough) return changes;
        }
    }

    private NetworkChanges Classify(ushort type, ReadOnlySpan<byte> body)
    {
        const ushort deleteLink = 17, deleteAddress = 21;
        switch (type)
        {
            case NetlinkMessage.NewLink:
                Link link = Link.Read(body);
                bool known = _links.TryGetValue(link.Index, out Link? before);
                _links[link.Index] = link;
                if (!known || before!.Name != link.Name || before.Mtu != link.Mtu || before.IsUp != link.IsUp) return NetworkChanges.Links;
                // Which routes are used may change with the carrier, and no message tells of them.
                return before.HasCarrier != link.HasCarrier || before.IsRunning != link.IsRunning ? NetworkChanges.Routes : NetworkChanges.None;
            case deleteLink:
                _links.Remove(Link.Read(body).Index);
                return NetworkChanges.Links;
            case NetlinkMessage.NewAddress or deleteAddress:
                return NetworkChanges.Addresses;
            case NetlinkMessage.NewRoute or NetlinkMessage.DeleteRoute:
                Route? route = Route.Read(body);
                bool isOursAndGone = type == NetlinkMessage.DeleteRoute && route is { Protocol: RoutingOptions.Protocol };
                return isOursAndGone || route is { Table: Route.MainTable } ? NetworkChanges.Routes : NetworkChanges.None;
            // systemd-networkd, when it starts, takes away the rules and routes of others unless it is told not to (ManageForeignRoutingPolicyRules=).
            case NetlinkMessage.DeleteRule:
                return NetworkChanges.Routes;
            default:
                return NetworkChanges.None;
        }
    }
}
