using System.Runtime.InteropServices;
using Firewall.Core.Dataplane;
using Firewall.Core.Dataplane.Coalescing;
using Firewall.Devices.Linux.Interop;
using Firewall.Devices.Linux.Netlink;
using Firewall.Devices.Linux.Probing;

namespace Firewall.Devices.Linux;

/// <summary>
/// A TUN of Linux: raw IP packets of everything that is routed to it, and what is written to it the kernel takes as received. It lives
/// as long as this object; after a crash the kernel removes it with the last descriptor, or, if it is persistent, keeps it for the next
/// process to take over. It belongs to the network
/// namespace of the thread that opened it.
/// </summary>
public sealed class LinuxTunDevice : IPacketDevice
{
    // struct virtio_net_hdr, the kernel's default length.
    private const int VirtioHeaderLength = 10;

    // By it a process knows an interface again that another one of its kind left behind.
    private const string AliasStart = "firewall, ";

    private readonly LinuxTunQueue[] _queues;
    private readonly TunOptions _options;
    private readonly RouteNetlink _netlink;
    private readonly Lock _configuring = new();
    private bool _isRemoved;

    private LinuxTunDevice(TunOptions options, LinuxTunQueue[] queues, TunOffloads offloads, RouteNetlink netlink)
    {
        _options = options;
        _queues = queues;
        _netlink = netlink;
        Offloads = offloads;
    }

    /// <inheritdoc/>
    public string Name => _options.Name;

    /// <inheritdoc/>
    public IReadOnlyList<IPacketQueue> Queues => _queues;

    /// <summary>The offloads that are on: those that the kernel granted, without those that it does not do right.</summary>
    public TunOffloads Offloads { get; }

    /// <summary>What came of probing the offloads; null if they were not probed.</summary>
    public OffloadFindings? Probed { get; private init; }

    /// <summary>True if packets carry a virtio-net header; without one no offload is possible.</summary>
    public bool HasVirtioHeader => _queues[0].HeaderLength > 0;

    /// <summary>The MTU that was set last.</summary>
    public int Mtu { get; private set; }

    /// <summary>True if a process that was killed had left the interface behind, and this one took it over.</summary>
    public bool WasThere { get; private init; }

    /// <summary>
    /// True: <see cref="Dispose"/> removes the interface. False while it is another process's, which took its queues over or has not yet given
    /// them away.
    /// </summary>
    public bool RemoveOnDispose { get; set; } = true;

    /// <summary>The open queues, for a successor process; they stay this device's.</summary>
    public IReadOnlyList<SafeHandle> OpenQueues => [.. _queues.Select(queue => queue.Descriptor)];

    /// <summary>How many packets the kernel refused to take back, over all queues. Such a packet is lost, as on a wire.</summary>
    public long WriteErrors => _queues.Sum(queue => queue.WriteErrors);

    /// <summary>True if packets are read through io_uring; known after the first read of a queue.</summary>
    public bool UsesRing => _queues.Any(queue => queue.UsesRing);

    /// <summary>How many packets left as part of a super-packet that we made of them, over all queues.</summary>
    public long CoalescedPackets => _queues.Sum(queue => queue.CoalescedPackets);

    /// <summary>Makes the interface, with its queues, and brings it up.</summary>
    /// <exception cref="TunException">It cannot be made; nothing is left behind.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number in the options is out of its range.</exception>
    public static LinuxTunDevice Open(TunOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        var queues = new List<LinuxTunQueue>(options.Queues);
        RouteNetlink? netlink = null;
        try
        {
            // Before the TUN: with an unknown interface nothing should have been made.
            netlink = new RouteNetlink();
            RequireInterfaces(netlink.ReadLinks(), options.FollowedInterfaces);
            bool leftBehind = FindLeftBehind(netlink, options);
            (TunOffloads offloads, OffloadFindings? probed) = AttachQueues(options, queues, leftBehind);
            var device = new LinuxTunDevice(options, [.. queues], offloads, netlink) { WasThere = leftBehind, Probed = probed };
            device.Configure();

            // Not before it has its alias: one without would be a stranger's to the next process. One that was left behind is persistent already.
            if (options.Persistent || leftBehind) queues[0].SetPersistent(options.Persistent);
            return device;
        }
        catch (Exception failure)
        {
            if (queues.Count > 0) queues[0].SetPersistent(false);
            foreach (LinuxTunQueue queue in queues) queue.Dispose();
            netlink?.Dispose();
            if (failure is NetlinkException) throw new TunException($"TUN {options.Name} cannot be set up: {failure.Message}", failure);
            throw;
        }
    }

