using Firewall.Activity;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Hosting;
using Microsoft.Extensions.Logging;

namespace Firewall.JustInTime;

/// <summary>
/// Just-in-time access: checks wishes against the policies, keeps what was granted over restarts, and ends it in time. Its rules are part
/// of every policy that is compiled (<see cref="IAddedRules"/>). For any thread.
/// </summary>
internal sealed partial class JitAccess : IAddedRules
{
    /// <summary>The most requests in force at once: the range of priorities is not endless, and a person must be able to read the list.</summary>
    public const int MostActive = 500;

    // A session of a day, asked for again every five minutes, and more.
    private const int MostEarlierRules = 1000;

    /// <summary>How many that ended are remembered.</summary>
    public const int KeptEnded = 500;

    private readonly Lock _lock = new();
    private readonly string? _stateFile;
    private readonly ActivityLog _activity;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<Guid, long> _granted = [];
    private List<JitRequest> _requests = [];
    private readonly List<JitRequest> _endedBefore = [];
    private byte[] _loaded = [];
    private bool _isLoaded;
    private bool _isOwed;
    private bool _isPaused;

    // Who loads and compiles a policy holds a lock of his own, for which we wait with ours held. So what he calls takes only this one, inside of which
    // nobody waits for another.
    private readonly Lock _publishing = new();
    private volatile IReadOnlyList<JitPolicy> _policies = [];
    private volatile Open _open = new(0, [], []);

    /// <summary>Makes it without policies: nothing can be asked for.</summary>
    /// <param name="stateFile">Full path of the file that requests outlive the process in; null keeps them in memory.</param>
    /// <param name="activity">Where it is written down who did what.</param>
    /// <param name="time">The wall clock, and one that never jumps.</param>
    /// <param name="logger">For what goes wrong.</param>
    public JitAccess(string? stateFile, ActivityLog activity, TimeProvider time, ILogger logger)
    {
        _stateFile = stateFile;
        _activity = activity;
        _time = time;
        _logger = logger;
    }

    /// <summary>The policies in force.</summary>
    public IReadOnlyList<JitPolicy> Policies => _policies;

    /// <summary>Every request that is known, the newest first.</summary>
    public IReadOnlyList<JitRequest> Requests
    {
        get
        {
            lock (_lock) return [.. _requests.AsEnumerable().Reverse()];
        }
    }

    /// <summary>How many requests are in force.</summary>
    public int ActiveCount => _open.Active.Count;

    /// <summary>Has the policy compiled anew; throws what makes that impossible. Set once, before anything is asked for.</summary>
    /// <remarks>
    /// Takes what names the action in the activity log, where the change of the group stands beside that of the request; null where no policy was in force yet, so
    /// that none has changed.
    /// </remarks>
    public Func<Guid?, Policy> Apply { get; set; } = static _ => throw new InvalidOperationException("nobody compiles policies");

    /// <summary>
    /// Called for each request that ended and whose connections shall end with it, with what names the action in the activity log. Set once, before
    /// <see cref="EndWhatIsOver"/>.
    /// </summary>
    public Action<JitRequest, Guid> Terminate { get; set; } = static (_, _) => { };

    /// <inheritdoc/>
    public string Signature => _open is { Policies.Count: > 0 } open ? $"jit {open.Version}" : "";

    /// <inheritdoc/>
    public IReadOnlyList<NetworkSecurityGroup> AddTo(Policy plain) =>
        _open is { Policies.Count: > 0 } open ? JitRules.Add(plain, open.Policies, open.Active) : plain.Groups;

    /// <inheritdoc/>
    public IReadOnlyList<string> FilesOf(FirewallOptions options) => options.JustInTime.Policies is { } file ? [file] : [];

    /// <inheritdoc/>
    public void Load(FirewallOptions options)
    {
        byte[] bytes = options.JustInTime.Policies is { } file ? JitPolicyReader.ReadFile(file) : [];
        if (_isLoaded && bytes.AsSpan().SequenceEqual(_loaded)) return;
        IReadOnlyList<JitPolicy> policies = bytes.Length == 0 ? [] : JitPolicyReader.Read(bytes, options.JustInTime.Policies!);
        // At the start there is none to compare with.
        if (_isLoaded) JitActivity.OfPolicies(_policies, policies).ForEach(_activity.Add);
        _loaded = bytes;
        _isLoaded = true;
        Use(policies);
    }

