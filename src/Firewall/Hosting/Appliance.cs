using System.Runtime.InteropServices;
using Firewall.Activity;
using Firewall.Admin;
using Firewall.Admin.Drops;
using Firewall.Admin.Flows;
using Firewall.Admin.Metrics;
using Firewall.Admin.Remote;
using Firewall.Commands;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Control.Watching;
using Firewall.Core.Dataplane;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.FlowLogs;
using Firewall.Hosting.Handover;
using Firewall.Hosting.Surviving;
using Firewall.JustInTime;
using Firewall.Logs;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Firewall.Hosting;

/// <summary>
/// The running whole. Start: rules → the only instance → device → routing → workers → ready. Stop, and a start that fails half-way:
/// the same in reverse order, whatever fails on the way.
/// </summary>
internal sealed partial class Appliance : IHostedService, IRelievable, IDisposable
{
    private readonly PolicyReloader _reloader;
    private readonly PolicyStore _policies;
    private readonly JitAccess _justInTime;
    private readonly ActivityLog _activity;
    private readonly IPlatform _platform;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly Systemd _systemd;
    private readonly StartMode _mode;
    private readonly TimeProvider _time;
    private readonly FileWatchTiming _watchTiming;
    private readonly LogLosses _logLosses;
    private readonly ILogger _logger;
    private readonly ILogger _dropLogger;
    private readonly UndoStack _undo;
    private static readonly TimeSpan JitStep = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RuleCountsStep = TimeSpan.FromSeconds(10);
    private readonly Lock _reloading = new();
    private readonly CancellationTokenSource _ending = new();
    private volatile string? _failure;
    private volatile bool _stopping;
    private IPacketDevice? _device;
    private IDisposable? _routing;
    private WorkerPool? _pool;
    private FlowStore? _flows;
    private FlowLog? _flowLog;
    private FileWatch? _watch;
    private ApplianceState? _state;

    /// <summary>Takes what it needs; nothing happens before the start.</summary>
    public Appliance(
        PolicyReloader reloader,
        PolicyStore policies,
        JitAccess justInTime,
        ActivityLog activity,
        IPlatform platform,
        IHostApplicationLifetime lifetime,
        Systemd systemd,
        StartMode mode,
        TimeProvider time,
        FileWatchTiming watchTiming,
        LogLosses logLosses,
        ILoggerFactory loggers)
    {
        _reloader = reloader;
        _policies = policies;
        _justInTime = justInTime;
        _activity = activity;
        _platform = platform;
        _lifetime = lifetime;
        _systemd = systemd;
        _mode = mode;
        _time = time;
        _watchTiming = watchTiming;
        _logLosses = logLosses;
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
        lock (_reloading) _stopping = true;
        _ending.Cancel();
        if (_isInCharge) _systemd.Stopping();
        _undo.Run();
        if (_pool is not { } pool) return Task.CompletedTask;
        Stopped(_logger, pool.AllowedPackets, pool.DeniedPackets);
        _activity.Add(new ActivityEvent(ActivityOperation.Stop, true, ActivityCaller.Appliance, _device!.Name)
        {
            Description = _failure ?? (_isInCharge ? "stopped" : "handed over"),
        });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _undo.Run();
        _ending.Dispose();
    }

