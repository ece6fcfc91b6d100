using Firewall.Core.Dataplane;
using Firewall.Devices.Windows.Interop;

namespace Firewall.Devices.Windows;

/// <summary>
/// A Wintun adapter of Windows: raw IP packets of everything that is routed to it, and what is written to it Windows takes as received.
/// It lives as long as this object; after a crash the driver removes it when Windows closes the process's handles. It has one queue.
/// </summary>
public sealed class WintunDevice : IPacketDevice
{
    private readonly WintunLibrary _wintun;
    private readonly nint _adapter;
    private readonly WintunQueue _queue;

    private WintunDevice(WintunLibrary wintun, EventFunctions events, nint adapter, nint session, WintunOptions options)
    {
        _wintun = wintun;
        _adapter = adapter;
        Name = options.Name;
        Luid = wintun.GetAdapterLuid(adapter);
        DriverVersion = wintun.GetRunningDriverVersion();

        // The adapter goes when its session has ended, which may be after Dispose, when a worker that was waiting comes back.
        _queue = new WintunQueue(wintun, events, session, () => _wintun.CloseAdapter(_adapter));
        Queues = [_queue];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyList<IPacketQueue> Queues { get; }

    /// <summary>The adapter's locally unique identifier (NET_LUID), by which the IP Helper functions know it.</summary>
    public ulong Luid { get; }

    /// <summary>The version of the driver; null if it does not say.</summary>
    public Version? DriverVersion { get; }

    /// <summary>How many packets the driver refused to take back. Such a packet is lost, as on a wire.</summary>
    public long WriteErrors => _queue.WriteErrors;

    /// <summary>Loads the library, makes the adapter and starts a session.</summary>
    /// <param name="options">How it shall be.</param>
    /// <param name="log">Where Wintun's own messages go, from any thread, one place for the whole process; null leaves it as it is.</param>
    /// <exception cref="WintunException">It cannot be made; nothing is left behind.</exception>
    public static WintunDevice Open(WintunOptions options, Action<WintunLogLevel, string>? log = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (WintunOptions.CheckName(options.Name) is { } wrong) throw new WintunException($"adapter name: {wrong}");
        if (WintunOptions.CheckName(options.TunnelType) is { } wrongType) throw new WintunException($"tunnel type: {wrongType}");
        if (!WintunOptions.IsRingCapacity(options.RingCapacity))
        {
            throw new WintunException(
                $"a ring of {options.RingCapacity} bytes; it must be a power of two from {WintunOptions.MinRingCapacity} to {WintunOptions.MaxRingCapacity}");
        }

        WintunLibrary wintun = WintunLibrary.Load(options.LibraryPath);
        EventFunctions events = EventFunctions.Load(wintun.Path);
        RefuseForeignName(IpHelper.Load(wintun.Path), options);
        if (log is not null) wintun.SetLogger(log);
        nint adapter = wintun.CreateAdapter(options.Name, options.TunnelType, options.Id);
        if (adapter == 0) throw new WintunException($"adapter {options.Name} cannot be made: {Win32ErrorText.Of(WintunLibrary.LastError)}");
        nint session = wintun.StartSession(adapter, (uint)options.RingCapacity);
        if (session != 0) return new WintunDevice(wintun, events, adapter, session, options);

        string why = Win32ErrorText.Of(WintunLibrary.LastError);
        wintun.CloseAdapter(adapter);
        throw new WintunException($"no session can be started on adapter {options.Name}: {why}");
    }

    // Wintun would take the name for the new adapter and give the other interface another one. What a process of ours that was killed has left,
    // and Windows has not removed yet, is known by its GUID, and is Wintun's to deal with.
    private static void RefuseForeignName(IpHelper interfaces, WintunOptions options)
    {
        if (interfaces.Find(options.Name, out ulong luid) != Win32Error.None) return;
        if (interfaces.Find(luid, out Guid id) != Win32Error.None || id == options.Id) return;
        throw new WintunException($"adapter {options.Name} cannot be made: there already is an interface of this name; choose another Firewall:Tun:Name");
    }

    /// <summary>
    /// Removes the driver from the system if no adapter of any program is in use, as uninstalling does.
    /// </summary>
    /// <param name="libraryPath">Full path of wintun.dll; null for the one beside the executable.</param>
    /// <returns>False if it is in use.</returns>
    /// <exception cref="WintunException">The library cannot be loaded.</exception>
    public static bool TryDeleteDriver(string? libraryPath = null) => WintunLibrary.Load(libraryPath).DeleteDriver();

    /// <summary>Ends the session and removes the adapter. A worker that waits in Read returns.</summary>
    public void Dispose() => _queue.Dispose();
}