    /// <summary>Takes over the policies. Requests for what no policy has any more end at the next <see cref="EndWhatIsOver"/>.</summary>
    public void Use(IReadOnlyList<JitPolicy> policies)
    {
        lock (_publishing)
        {
            _policies = policies;
            _open = new Open(_open.Version + 1, policies, _open.Active);
        }
    }

    /// <summary>
    /// Reads what was granted before the start. What is over since then is not in force for a moment. Nothing is written before
    /// <see cref="EndWhatIsOver"/>: in an upgrade the file is still the other process's.
    /// </summary>
    public void Restore()
    {
        if (_stateFile is null) return;
        lock (_lock)
        {
            _granted.Clear();
            _endedBefore.Clear();
            try
            {
                _requests = [.. JitState.Read(_stateFile)];
            }
            catch (IOException e)
            {
                // Nothing is open then, which is the safe side.
                _requests = [];
                NotRestored(_logger, _stateFile, e.Message);
                JitState.SetAside(_stateFile);
            }

            GiveSlots();
            foreach (JitRequest request in _requests.Where(request => request.IsActive)) _granted[request.Id] = _time.GetTimestamp();
            // One that begins in the future was granted before the clock was set back; how much of its time is left nobody knows.
            foreach (JitRequest request in _requests.Where(r => IsTimeOver(r) || (r.IsActive && r.StartTimeUtc > _time.GetUtcNow())).ToList()) _endedBefore.Add(End(request, JitStatusReason.Expired));
            Publish();
        }
    }

    /// <summary>In an upgrade: reads what the other process granted and ended while this one started, and puts it in force.</summary>
    public void CatchUp()
    {
        lock (_lock)
        {
            Restore();
            ApplyOrLog(null);
        }
    }

    /// <summary>A successor is about to read what is granted: nothing is granted, revoked or ended here any more when this returns.</summary>
    public void Pause()
    {
        lock (_lock) _isPaused = true;
    }

    /// <summary>Goes on: the successor is gone.</summary>
    public void Resume()
    {
        lock (_lock) _isPaused = false;
    }

    /// <summary>Grants a wish, or says why not. The rule is in force when this returns.</summary>
    /// <param name="ask">What is wished.</param>
    /// <param name="caller">Who wishes it.</param>
    /// <exception cref="JitRefusal">It is not granted; nothing has changed.</exception>
    public JitRequest Request(JitAsk ask, ActivityCaller caller)
    {
        Guid correlation = Guid.NewGuid();
        try
        {
            (JitRequest granted, JitRequest? replaced) = Grant(ask, caller, correlation);
            if (replaced is not null)
                _activity.Add(JitActivity.Of(ActivityOperation.ExpireJit, replaced, caller, correlation, $"a newer request for {replaced.MachineName} port {replaced.Port} from {replaced.Source} takes its place"));
            _activity.Add(JitActivity.Of(ActivityOperation.InitiateJit, granted, caller, correlation, $"{granted.MachineName} port {granted.Port} is open from {granted.Source} until {granted.EndTimeUtc:u}"));
            return granted;
        }
        catch (JitRefusal refusal)
        {
            _activity.Add(JitActivity.Refused(ask, JitWish.PolicyNameOf(ask, _policies), caller, correlation, refusal.Message));
            throw;
        }
    }

    /// <summary>Takes access back.</summary>
    /// <exception cref="JitRefusal">There is no such request in force.</exception>
    public JitRequest Revoke(Guid id, ActivityCaller caller)
    {
        JitRequest? ended;
        Guid correlation = Guid.NewGuid();
        lock (_lock)
        {
            ThrowIfPaused();
            JitRequest active = _requests.Find(request => request.Id == id && request.IsActive)
                ?? throw new JitRefusal($"no request {id} is in force; `firewall jit list` shows those that are");
            ended = End(active, JitStatusReason.UserRequested);
            Save();
            ApplyOrLog(correlation);
        }

        _activity.Add(JitActivity.Of(ActivityOperation.RevokeJit, ended, caller, correlation, $"{ended.MachineName} port {ended.Port} is closed again for {ended.Source}"));
        if (ended.TerminateOnExpiry) Terminate(ended, correlation);
        return ended;
    }