    private void Start()
    {
        _justInTime.Restore();
        _justInTime.Apply = Recompile;
        _justInTime.Terminate = (request, correlation) => _ = Task.Run(() => TerminateAsync(request, correlation), CancellationToken.None);
        _reloader.LoadFirst();
        UncollectedRegion.Prepare();
        FirewallOptions options = _reloader.Options;
        TcpSecretsInForce? secrets = options.Admin.Tcp is { } tcp ? new TcpSecretsInForce(tcp, _watchTiming, _time, _logger) : null;
        if (secrets is not null) _undo.Push("the watch over tokens and certificate", secrets.Dispose);

        IHandoverPlatform? handover = _platform.Handover;
        if (_mode.TakeOver && handover is null) throw new ApplianceException($"{Successor.Argument} needs Linux; stop the running instance and start this one");
        using Predecessor? predecessor = _mode.TakeOver ? handover!.Meet(options) : null;
        if (_mode.TakeOver && predecessor is null) NobodyToFollow(_logger);
        _isInCharge = predecessor is null;

        IDisposable instance = predecessor?.Instance ?? _platform.LockInstance(options);
        _undo.Push("the instance lock", instance.Dispose);
        IDisposable? successors = null;
        _undo.Push("the wait for a successor", () => successors?.Dispose()); // late: it sees by its end that all is closed here

        IPacketDevice device = predecessor is null ? _platform.OpenDevice(options) : handover!.Join(options, predecessor);
        _device = device;
        _undo.Push("the device", device.Dispose);
        if (predecessor is null) Route(options, device);

        // As late as possible: the fewer flows have expired.
        FlowPlace? place = _platform.PlaceOfFlows(options);
        FlowStore flows = predecessor is null
            ? FlowStore.Open(place, options.FlowTable, device.Queues.Count, _policies.Catalog, Environment.TickCount64, _logger, keepExpired: options.FlowLogs.IsOn)
            : FlowStore.Create(place, options.FlowTable, device.Queues.Count, _policies.Catalog, _logger);
        _flows = flows;
        IReadOnlyList<RuleHitStatus>? lastHits = null;
        _undo.Push("the flow table", () =>
        {
            if (_isInCharge || !flows.IsPublished) flows.Forget();
            // After the flows are gone: who finds both would count what they carried twice.
            if (lastHits is not null) flows.KeepRuleCounts(lastHits);
            flows.Dispose();
        });
        GatheringQueue[] gathering = predecessor is null ? [] : [.. device.Queues.Select(queue => new GatheringQueue(queue))];
        var pool = new WorkerPool(predecessor is null ? device.Queues : gathering, flows.Table, options, _policies, Fail);
        _pool = pool;
        FlowJournalPlace? journal = flows.File is { } file ? new FlowJournalPlace(FlowJournal.PathOf(file), place!.BootId) : null;
        if (!options.FlowLogs.IsOn && journal is not null) FlowJournal.Remove(journal.Path);
        if (options.FlowLogs.IsOn)
        {
            string mac = options.FlowLogs.MacAddress ?? FlowLog.MacAddressOf(options.Interfaces);
            _flowLog = new FlowLog(options.FlowLogs, flows.Table, _policies, device.Name, mac, _time, static () => Environment.TickCount64, _logger, journal);
            _undo.Push("the flow logs", _flowLog.Dispose);
        }

        var feed = new DropFeed();
        var drops = new DropLogPump(pool.Drops, new DropLog(_dropLogger, _policies.Catalog, _time), _time, _flowLog is null ? [feed] : [feed, _flowLog]);
        _undo.Push("the drop log", drops.Dispose);
        _undo.Push("the workers", () =>
        {
            pool.Stop();
            drops.Dispose();
            _flowLog?.End(_isInCharge ? null : _pausedAt);
            if (_isInCharge) lastHits = _state?.LastRuleHits();
            // A worker that did not stop still uses the table: then its memory stays until the process ends.
            pool.Dispose();
        });
        if (predecessor is null)
        {
            _flowLog?.Start(flows.RuleOf, flows.Expired);
            pool.Start();
        }
        else
        {
            TakeOver(predecessor, gathering, options);
        }

        _state = new ApplianceState(pool, _policies, options, device.Name, _justInTime, _activity, _flowLog, feed, _logLosses, flows.RuleCounts, _time);
        _undo.Push("what it tells of itself", _state.Dispose);
        _watch = new FileWatch(_reloader.Files, () => Reload(), _watchTiming, _time);
        _undo.Push("the file watch", _watch.Dispose);
        if (!OperatingSystem.IsWindows())
        {
            // Windows says with it that the console is closed.
            PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnHangUp);
            _undo.Push("the signal handler", hangUp.Dispose);
        }

        if (Successor.Listen(_logger) is { } upgrade) _undo.Push("the upgrade signal", upgrade.Dispose);

        ITimer ending = _time.CreateTimer(_ => _justInTime.EndWhatIsOver(), null, JitStep, JitStep);
        _undo.Push("just-in-time access", ending.Dispose);
        ITimer counting = _time.CreateTimer(_ => KeepRuleCounts(), null, RuleCountsStep, RuleCountsStep);
        _undo.Push("what rules have counted", counting.Dispose);
        _activity.Add(new ActivityEvent(ActivityOperation.Start, true, ActivityCaller.Appliance, device.Name)
        {
            Description = predecessor is null ? $"version {ProgramVersion.Text}" : $"version {ProgramVersion.Text} took over from process {predecessor.Process}",
            // What was changed while nobody ran shows in them.
            Properties = PolicyActivity.DigestsOf(_reloader.Files),
        });

