using Firewall.Activity;
using Firewall.Control.Configuration;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Firewall.Hosting;
using Firewall.Logs;
using Microsoft.Extensions.Logging;

namespace Firewall.Control;

/// <summary>
/// Loads rules and configuration, at the start and whenever they may have changed. A bad file changes nothing: the policy and the
/// settings that were in force stay, and the log says what is wrong. The same mistake is told once.
/// </summary>
internal sealed partial class PolicyReloader
{
    private readonly Lock _loading = new();
    private readonly ConfigurationLoader _loader;
    private readonly PolicyStore _store;
    private readonly LogLevels _levels;
    private readonly Func<FirewallOptions, IReadOnlyList<IpPrefix>?> _protectedAddresses;
    private readonly IAddedRules _added;
    private readonly ActivityLog _activity;
    private readonly List<ActivityEvent> _refused = [];
    private readonly ILogger _logger;
    private FirewallOptions _options;
    private RuleInputs? _inputs;
    private string _loaded = "";
    private string _toldProblems = "";
    private uint _version;

    /// <summary>Takes over a configuration that was loaded just now.</summary>
    /// <param name="loader">Loads it again.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="store">Where policies go.</param>
    /// <param name="levels">Where log levels go.</param>
    /// <param name="protectedAddresses">Tells which addresses are inside; null for the virtual network.</param>
    /// <param name="added">Rules beside those of the files.</param>
    /// <param name="activity">Where changes of the policy are kept.</param>
    /// <param name="logger">For what was loaded, changed or refused.</param>
    public PolicyReloader(
        ConfigurationLoader loader,
        FirewallOptions options,
        PolicyStore store,
        LogLevels levels,
        Func<FirewallOptions, IReadOnlyList<IpPrefix>?> protectedAddresses,
        IAddedRules added,
        ActivityLog activity,
        ILogger logger)
    {
        _added = added;
        _activity = activity;
        _protectedAddresses = protectedAddresses;
        _loader = loader;
        _options = options;
        _store = store;
        _levels = levels;
        _logger = logger;
        levels.Set(options.LogLevels);
    }

    /// <summary>The configuration as it was last read without an error.</summary>
    public FirewallOptions Options
    {
        get
        {
            lock (_loading) return _options;
        }
    }

    /// <summary>Every file that a change of the policy can come from.</summary>
    public IReadOnlyList<string> Files
    {
        get
        {
            FirewallOptions options = Options;
            string[] tags = options.ServiceTags is { } file ? [file] : [];
            string[] parameters = RuleInputs.ParametersBeside(options.Rules) is { } beside ? [beside] : [];
            return [_loader.File, options.Rules, .. parameters, .. tags, .. _added.FilesOf(options)];
        }
    }

    /// <summary>Loads the first policy.</summary>
    /// <exception cref="InvalidInputException">The rules cannot be used.</exception>
    public void LoadFirst()
    {
        lock (_loading)
        {
            RuleInputs inputs = RuleInputs.Read(_options.Rules, _options.ServiceTags);
            _added.Load(_options);
            PolicyOptions settings = Settings();
            Policy policy = Compile(inputs, settings, out IReadOnlyList<RuleFinding> warnings);
            TakeOver(policy, inputs, Signature(inputs, settings), warnings);
        }
    }

    /// <summary>
    /// Compiles the rules that are in force again, with the added rules of now. The files are not looked at: also while somebody has a
    /// mistake in them, what is added and taken away counts.
    /// </summary>
    /// <returns>The policy that is in force then.</returns>
    /// <exception cref="InvalidInputException">It cannot be compiled; the policy stays as it was.</exception>
    /// <exception cref="IOException">The kernel does not tell the machine's own addresses; the policy stays as it was.</exception>
    /// <exception cref="ApplianceException">The machine has no interface whose addresses count; the policy stays as it was.</exception>
    /// <param name="correlation">What names the action in the activity log; null where no policy was in force yet, so that none has changed.</param>
    public Policy Recompile(Guid? correlation)
    {
        lock (_loading)
        {
            RuleInputs inputs = _inputs ?? throw new InvalidOperationException("no policy was loaded yet");
            PolicyOptions settings = Settings();
            string signature = Signature(inputs, settings);
            Policy before = _store.Current;
            if (signature == _loaded) return before;
            using UncollectedRegion region = UncollectedRegion.Enter();
            Policy policy = Compile(inputs, settings, out _);
            TakeOver(policy, inputs, signature, []);
            if (correlation is { } action) TellChanges(before, policy, PolicyChanges.Describe(before, policy), action);
            return policy;
        }
    }

