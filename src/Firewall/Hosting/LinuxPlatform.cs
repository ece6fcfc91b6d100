using System.Net.NetworkInformation;
using Firewall.Activity;
using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;
using Firewall.Core.Packets;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Routing;
using Firewall.Hosting.Handover;
using Firewall.Hosting.Surviving;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>The appliance on Linux: a TUN, policy routing, and a watch on the network that keeps both in step with it.</summary>
internal sealed partial class LinuxPlatform(ILogger logger) : IPlatform, IHandoverPlatform
{
    // With one for each of two processors, two transfers share a queue half of the time, and wait for each other. More queues cut what comes
    // into ever smaller batches (decision 33 has the figures).
    private const int UsualQueuesPerProcessor = 2;
    private const int MostUsualQueues = 8;

    /// <inheritdoc/>
    public IDisposable LockInstance(FirewallOptions options)
    {
        InstanceLock instance = InstanceLock.Take(options.Tun.Name);
        if (instance.UsualNameHolder is { } holder) NameTaken(logger, holder);
        return instance;
    }

    /// <inheritdoc/>
    public IPacketDevice OpenDevice(FirewallOptions options)
    {
        LinuxTunDevice device = LinuxTunDevice.Open(TunOf(options, options.Tun.Queues ?? UsualQueues));
        TellOfProbe(device);
        return device;
    }

    /// <inheritdoc/>
    public IHandoverPlatform? Handover => this;

    /// <inheritdoc/>
    public Predecessor? Meet(FirewallOptions options) => Predecessor.Meet(options.Tun.Name, options.Tun.Queues);

    /// <inheritdoc/>
    public IPacketDevice Join(FirewallOptions options, Predecessor predecessor)
    {
        var misbehaving = (TunOffloads?)predecessor.Offer.Misbehaving;
        LinuxTunDevice device = LinuxTunDevice.Join(TunOf(options, predecessor.OpenQueues.Count), predecessor.OpenQueues, misbehaving);
        TellOfProbe(device);
        return device;
    }

    /// <inheritdoc/>
    public void TakeCharge(IPacketDevice device) => ((LinuxTunDevice)device).TakeCharge();

    /// <inheritdoc/>
    public void LeaveInPlace(IPacketDevice device, IDisposable routing, bool leave)
    {
        ((LinuxTunDevice)device).RemoveOnDispose = !leave;
        ((Routed)routing).RemoveOnDispose = !leave;
    }

    /// <inheritdoc/>
    public IDisposable AwaitSuccessor(IDisposable instance, IPacketDevice device, IRelievable appliance)
    {
        var tun = (LinuxTunDevice)device;
        return new SuccessorWatch((InstanceLock)instance, tun.OpenQueues, tun.Probed?.Misbehaving, appliance, logger);
    }

    /// <inheritdoc/>
    public FlowPlace? PlaceOfFlows(FirewallOptions options)
    {
        if (options.FlowTableFile == FirewallOptions.NoFile || !Guid.TryParse(BootId(), out Guid boot)) return null;

        return new FlowPlace(options.FlowTableFile ?? RunFile.Of(options.Tun.Name, ".flows"), boot);
    }

    /// <inheritdoc/>
    public string? ActivityLogFile(FirewallOptions options) => ActivityFiles.DefaultOf(options.Tun.Name);

    /// <inheritdoc/>
    public string? JitStateFile(FirewallOptions options) => $"/var/lib/firewall/{options.Tun.Name}.jit.json";

    /// <inheritdoc/>
    public string? PlaceOfAdminSocket(FirewallOptions options) => options.Admin.Socket switch
    {
        FirewallOptions.NoFile => null,
        { } path => path,
        null => RunFile.Of(options.Tun.Name, RunFile.Socket),
    };