        // Not before: a start that fails tells its one reason and nothing else.
        _reloader.TellFirst();
        string between = options.Interfaces.Count > 0 ? string.Join(", ", options.Interfaces) : OperatingSystem.IsWindows() ? "none" : "all but lo";
        Ready(_logger, options.Mode, between, device.Name, device.Queues.Count);
        _systemd.Ready(Status());
        successors = handover?.AwaitSuccessor(instance, device, this);
        string? socket = _platform.PlaceOfAdminSocket(options);
        AdminServer admin = AdminServer.Start(socket, options.Admin, secrets, _state, _logger);
        _undo.Push("the admin socket", admin.Dispose);

        if (options.Otlp.Endpoint is not null)
        {
            ApplianceState state = _state;
            var export = new OtlpExport(options.Otlp, device.Name, () => ApplianceMetrics.Of(state), _logger);
            _undo.Push("the export of metrics", export.Dispose);
        }

        if (predecessor is null) StartWatchdog();

        // A file that was written while the appliance started, after it was read and before it was watched.
        _ = Task.Run(Reload, CancellationToken.None);
    }

    private void Route(FirewallOptions options, IPacketDevice device)
    {
        IDisposable routing = _platform.Route(options, device, () => _ = Task.Run(Reload, CancellationToken.None));
        _routing = routing;
        _undo.Push("the routing", routing.Dispose);
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
            if (_stopping || _isPaused) return result;
            _systemd.Reloading();
#pragma warning disable CA1031 // A reload must never end the appliance.
            try
            {
                uint before = _policies.Current.Version;
                result = _reloader.Reload();
                _state?.Reloaded(result, _policies.Current.Version != before);
                // Whatever came of it: settings are taken over beside rules that were refused.
                _pool?.Apply(_reloader.Options);
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

    // For rules that are added beside the files. Nobody adds any while paused: the successor reads them again when this process has stopped to decide.
    private Policy Recompile(Guid? correlation)
    {
        Policy policy = _reloader.Recompile(correlation);
        _pool?.Apply(_reloader.Options);
        _flows?.KeepRuleNames();
        return policy;
    }

    // Who has handed over leaves it to the other one.
    private void KeepRuleCounts()
    {
        lock (_reloading)
        {
            if (_state is { } state && _isInCharge && !_isPaused && !_stopping) _flows!.KeepRuleCounts(state.RuleHitsWithoutFlows());
        }
    }

    private async Task TerminateAsync(JitRequest request, Guid correlation)
    {
        HashSet<string> names = [JitRules.NameOf(request), .. request.EarlierRules];
        RuleCatalog catalog = _policies.Catalog;
        try
        {
            FlowKillResult result = await _state!.Killer.KillAsync((in FlowRecord flow) => catalog[flow.Rule] is { } rule && names.Contains(rule.Name), reset: true, _ending.Token);
            Terminated(_logger, request.MachineName, request.Port, result.Killed);
            _activity.Add(new ActivityEvent(ActivityOperation.KillFlows, true, ActivityCaller.Appliance, _device!.Name)
            {
                Correlation = correlation,
                Description = $"{result.Killed} flows, with reset: just-in-time access to {request.MachineName} port {request.Port} is over",
                Properties = new Dictionary<string, ActivityValue> { ["virtualMachine"] = request.VirtualMachine, ["rule"] = JitRules.NameOf(request) },
            });
        }
        catch (Exception e) when (e is AdminProblem or OperationCanceledException or ObjectDisposedException)
        {
            NotTerminated(_logger, request.MachineName, request.Port, e.Message);
        }
    }

    private void StartWatchdog()
    {
        if (_systemd.Watchdog is not { } interval) return;
        ITimer watchdog = _time.CreateTimer(_ => SayAlive(), null, TimeSpan.Zero, interval);
        _undo.Push("the watchdog", watchdog.Dispose);
    }

    private void SayAlive()
    {
        if (_isPaused || _state?.Fault() is null) _systemd.Alive();
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

    [LoggerMessage(Level = LogLevel.Information, Message = "Just-in-time access to {Machine} port {Port} is over: {Flows} connections ended")]
    private static partial void Terminated(ILogger logger, string machine, int port, long flows);

    [LoggerMessage(Level = LogLevel.Error, Message = "Just-in-time access to {Machine} port {Port} is over, but its connections could not be ended: {Why}")]
    private static partial void NotTerminated(ILogger logger, string machine, int port, string why);
}
