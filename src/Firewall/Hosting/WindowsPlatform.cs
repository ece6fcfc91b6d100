using Firewall.Activity;
using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;
using Firewall.Core.Packets;
using Firewall.Devices.Windows;
using Firewall.Devices.Windows.Pipes;
using Firewall.Hosting.Services;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>
/// The appliance on Windows: a Wintun adapter, and what Windows lets a program set up of addresses and routes. Windows has no routing by the
/// interface that a packet came in by, so mode Host is refused and mode Gateway judges what the administrator leads to the adapter
/// (docs/WINDOWS.md).
/// </summary>
internal sealed partial class WindowsPlatform(ILogger logger) : IPlatform
{
    /// <inheritdoc/>
    public IDisposable LockInstance(FirewallOptions options)
    {
        RequireGateway(options);

        // A name of the whole machine, gone with the process however it ends. It is never owned, only there.
        var name = new Mutex(false, $@"Global\firewall-{options.Tun.Name}", out bool isNew);
        if (isNew) return name;
        name.Dispose();
        throw new ApplianceException($"another instance already runs on {options.Tun.Name}; stop it, or give this one another Firewall:Tun:Name");
    }

    /// <inheritdoc/>
    public IPacketDevice OpenDevice(FirewallOptions options)
    {
        if (options.Tun.Queues is > 1 and int queues) OneQueue(logger, queues);
        WintunDevice device = WintunDevice.Open(
            new WintunOptions { Name = options.Tun.Name, RingCapacity = options.Windows.RingCapacity },
            Tell);
        Opened(logger, device.Name, device.DriverVersion, options.Windows.RingCapacity);
        return device;
    }

    /// <inheritdoc/>
    public string? ActivityLogFile(FirewallOptions options)
    {
        if (OperatingSystem.IsWindows()) ProgramData.Make();
        return ActivityFiles.DefaultOf(options.Tun.Name);
    }

    /// <inheritdoc/>
    public string? JitStateFile(FirewallOptions options)
    {
        if (OperatingSystem.IsWindows()) ProgramData.Make();
        return ProgramData.File($"{options.Tun.Name}.jit.json");
    }

    /// <summary>Full name of the pipe of the appliance on that adapter, unless the configuration names another.</summary>
    public static string PipeOf(string adapter) => $"{PipeName.Prefix}firewall-{adapter}";

    /// <inheritdoc/>
    public string? PlaceOfAdminSocket(FirewallOptions options) => options.Admin.Socket switch
    {
        FirewallOptions.NoFile => null,
        { } name => name,
        null => PipeOf(options.Tun.Name),
    };

    /// <inheritdoc/>
    public IDisposable Route(FirewallOptions options, IPacketDevice device, Action addressesChanged)
    {
        AdapterNetwork network = AdapterNetwork.Apply((WintunDevice)device, new AdapterSettings
        {
            Mtu = options.Tun.Mtu,
            Metric = options.Windows.Metric,
            Addresses = options.Windows.Addresses,
            Routes = options.Windows.Routes,
            ForwardingInterfaces = options.Interfaces,
        });
        if (!network.IsSupported) NotSetUp(logger, device.Name);
        return network;
    }

    /// <inheritdoc/>
    public IReadOnlyList<IpPrefix>? ProtectedAddresses(FirewallOptions options) => null;

    private static void RequireGateway(FirewallOptions options)
    {
        if (options.Mode == ApplianceMode.Host)
        {
            throw new ApplianceException(
                "Firewall:Mode Host is not possible on Windows, which delivers packets for its own addresses without routing them; see docs/WINDOWS.md");
        }
    }

    private void Tell(WintunLogLevel level, string message)
    {
        LogLevel own = LevelOf(level);
        Wintun(logger, own, message);
    }

    private static LogLevel LevelOf(WintunLogLevel level) => level switch
    {
        WintunLogLevel.Information => LogLevel.Debug,
        WintunLogLevel.Warning => LogLevel.Warning,
        _ => LogLevel.Error,
    };

    [LoggerMessage(Message = "Wintun: {Message}")]
    private static partial void Wintun(ILogger logger, LogLevel level, string message);

    [LoggerMessage(Level = LogLevel.Information, Message = "Wintun adapter {Name} is up: driver {Version}, rings of {Bytes} bytes")]
    private static partial void Opened(ILogger logger, string name, Version? version, int bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Firewall:Tun:Queues is {Queues}, but a Wintun adapter has one queue: one worker runs")]
    private static partial void OneQueue(ILogger logger, int queues);

    [LoggerMessage(Level = LogLevel.Warning, Message = "This system does not let a program set addresses and routes (Wine does not): those of {Name} are up to the administrator")]
    private static partial void NotSetUp(ILogger logger, string name);
}