    /// <summary>
    /// Ends what is over. Call it at least every second. A request ends when the wall clock says so, and also when as much time has passed
    /// as was granted: a clock that is set back does not prolong it. Where the machine did not let what ended before be taken out of the policy, it
    /// is tried again.
    /// </summary>
    public void EndWhatIsOver()
    {
        List<JitRequest> ended;
        // What ends together is closed by one policy.
        Guid correlation = Guid.NewGuid();
        lock (_lock)
        {
            if (_isPaused) return;
            ended = [.. _endedBefore];
            _endedBefore.Clear();
            List<JitRequest> over = [.. _requests.Where(request => IsTimeOver(request) || IsUnknown(request))];
            foreach (JitRequest request in over) ended.Add(End(request, JitStatusReason.Expired));
            if (ended.Count > 0) Save();
            if (over.Count > 0 || _isOwed) ApplyOrLog(correlation);
        }

        foreach (JitRequest request in ended)
        {
            _activity.Add(JitActivity.Of(ActivityOperation.ExpireJit, request, ActivityCaller.Appliance, correlation, $"{request.MachineName} port {request.Port} is closed again for {request.Source}"));
            if (request.TerminateOnExpiry) Terminate(request, correlation);
        }
    }

    private (JitRequest Granted, JitRequest? Replaced) Grant(JitAsk ask, ActivityCaller caller, Guid correlation)
    {
        lock (_lock)
        {
            ThrowIfPaused();
            JitWish wish = JitWish.Of(ask, _policies);
            JitMachine machine = wish.Machine;
            JitRequest request = wish.Granted(caller.Name, ask.Justification, _time.GetUtcNow());
            List<JitRequest> before = [.. _requests];
            JitRequest? same = _requests.Find(other => other.IsActive && IsForTheSame(other, request));
            if (same is null && _requests.Count(other => other.IsActive) >= MostActive)
                throw new JitRefusal($"{MostActive} requests are in force, more are not possible; `firewall jit revoke` ends one");
            // Forgetting one would keep its connections for ever.
            if (machine.TerminateOnExpiry && same is { EarlierRules.Count: >= MostEarlierRules })
                throw new JitRefusal($"this was asked for again {MostEarlierRules} times, and its connections shall end with it; `firewall jit revoke {same.Id}` ends them, then ask anew");
            long? grantedBefore = same is null ? null : _granted[same.Id];
            request = request with
            {
                Slot = same?.Slot ?? FreeSlot(_requests.Where(other => other.IsActive)),
                EarlierRules = same is null ? [] : [.. same.EarlierRules.TakeLast(MostEarlierRules - 1), JitRules.NameOf(same)],
            };
            JitRequest? replaced = same is null ? null : End(same, JitStatusReason.NewerRequestInitiated);
            _requests.Add(request);
            _granted[request.Id] = _time.GetTimestamp();
            try
            {
                Save(orThrow: true);
                Check(request, machine, correlation);
                return (request, replaced);
            }
            catch (Exception e) when (e is JitRefusal || IsWhyNotApplied(e))
            {
                _requests = before;
                _granted.Remove(request.Id);
                if (grantedBefore is { } since) _granted[same!.Id] = since;
                Save();
                ApplyOrLog(correlation);
                throw e as JitRefusal ?? new JitRefusal($"the request cannot be put in force: {e.Message}");
            }
        }
    }

    // The compiled policy has the last word: a rule in front, or a group without a free priority, would make the grant an empty promise.
    private void Check(JitRequest request, JitMachine machine, Guid correlation)
    {
        Publish();
        Policy policy = Apply(correlation);
        if (policy.GroupsOf(machine.Address).Count == 0)
            throw new JitRefusal($"no network security group applies to {machine.Address}, so there is nothing to open");
        byte protocol = RuleProtocol.TryParse(request.Protocol, out RuleProtocol named) && !named.IsAny ? named.Number : IpProtocol.Tcp;
        IpAddress remote = request.SourcePrefix?.Address ?? (machine.Address.IsIPv4 ? IpAddress.FromIPv4(0x0808_0808) : machine.Address);
        Explanation answer = PolicyExplainer.Explain(policy, new FlowQuery(RuleDirection.Inbound, protocol, machine.Address, request.Port, remote, null));
        if (answer.Access == Access.Deny)
            throw new JitRefusal($"{answer.RuleName} stands in front and denies it; move that rule behind the first free priority from 100 on");
    }