    /// <summary>Tells in the log what the first policy holds.</summary>
    public void TellFirst()
    {
        Policy policy = _store.Current;
        string groups = PolicyChanges.Count(policy.Groups.Count, "network security group");
        string rules = PolicyChanges.Count(policy.Groups.Sum(g => g.SecurityRules.Count), "rule");
        string content = $"{groups}, {rules} beside the default ones";
        InForce(_logger, policy.Version, content);
    }

    /// <summary>Looks at all files again and takes over what is good.</summary>
    public ReloadResult Reload()
    {
        lock (_loading)
        {
            List<string> problems = [];
            _refused.Clear();
            bool settingsChanged = ReloadOptions(problems);
            bool policyChanged = ReloadPolicy(problems);
            TellProblems(problems);
            return problems.Count > 0 ? ReloadResult.Refused
                : settingsChanged || policyChanged ? ReloadResult.Changed
                : ReloadResult.Unchanged;
        }
    }

    private bool ReloadOptions(List<string> problems)
    {
        FirewallOptions options;
        try
        {
            options = _loader.Load();
        }
        catch (InvalidInputException e)
        {
            problems.AddRange(e.Problems);
            _refused.Add(PolicyActivity.Refused(ActivityOperation.WriteAppliance, _options.Tun.Name, _loader.File, e.Problems));
            return false;
        }

        List<OptionsChange> changes = [.. OptionsChange.Between(_options, options)];
        if (_options.Timeouts == options.Timeouts) AddTimeouts(changes, options);
        foreach (OptionsChange change in changes)
        {
            if (change.NeedsRestart) NeedsRestart(_logger, change.Key, change.Before, change.After);
            else SettingChanged(_logger, change.Key, change.Before, change.After);
        }

        if (changes.Count > 0) _activity.Add(PolicyActivity.Settings(options.Tun.Name, changes));
        _options = options;
        _levels.Set(options.LogLevels);
        return changes.Any(c => !c.NeedsRestart);
    }

    // A timeout that is written out with the value it had is the same setting, but the flowTimeoutInMinutes of the rules files does not touch it any more.
    private void AddTimeouts(List<OptionsChange> changes, FirewallOptions options)
    {
        FlowTimeouts before = FlowTimeoutsReader.Of(_options, _store.Current);
        FlowTimeouts after = FlowTimeoutsReader.Of(options, _store.Current);
        if (before != after) changes.Add(new OptionsChange($"{FirewallOptionsReader.SectionName}:Timeouts", before.ToString(), after.ToString(), NeedsRestart: false));
    }

    private bool ReloadPolicy(List<string> problems)
    {
        try
        {
            RuleInputs inputs = RuleInputs.Read(_options.Rules, _options.ServiceTags, _inputs);
            if (!LoadAdded(problems)) return false;
            PolicyOptions settings = Settings();
            string signature = Signature(inputs, settings);
            if (signature == _loaded) return false;
            Policy before = _store.Current;
            using UncollectedRegion region = UncollectedRegion.Enter();
            Policy policy = Compile(inputs, settings, out IReadOnlyList<RuleFinding> warnings);
            TakeOver(policy, inputs, signature, warnings);
            string changes = PolicyChanges.Describe(before, policy);
            if (settings.ProtectedAddresses is { } inside && !inside.SequenceEqual(before.Options.ProtectedAddresses ?? []))
            {
                changes += $"; protected are now {(inside.Count == 0 ? "no addresses" : string.Join(", ", inside.Select(prefix => prefix.Address)))}";
            }

            TellChanges(before, policy, changes, Guid.NewGuid());
            return true;
        }
        catch (InvalidInputException e)
        {
            problems.AddRange(e.Problems);
            _refused.Add(PolicyActivity.Refused(ActivityOperation.WriteGroup, PolicyActivity.ResourceOf(_store.Current, _options.Rules), _options.Rules, e.Problems));
            return false;
        }
        catch (Exception e) when (e is IOException or ApplianceException)
        {
            // The machine's own addresses are not to be had: the kernel did not tell them, or no interface is there.
            problems.Add(e.Message);
            _refused.Add(PolicyActivity.Refused(ActivityOperation.WriteAppliance, _options.Tun.Name, _options.Rules, [e.Message]));
            return false;
        }
    }

