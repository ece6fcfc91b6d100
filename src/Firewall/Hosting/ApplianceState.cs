using Firewall.Activity;
using Firewall.Admin;
using Firewall.Admin.Drops;
using Firewall.Admin.Flows;
using Firewall.Commands;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Engine;
using Firewall.Core.Rules;
using Firewall.FlowLogs;
using Firewall.JustInTime;
using Firewall.Logs;

namespace Firewall.Hosting;

/// <summary>What a running appliance can tell about itself: its parts, and what has happened to it since the start. For any thread.</summary>
/// <param name="workers">The workers, their counters and flows.</param>
/// <param name="policies">The policy in force.</param>
/// <param name="options">The configuration at the start.</param>
/// <param name="device">The device's name.</param>
/// <param name="justInTime">Just-in-time access.</param>
/// <param name="activity">Where it is written down who did what.</param>
/// <param name="flowLog">The flow logs; null if there are none.</param>
/// <param name="drops">Denied packets as they happen.</param>
/// <param name="logLosses">Messages of the log that nobody read in time.</param>
/// <param name="rulesBefore">What rules had counted in an earlier process.</param>
/// <param name="time">The wall clock.</param>
internal sealed class ApplianceState(
    WorkerPool workers, PolicyStore policies, FirewallOptions options, string device, JitAccess justInTime, ActivityLog activity, FlowLog? flowLog, DropFeed drops,
    LogLosses logLosses, IReadOnlyList<RuleHitStatus> rulesBefore, TimeProvider time) : IDisposable
{
    // An idle worker turns ten times a second.
    private const long LongestTurn = 5_000;

    private readonly Lock _lock = new();
    private readonly long[] _reloads = new long[Enum.GetValues<ReloadResult>().Length];
    private readonly DateTimeOffset _started = time.GetUtcNow();
    private readonly RuleCounts _rules = new(workers, policies, rulesBefore, time);
    private DateTimeOffset _policySince = time.GetUtcNow();
    private DateTimeOffset? _lastReload;
    private ReloadResult _lastResult;

    /// <summary>The workers.</summary>
    public WorkerPool Workers => workers;

    /// <summary>The policy in force.</summary>
    public PolicyStore Policies => policies;

    /// <summary>Just-in-time access.</summary>
    public JitAccess JustInTime => justInTime;

    /// <summary>Where it is written down who did what.</summary>
    public ActivityLog Activity => activity;

    /// <summary>The flow logs; null if there are none.</summary>
    public FlowLog? FlowLog => flowLog;

    /// <summary>Denied packets as they happen.</summary>
    public DropFeed DropFeed => drops;

    /// <summary>Messages of the log that nobody read in time.</summary>
    public LogLosses LogLosses => logLosses;

    /// <summary>The wall clock's time.</summary>
    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>The device's name.</summary>
    public string Device => device;

    /// <summary>Who was sent away by the admin API.</summary>
    public AdminRefusals Refusals { get; } = new();

    /// <summary>Ends flows.</summary>
    public FlowKiller Killer { get; } = new(workers);

    /// <summary>Flows by state, and what they carried by rule.</summary>
    public FlowCensus Census { get; } = new(workers.Flows, policies.Catalog, time);

    /// <summary>Call it when nobody ends flows, or asks for figures, any more.</summary>
    public void Dispose()
    {
        Census.Dispose();
        Killer.Dispose();
    }

    /// <summary>Remembers a reload.</summary>
    /// <param name="result">What came of it.</param>
    /// <param name="newPolicy">True if another policy is in force than before.</param>
    public void Reloaded(ReloadResult result, bool newPolicy)
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            _reloads[(int)result]++;
            _lastResult = result;
            _lastReload = now;
            if (newPolicy) _policySince = now;
        }
    }

    /// <summary>How it is now. Each figure is whole, but two may be a moment apart.</summary>
    public StatusReport Report()
    {
        lock (_lock)
        {
            Policy policy = policies.Current;
            DateTimeOffset now = time.GetUtcNow();
            return new StatusReport(
                ProgramVersion.Text,
                Environment.ProcessId,
                options.Mode.ToString(),
                options.Interfaces,
                device,
                workers.Count,
                now,
                _started,
                (now - _started).TotalSeconds,
                Environment.WorkingSet,
                new PolicyStatus(
                    policy.Version, _policySince, (now - _policySince).TotalSeconds, policy.Groups.Count, policy.Groups.Sum(g => g.SecurityRules.Count),
                    policy.FlushConnection),
                new ReloadStatus(
                    _lastReload is null ? null : _lastResult.ToString(), _lastReload,
                    _reloads[(int)ReloadResult.Changed], _reloads[(int)ReloadResult.Unchanged], _reloads[(int)ReloadResult.Refused]),
                Flows(),
                Packets());
        }
    }

    /// <summary>What is wrong with the workers; null if they judge packets. A stopped one, as in a handover, counts as wrong.</summary>
    public string? Fault()
    {
        IReadOnlyList<int> hanging = workers.Hanging(LongestTurn);
        return hanging.Count == 0 ? null : $"no packet was judged for {LongestTurn / 1000} s by worker {string.Join(", ", hanging)}";
    }

    /// <summary>How often each rule decided, and what passed under it: those in force, and of the others those that ever did.</summary>
    /// <param name="flows">What flows carried: a census.</param>
    public IReadOnlyList<RuleHitStatus> RuleHits(FlowFigures flows) => _rules.Of(flows);

    /// <summary>The same without what the flows carried that are in the table: with them it can be handed on to another process.</summary>
    public IReadOnlyList<RuleHitStatus> RuleHitsWithoutFlows() => _rules.Of(new FlowFigures(workers.Flows, policies.Catalog.Count));

    /// <summary>
    /// The same for the next process, to whom no flow is left. Without rules that are gone, of which just-in-time access makes ever more. Call it when
    /// no worker runs.
    /// </summary>
    public IReadOnlyList<RuleHitStatus> LastRuleHits() => [.. _rules.Of(FlowCensus.TakeAll(workers.Flows, policies.Catalog.Count)).Where(rule => rule.InForce)];

    private FlowStatus Flows() => new(
        workers.Flows.Count, workers.Flows.MaxFlows, workers.Flows.Assured, workers.Flows.Peak, workers.Flows.Created,
        workers.Flows.Expired, workers.Flows.Evicted, workers.Flows.Killed, workers.Flows.SizeInBytes);

    private PacketStatus Packets()
    {
        IReadOnlyList<EngineCounters> counters = workers.Counters;
        SortedDictionary<string, long> allowed = new(StringComparer.Ordinal);
        SortedDictionary<string, long> denied = new(StringComparer.Ordinal);
        foreach (VerdictReason reason in Enum.GetValues<VerdictReason>())
        {
            long yes = counters.Sum(c => c.Allowed(reason));
            long no = counters.Sum(c => c.Denied(reason));
            if (yes > 0) allowed[reason.ToString()] = yes;
            if (no > 0) denied[reason.ToString()] = no;
        }

        return new PacketStatus(
            counters.Sum(c => c.AllowedPackets), counters.Sum(c => c.AllowedBytes), counters.Sum(c => c.DeniedPackets), counters.Sum(c => c.DeniedBytes),
            allowed, denied, workers.Drops.Sum(ring => ring.Lost));
    }
}