    private static int FreeSlot(IEnumerable<JitRequest> taken)
    {
        HashSet<int> slots = [.. taken.Select(request => request.Slot)];
        return Enumerable.Range(0, MostActive).First(slot => !slots.Contains(slot));
    }

    // A file of an earlier version has none.
    private void GiveSlots()
    {
        List<JitRequest> active = [];
        for (int i = 0; i < _requests.Count; i++)
        {
            JitRequest request = _requests[i];
            if (!request.IsActive) continue;
            if (active.Count < MostActive && active.Exists(other => other.Slot == request.Slot)) _requests[i] = request = request with { Slot = FreeSlot(active) };
            active.Add(request);
        }
    }

    private static bool IsForTheSame(JitRequest one, JitRequest other) =>
        one.Address == other.Address && one.Port == other.Port && one.Protocol == other.Protocol && one.Source == other.Source;

    private bool IsTimeOver(JitRequest request) => request.IsActive
        && (_time.GetUtcNow() >= request.EndTimeUtc
            || (_granted.TryGetValue(request.Id, out long since) && _time.GetElapsedTime(since) >= request.EndTimeUtc - request.StartTimeUtc));

    // No policy has that port any more.
    private bool IsUnknown(JitRequest request) => request.IsActive && !_policies.Any(policy => policy.VirtualMachines.Any(
        machine => machine.Address.ToString() == request.Address && machine.Ports.Any(port => port.Number == request.Port && port.Protocol.ToString() == request.Protocol)));

    private JitRequest End(JitRequest request, JitStatusReason why)
    {
        JitRequest ended = request with { Status = JitStatus.Revoked, StatusReason = why, EndedTimeUtc = _time.GetUtcNow() };
        // Its rules are with the one that took its place.
        _requests[_requests.IndexOf(request)] = why == JitStatusReason.NewerRequestInitiated ? ended with { EarlierRules = [] } : ended;
        _granted.Remove(request.Id);
        int surplus = _requests.Count(other => !other.IsActive) - KeptEnded;
        if (surplus > 0) _requests.RemoveAll(other => !other.IsActive && other.Id != ended.Id && surplus-- > 0);
        return ended;
    }

    private void Save(bool orThrow = false)
    {
        if (_stateFile is null) return;
        try
        {
            JitState.Write(_stateFile, _requests);
        }
        catch (IOException e) when (!orThrow)
        {
            NotSaved(_logger, _stateFile, e.Message);
        }
    }

    private void Publish()
    {
        JitRequest[] active = [.. _requests.Where(request => request.IsActive)];
        lock (_publishing)
        {
            // With the same requests the policy would be the same.
            if (active.Select(request => request.Id).SequenceEqual(_open.Active.Select(request => request.Id))) return;
            _open = new Open(_open.Version + 1, _policies, active);
        }
    }

    private void ThrowIfPaused()
    {
        if (_isPaused) throw new JitRefusal("an upgrade is under way, and the new process is about to decide; try again in a moment");
    }

    private void ApplyOrLog(Guid? correlation)
    {
        Publish();
        try
        {
            Apply(correlation);
            _isOwed = false;
        }
        catch (Exception e) when (IsWhyNotApplied(e))
        {
            if (!_isOwed) NotApplied(_logger, e.Message);
            // The same rules would be refused again, and other ones are compiled anyway. What the machine does not tell now it may tell the next time.
            _isOwed = e is not InvalidInputException;
        }
    }

    // What Apply throws when there cannot be another policy, rather than a mistake of ours.
    private static bool IsWhyNotApplied(Exception e) => e is InvalidInputException or IOException or ApplianceException;

    [LoggerMessage(Level = LogLevel.Error, Message = "Just-in-time requests in {File} cannot be read ({Why}); none of them is in force")]
    private static partial void NotRestored(ILogger logger, string file, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "Just-in-time requests cannot be written to {File} ({Why}); after a restart they may be others")]
    private static partial void NotSaved(ILogger logger, string file, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "A policy without ended just-in-time access cannot be put in force: {Why}")]
    private static partial void NotApplied(ILogger logger, string why);

    private sealed record Open(int Version, IReadOnlyList<JitPolicy> Policies, IReadOnlyList<JitRequest> Active);
}
