using System.Runtime.InteropServices;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Core.Dataplane;
using Firewall.Hosting.Surviving;
using Firewall.Logs;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>
/// The running whole. Start: rules → the only instance → device → routing → workers → ready. Stop, and a start that fails half-way:
/// the same in reverse order, whatever fails on the way.
/// </summary>
internal sealed partial class Appliance : IHostedService, IDisposable
{
    private readonly PolicyReloader _reloader;
    private readonly PolicyStore _policies;
    private readonly IPlatform _platform;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly Systemd _systemd;
    private readonly TimeProvider _time;
    private readonly FileWatchTiming _watchTiming;
    private readonly ILogger _logger;
    private readonly ILogger _dropLogger;
    private readonly UndoStack _undo;
    private readonly Lock _reloading = new();
    private volatile string? _failure;
    private volatile bool _stopping;
    private WorkerPool? _pool;
    private FlowStore? _flows;
    private FileWatch? _watch;

    /// <summary>Takes what it needs; nothing happens before the start.</summary>
    public Appliance(
        PolicyReloader reloader,
        PolicyStore policies,
        IPlatform platform,
        IHostApplicationLifetime lifetime,
        Systemd systemd,
        TimeProvider time,
        FileWatchTiming watchTiming,
        ILoggerFactory loggers)
    {
        _reloader = reloader;
        _policies = policies;
        _platform = platform;
        _lifetime = lifetime;
        _systemd = systemd;
        _time = time;
        _watchTiming = watchTiming;
        _logger = loggers.CreateLogger(LogArea.Appliance);
        _dropLogger = loggers.CreateLogger(LogArea.Drops);
        _undo = new UndoStack(_logger);
    }

    /// <summary>Why the appliance gave up, or null if it did not.</summary>
    public string? Failure => _failure;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            Start();
        }
        catch
        {
            _undo.Run();
            throw;
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        _systemd.Stopping();
        _undo.Run();
        if (_pool is { } pool) Stopped(_logger, pool.AllowedPackets, pool.DeniedPackets);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose() => _undo.Run();

    private void Start()
    {
        _reloader.LoadFirst();
        FirewallOptions options = _reloader.Options;

        IDisposable instance = _platform.LockInstance(options);
        _undo.Push("the instance lock", instance.Dispose);

        IPacketDevice device = _platform.OpenDevice(options);
        _undo.Push("the device", device.Dispose);

        IDisposable routing = _platform.Route(options, device, () => _ = Task.Run(Reload, CancellationToken.None));
        _undo.Push("the routing", routing.Dispose);

        // As late as possible: the fewer flows have expired.
        FlowStore flows = FlowStore.Open(
            _platform.PlaceOfFlows(options), options.FlowTable, device.Queues.Count, _policies.Catalog, Environment.TickCount64, _logger);
        _flows = flows;
        _undo.Push("the flow table", () =>
        {
            flows.Forget();
            flows.Dispose();
        });
        var pool = new WorkerPool(device, flows.Table, options, _policies, Fail);
        _pool = pool;
        var drops = new DropLogPump(pool.Drops, new DropLog(_dropLogger, _policies.Catalog, _time), _time);
        _undo.Push("the drop log", drops.Dispose);
        _undo.Push("the workers", () =>
        {
            pool.Stop();
            // A worker that did not stop still uses the table: then its memory stays until the process ends.
            pool.Dispose();
        });
        pool.Start();

        _watch = new FileWatch(_reloader.Files, () => Reload(), _watchTiming, _time);
        _undo.Push("the file watch", _watch.Dispose);
        PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangUp);
        _undo.Push("the signal handler", hangUp.Dispose);

        // Not before: a start that fails tells its one reason and nothing else.
        _reloader.TellFirst();
        string between = options.Interfaces.Count == 0 ? "all but lo" : string.Join(", ", options.Interfaces);
        Ready(_logger, options.Mode, between, device.Name, device.Queues.Count);
        _systemd.Ready(Status());
        // A file that was written while the appliance started, after it was read and before it was watched.
        _ = Task.Run(Reload, CancellationToken.None);
    }

    private void OnHangUp(PosixSignalContext signal)
    {
        signal.Cancel = true;
        _ = Task.Run(
            () =>
            {
                // Who asks wants an answer, also if there is nothing to do.
                if (Reload() == ReloadResult.Unchanged) NothingChanged(_logger);
            },
            CancellationToken.None);
    }

    private ReloadResult Reload()
    {
        lock (_reloading)
        {
            ReloadResult result = ReloadResult.Refused;
            if (_stopping) return result;
            _systemd.Reloading();
#pragma warning disable CA1031 // A reload must never end the appliance.
            try
            {
                result = _reloader.Reload();
                if (result == ReloadResult.Changed) _pool?.Apply(_reloader.Options);
                _flows?.KeepRuleNames();
                _watch?.Follow(_reloader.Files);
            }
            catch (Exception e)
            {
                ReloadFailed(_logger, e.GetType().Name, e);
            }
#pragma warning restore CA1031

            _systemd.Ready(result == ReloadResult.Refused ? Status() + "; the last reload was refused, see the log" : Status());
            return result;
        }
    }

    private string Status() => $"policy {_policies.Current.Version} in force";

    private void Fail(string why)
    {
        _failure = why;
        Failed(_logger, why);
        _lifetime.StopApplication();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Ready: mode {Mode}, interfaces {Interfaces}, device {Device}, queues {Queues}")]
    private static partial void Ready(ILogger logger, ApplianceMode mode, string interfaces, string device, int queues);

    [LoggerMessage(Level = LogLevel.Information, Message = "Stopped; {Allowed} packets were allowed, {Denied} denied")]
    private static partial void Stopped(ILogger logger, long allowed, long denied);

    [LoggerMessage(Level = LogLevel.Information, Message = "Asked to reload: nothing has changed")]
    private static partial void NothingChanged(ILogger logger);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Giving up: {Why}")]
    private static partial void Failed(ILogger logger, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "The reload failed with an internal error, please report it: {Kind}")]
    private static partial void ReloadFailed(ILogger logger, string kind, Exception exception);
}