    /// <inheritdoc/>
    public IDisposable Route(FirewallOptions options, IPacketDevice device, Action addressesChanged)
    {
        var tun = (LinuxTunDevice)device;
        RoutingControl routing = RoutingOf(options);
        LinkMonitor? monitor = null;
        try
        {
            // It listens from here on, so that no change falls between the first look and the watch; but it follows none before all is in place.
            monitor = new LinkMonitor(changes => Follow(changes, routing, tun, addressesChanged), NotFollowed);
            tun.FollowMtu();
            routing.Apply();
            string probed = HowProbed(tun);
            Opened(logger, tun.Name, tun.Mtu, tun.Offloads, probed);
            foreach (string note in routing.Notes) Note(logger, note);
            monitor.Start();
            return new Routed(monitor, routing);
        }
        catch
        {
            monitor?.Dispose();
            // Part of it may be in place, and would keep the interfaces closed.
            Remove(routing);
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<IpPrefix>? ProtectedAddresses(FirewallOptions options)
    {
        if (options.Mode == ApplianceMode.Gateway) return null;
        return [.. RoutingOf(options).ReadOwnAddresses().Select(address => IpPrefix.Create(address, address.IsIPv4 ? 32 : 128)).Order(ByAddress)];
    }

    private static TunOptions TunOf(FirewallOptions options, int queues) => new()
    {
        Name = options.Tun.Name,
        Queues = queues,
        Mtu = options.Tun.Mtu,
        FollowedInterfaces = InterfacesOf(options),
        Offloads = options.Tun.Offloads ? TunOffloads.All : TunOffloads.None,
        ProbeOffloads = options.Tun.ProbeOffloads,
        Coalesce = options.Tun.Coalesce,
        UseRing = options.Tun.IoUring,
        Persistent = options.Tun.Persistent,
    };

    // Of the processors that the process may use: affinity and a container's limit are looked at.
    private static int UsualQueues => Math.Min(UsualQueuesPerProcessor * Environment.ProcessorCount, MostUsualQueues);

    private static readonly Comparer<IpPrefix> ByAddress = Comparer<IpPrefix>.Create((left, right) => left.Address.CompareTo(right.Address));

    // In mode Host no name means every interface but the loopback.
    private static IReadOnlyList<string> InterfacesOf(FirewallOptions options)
    {
        if (options.Interfaces.Count > 0) return options.Interfaces;
        string[] all = [.. AllInterfaces()
            .Where(i => i.NetworkInterfaceType != NetworkInterfaceType.Loopback && i.Name != options.Tun.Name)
            .Select(i => i.Name)];
        return all.Length > 0 ? all : throw new ApplianceException("there is no network interface to guard but the loopback");
    }

    private static NetworkInterface[] AllInterfaces()
    {
        try
        {
            return NetworkInterface.GetAllNetworkInterfaces();
        }
        catch (NetworkInformationException e)
        {
            throw new IOException($"the network interfaces cannot be listed: {e.Message}", e);
        }
    }

    private static RoutingControl RoutingOf(FirewallOptions options)
    {
        var routing = new RoutingOptions
        {
            TunName = options.Tun.Name,
            Interfaces = InterfacesOf(options),
            Table = (uint)options.Routing.Table,
            Priority = (uint)options.Routing.Priority,
        };
        return options.Mode == ApplianceMode.Gateway ? new GatewayRouting(routing) : new HostRouting(routing);
    }

    private static string? BootId()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/random/boot_id");
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string HowProbed(LinuxTunDevice device) => device.Probed switch
    {
        null => "",
        { Untested: not null } => " (not all probed)",
        { Misbehaving: TunOffloads.None } => " (probed)",
        { Misbehaving: var misbehaving } => $" (probed; without {misbehaving})",
    };

    private void TellOfProbe(LinuxTunDevice device)
    {
        if (device.Probed is not { } findings) return;
        foreach (string fault in findings.Faults) Misbehaves(logger, device.Name, fault);
        if (findings.Untested is { } untested) NotProbed(logger, untested);
    }

    private void Follow(NetworkChanges changes, RoutingControl routing, LinuxTunDevice device, Action addressesChanged)
    {
        if (device.FollowMtu()) MtuChanged(logger, device.Name, device.Mtu);
        routing.Apply();
        if ((changes & (NetworkChanges.Addresses | NetworkChanges.Links)) != 0) addressesChanged();
    }

    private void NotFollowed(IOException e) => FollowFailed(logger, e.Message);

    private void Remove(RoutingControl routing)
    {
        try
        {
            routing.Remove();
        }
        catch (IOException e)
        {
            RemoveFailed(logger, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "TUN {Name} is up: MTU {Mtu}, offloads {Offloads}{Probed}")]
    private static partial void Opened(ILogger logger, string name, int mtu, TunOffloads offloads, string probed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The kernel offers an offload that it does wrong; TUN {Name} goes without it. {Fault}")]
    private static partial void Misbehaves(ILogger logger, string name, string fault);

    [LoggerMessage(Level = LogLevel.Information, Message = "Not all offloads could be probed; the kernel is taken at its word for {Untested}")]
    private static partial void NotProbed(ILogger logger, string untested);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The usual name of the instance lock is held by {Holder}, who is no instance; this one has another name, by which a successor finds it too")]
    private static partial void NameTaken(ILogger logger, string holder);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Note}")]
    private static partial void Note(ILogger logger, string note);

    [LoggerMessage(Level = LogLevel.Information, Message = "The MTU of {Name} follows the interfaces: {Mtu}")]
    private static partial void MtuChanged(ILogger logger, string name, int mtu);

    [LoggerMessage(Level = LogLevel.Error, Message = "A change of the network could not be followed: {Why}")]
    private static partial void FollowFailed(ILogger logger, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "What was set up of the routing could not be taken down: {Why}")]
    private static partial void RemoveFailed(ILogger logger, string why);

    private sealed class Routed(LinkMonitor monitor, RoutingControl routing) : IDisposable
    {
        public bool RemoveOnDispose { get; set; } = true;

        public void Dispose()
        {
            monitor.Dispose();
            if (RemoveOnDispose) routing.Remove();
        }
    }
}