    private bool LoadAdded(List<string> problems)
    {
        try
        {
            _added.Load(_options);
            return true;
        }
        catch (InvalidInputException e)
        {
            problems.AddRange(e.Problems);
            _refused.Add(PolicyActivity.Refused(ActivityOperation.WriteJitPolicy, "default", _options.JustInTime.Policies ?? "", e.Problems));
            return false;
        }
    }

    private PolicyOptions Settings()
    {
        var settings = new PolicyOptions
        {
            Transit = _options.Transit,
            ProtectedAddresses = _protectedAddresses(_options),
            PlatformBypass = _options.PlatformAddresses == PlatformAddresses.Bypass,
        };
        if (_options.AzureLoadBalancer is { } probes) settings = settings with { LoadBalancer = probes };
        return _options.VirtualNetwork is { } prefixes ? settings with { VirtualNetwork = prefixes } : settings;
    }

    private Policy Compile(RuleInputs inputs, PolicyOptions settings, out IReadOnlyList<RuleFinding> warnings)
    {
        Policy plain = inputs.Compile(settings, _store.Catalog, _version + 1, out warnings, _store.Current);
        IReadOnlyList<NetworkSecurityGroup> groups = _added.AddTo(plain);
        if (ReferenceEquals(groups, plain.Groups)) return plain;
        CompileResult result = PolicyCompiler.Compile(groups, plain.Options, _store.Catalog, plain.Version, _store.Current);
        return result.Policy ?? throw InvalidInputException.Of(result.Findings);
    }

    private void TakeOver(Policy policy, RuleInputs inputs, string signature, IReadOnlyList<RuleFinding> warnings)
    {
        _inputs = inputs;
        _version = policy.Version;
        _loaded = signature;
        _store.Current = policy;
        foreach (RuleFinding warning in warnings) RuleWarning(_logger, warning);
    }

    private void TellChanges(Policy before, Policy after, string changes, Guid correlation)
    {
        InForce(_logger, after.Version, changes);
        foreach (ActivityEvent change in PolicyActivity.Of(before, after, correlation)) _activity.Add(change);
    }

    // All that a policy is made of: the same again needs no new policy, and would only have flows judged again.
    private string Signature(RuleInputs inputs, PolicyOptions settings) =>
        $"{inputs.Hash()} {settings.Transit} {string.Join(',', settings.VirtualNetwork)} {string.Join(',', settings.ProtectedAddresses ?? [])} "
        + $"{string.Join(',', settings.LoadBalancer)} {settings.PlatformBypass} {_added.Signature}";

    private void TellProblems(List<string> problems)
    {
        string all = string.Join('\n', problems);
        if (all == _toldProblems) return;
        _toldProblems = all;
        foreach (string problem in problems) Problem(_logger, problem);
        if (problems.Count > 0)
        {
            Refused(_logger, _store.Current.Version);
            _refused.ForEach(_activity.Add);
        }
        else
        {
            Mended(_logger, _store.Current.Version);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Policy {Version} in force: {Changes}")]
    private static partial void InForce(ILogger logger, uint version, string changes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Finding}")]
    private static partial void RuleWarning(ILogger logger, RuleFinding finding);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Problem}")]
    private static partial void Problem(ILogger logger, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "What is wrong was not taken over; policy {Version} is in force")]
    private static partial void Refused(ILogger logger, uint version);

    [LoggerMessage(Level = LogLevel.Information, Message = "Rules and configuration are in order again; policy {Version} is in force")]
    private static partial void Mended(ILogger logger, uint version);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Key} changed from {Before} to {After}")]
    private static partial void SettingChanged(ILogger logger, string key, string before, string after);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Key} changed from {Before} to {After}, which takes effect at the next start")]
    private static partial void NeedsRestart(ILogger logger, string key, string before, string after);
}