    /// <summary>
    /// Makes a device of the open queues of a running process, on which it goes on reading until it is told to stop. The interface stays as
    /// it is, and is not removed on disposing, until <see cref="TakeCharge"/>.
    /// </summary>
    /// <param name="options">As for <see cref="Open"/>, of the same name and number of queues.</param>
    /// <param name="openQueues">From <see cref="OpenQueues"/> there; they belong to this device from now on.</param>
    /// <param name="misbehaving">Offloads that the running process found to misbehave; null if it did not look, and then they are probed here.</param>
    /// <exception cref="TunException">An interface to follow does not exist.</exception>
    public static LinuxTunDevice Join(TunOptions options, IReadOnlyList<SafeHandle> openQueues, TunOffloads? misbehaving = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(openQueues);
        Check(options);
        var queues = new List<LinuxTunQueue>(openQueues.Count);
        RouteNetlink? netlink = null;
        try
        {
            netlink = new RouteNetlink();
            RequireInterfaces(netlink.ReadLinks(), options.FollowedInterfaces);
            int headerLength = TunFile.HasVirtioHeader((Descriptor)openQueues[0]) ? VirtioHeaderLength : 0;
            OffloadFindings? probed = headerLength == 0 ? null : misbehaving is { } known && options.ProbeOffloads ? OffloadFindings.Known(known) : Probe(options);
            TunOffloads offloads = headerLength > 0 ? Request((Descriptor)openQueues[0], options, probed) : TunOffloads.None;
            foreach (SafeHandle queue in openQueues) queues.Add(new LinuxTunQueue((Descriptor)queue, headerLength, CoalescedBy(options, offloads), options));
            return new LinuxTunDevice(options, [.. queues], offloads, netlink) { WasThere = true, Probed = probed, RemoveOnDispose = false };
        }
        catch
        {
            foreach (SafeHandle queue in openQueues) queue.Dispose();
            foreach (LinuxTunQueue queue in queues) queue.Dispose();
            netlink?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The process that had the queues has stopped for good: settings are made as the options say, and the interface is
    /// ours to remove.
    /// </summary>
    /// <exception cref="TunException">The interface is gone.</exception>
    /// <exception cref="NetlinkException">The kernel refused a change.</exception>
    public void TakeCharge()
    {
        RemoveOnDispose = true;
        lock (_configuring) Configure();
        _queues[0].SetPersistent(_options.Persistent);
    }

    /// <summary>
    /// Sets the MTU anew from the interfaces it follows; call it when theirs changed. Does nothing if the options fix it. Any thread.
    /// </summary>
    /// <returns>True if it changed.</returns>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public bool FollowMtu()
    {
        if (_options.Mtu != 0) return false;
        lock (_configuring)
        {
            IReadOnlyList<Link> links = _netlink.ReadLinks();
            Link? own = links.FirstOrDefault(link => link.Name == Name);
            int mtu = TunMtu.Of(links, [.. _options.FollowedInterfaces]);
            if (own is null || own.Mtu == mtu) return false;
            _netlink.SetMtu(own, mtu);
            Mtu = mtu;
            return true;
        }
    }

    /// <summary>Closes all queues, after which the kernel removes the interface. A worker that waits in Read returns.</summary>
    public void Dispose()
    {
        if (_options.Persistent && RemoveOnDispose) _queues[0].SetPersistent(false);
        foreach (LinuxTunQueue queue in _queues) queue.Dispose();
        lock (_configuring)
        {
            if (RemoveOnDispose) RemoveInterface();
            _netlink.Dispose();
        }
    }

    // The kernel removes it with the last reference to its file, but a ring that was closed gives its own back a little later.
    private void RemoveInterface()
    {
        try
        {
            if (!_isRemoved && _netlink.ReadLinks().FirstOrDefault(link => link.Name == Name) is { } own) _netlink.DeleteLink(own);
        }
        catch (NetlinkException)
        {
            // Gone meanwhile, as it should be.
        }

        _isRemoved = true;
    }

    private static void Check(TunOptions options)
    {
        if (InterfaceName.Check(options.Name) is { } wrong) throw new TunException($"TUN name: {wrong}");
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Queues, 1, nameof(options.Queues));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Queues, TunOptions.MaxQueues, nameof(options.Queues));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.TransmitQueueLength, 1, nameof(options.TransmitQueueLength));
        if (options.Mtu == 0) return;
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Mtu, TunOptions.MinMtu, nameof(options.Mtu));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Mtu, TunOptions.MaxMtu, nameof(options.Mtu));
    }

    private static void RequireInterfaces(IReadOnlyList<Link> links, IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (links.All(link => link.Name != name))
                throw new TunException($"there is no network interface '{name}'; there are: {string.Join(", ", links.Select(link => link.Name))}");
        }
    }

    // Ours by its alias. Whether it has one queue or several is fixed when it is made: where the options say otherwise, it is made anew.
    private static bool FindLeftBehind(RouteNetlink netlink, TunOptions options)
    {
        Link? link = netlink.ReadLinks().FirstOrDefault(candidate => candidate.Name == options.Name);
        if (link is null || link.Alias is not { } alias || !alias.StartsWith(AliasStart, StringComparison.Ordinal)) return false;
        AwaitAbandoned(netlink, options.Name);
        if (alias == AliasOf(options)) return true;
        netlink.DeleteLink(link);
        return false;
    }

    private static string AliasOf(TunOptions options) => AliasStart + (options.Queues > 1 ? "several queues" : "one queue");

    // A killed process may still be about to end. Who does not end runs: to several queues one more could be added, and it would lose what that one got.
    private static void AwaitAbandoned(RouteNetlink netlink, string name)
    {
        const int tries = 100;
        const int pauseMilliseconds = 20;
        for (int i = 0; netlink.ReadLinks().Any(link => link.Name == name && link.HasCarrier); i++)
        {
            if (i == tries) throw TunFile.Refusal(name, Errno.EBUSY);
            Thread.Sleep(pauseMilliseconds);
        }
    }

    // Before the device takes them, on a TUN of its own.
    private static OffloadFindings? Probe(TunOptions options) =>
        options.ProbeOffloads && options.Offloads != TunOffloads.None ? OffloadProbe.Run(options.DevicePath, options.Offloads) : null;

    private static TunOffloads Request(Descriptor descriptor, TunOptions options, OffloadFindings? probed) =>
        TunFile.RequestOffloads(descriptor, options.Offloads & ~(probed?.Misbehaving ?? TunOffloads.None));

    private static (TunOffloads Offloads, OffloadFindings? Probed) AttachQueues(TunOptions options, List<LinuxTunQueue> queues, bool leftBehind)
    {
        TunOffloads offloads = TunOffloads.None;
        OffloadFindings? probed = null;
        int headerLength = 0;
        for (int i = 0; i < options.Queues; i++)
        {
            Descriptor descriptor = TunFile.Open(options.DevicePath);
            try
            {
                if (i == 0) headerLength = TunFile.HasVirtioHeader(descriptor) ? VirtioHeaderLength : 0;

                // Only the first queue may make the interface: a second instance must fail, not join as one more queue.
                TunFile.Attach(descriptor, options.Name, headerLength > 0, options.Queues > 1, exclusive: i == 0 && !leftBehind);
                if (i == 0 && headerLength > 0)
                {
                    probed = Probe(options);
                    offloads = Request(descriptor, options, probed);
                }

                queues.Add(new LinuxTunQueue(descriptor, headerLength, CoalescedBy(options, offloads), options));
            }
            catch
            {
                descriptor.Dispose();
                throw;
            }
        }

        return (offloads, probed);
    }

    // A kernel that hands over super-packets of a kind takes them too; the probe has tried both.
    private static CoalescedKinds CoalescedBy(TunOptions options, TunOffloads offloads)
    {
        if (!options.Coalesce) return CoalescedKinds.None;
        return (offloads.HasFlag(TunOffloads.Tso4) ? CoalescedKinds.TcpV4 : 0)
            | (offloads.HasFlag(TunOffloads.Tso6) ? CoalescedKinds.TcpV6 : 0)
            | (offloads.HasFlag(TunOffloads.Uso4) ? CoalescedKinds.UdpV4 : 0)
            | (offloads.HasFlag(TunOffloads.Uso6) ? CoalescedKinds.UdpV6 : 0);
    }

    private void Configure()
    {
        IReadOnlyList<Link> links = _netlink.ReadLinks();
        Link own = links.FirstOrDefault(link => link.Name == Name)
            ?? throw new TunException($"TUN {Name} was made but is not among the interfaces of this network namespace");
        Mtu = _options.Mtu != 0 ? _options.Mtu : TunMtu.Of(links, [.. _options.FollowedInterfaces]);
        if (WasThere)
        {
            // The routes of IPv6 would go with an MTU below its least.
            if (own.Mtu != Mtu) _netlink.SetMtu(own, Mtu);
        }
        else
        {
            _netlink.LeaveMulticast(own);
            _netlink.SetMtu(own, Mtu);
        }

        // Not without need: while it changes the kernel loses what is sent.
        if (own.TransmitQueueLength != _options.TransmitQueueLength) _netlink.SetTransmitQueueLength(own, _options.TransmitQueueLength);
        if (_options.Persistent) _netlink.SetAlias(own, AliasOf(_options));

        // A link-local address would only bring router solicitations and listener reports of our own into the packets we judge.
        _netlink.TryDisableAddressGeneration(own);
        foreach ((Core.Packets.IpAddress address, int length) in _options.Addresses)
            _netlink.AddAddress(own, new InterfaceAddress(own.Index, address, length, 0, 0));
        _netlink.SetUp(own);
    }
}
