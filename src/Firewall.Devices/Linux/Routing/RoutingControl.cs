using Firewall.Core.Packets;
using Firewall.Devices.Linux.Netlink;

namespace Firewall.Devices.Linux.Routing;

/// <summary>
/// Sends traffic to the TUN and takes all that back at the end: rules, routes and kernel settings of the calling thread's network namespace. All
/// is known again after a crash, in which the rules stay and keep the protected traffic closed until the next start.
/// </summary>
public abstract class RoutingControl
{
    private readonly RoutingOptions _options;
    private readonly Lock _changing = new();
    private SettingsRecord? _record;
    private bool _isApplied;

    private protected RoutingControl(RoutingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        _options = options;
    }

    /// <summary>What the operator should know although it did not prevent the start; each one sentence.</summary>
    public IReadOnlyList<string> Notes { get; private set; } = [];

    /// <summary>
    /// Puts everything in place. Twice is fine, after a crash is fine, and when interfaces, addresses or routes changed it makes what is
    /// there follow. The first time every interface must be there, later one may be gone for a while. Any thread.
    /// </summary>
    /// <exception cref="RoutingException">Something is missing or cannot be set; the protected interfaces may be closed until <see cref="Remove"/>.</exception>
    /// <exception cref="NetlinkException">The kernel refused a change.</exception>
    public void Apply()
    {
        lock (_changing)
        {
            using var netlink = new RouteNetlink();
            NetworkState state = NetworkState.Read(netlink);
            if (!_isApplied) RequireInterfaces(state);
            PlanApplication.RequireFreeNumbers(_options, state);
            Link tun = state.Find(_options.TunName)
                ?? throw new RoutingException($"there is no TUN {_options.TunName}; it must be made before traffic is routed to it");
            _record ??= SettingsRecord.Open(_options.StateDirectory, _options.TunName, PlanApplication.HasLeftOvers(_options, state));
            RoutingPlan plan = Plan(_options, state, tun);
            var settings = new KernelSettings(netlink);
            Set(settings, plan.SettingsBefore);
            PlanApplication.Apply(_options, plan, state, netlink);
            Set(settings, plan.SettingsAfter);
            Notes = _record.Problem is { } problem ? [problem] : [];
            _isApplied = true;
        }
    }

    /// <summary>Takes everything down, also what a run before left, and gives every setting its earlier value. Twice is fine. Any thread.</summary>
    /// <exception cref="RoutingException">A setting could not be given back; all else is done.</exception>
    /// <exception cref="NetlinkException">The kernel refused a change.</exception>
    public void Remove()
    {
        lock (_changing)
        {
            using var netlink = new RouteNetlink();
            NetworkState state = NetworkState.Read(netlink);
            // Nothing was put in place then, and what is there is not ours to take down.
            if (OwnNumbers.OtherInstance(_options, state) is not null) return;
            SettingsRecord record = _record ?? SettingsRecord.Open(_options.StateDirectory, _options.TunName, PlanApplication.HasLeftOvers(_options, state));

            // First: a box that no longer forwards can let nothing through while its rules go.
            RoutingException? failure = Restore(record, new KernelSettings(netlink));
            PlanApplication.Apply(_options, RoutingPlan.Empty, state, netlink);
            record.Clear();
            _record = null;
            _isApplied = false;
            if (failure is not null) throw failure;
        }
    }

    /// <summary>The machine's own addresses on the protected interfaces now, without link-local ones.</summary>
    /// <exception cref="NetlinkException">The kernel refused to tell.</exception>
    public IReadOnlyList<IpAddress> ReadOwnAddresses()
    {
        using var netlink = new RouteNetlink();
        int[] indexes = [.. netlink.ReadLinks().Where(link => _options.Interfaces.Contains(link.Name)).Select(link => link.Index)];
        return [.. netlink.ReadAddresses().Where(address => address.IsGlobal && indexes.Contains(address.InterfaceIndex)).Select(address => address.Address)];
    }

    private protected abstract RoutingPlan Plan(RoutingOptions options, NetworkState state, Link tun);

    private static void Check(RoutingOptions options)
    {
        if (options.Interfaces.Count == 0) throw new RoutingException("no interface to protect is named");
        foreach (string name in options.Interfaces.Append(options.TunName))
        {
            if (InterfaceName.Check(name) is { } wrong) throw new RoutingException(wrong);
        }

        foreach (string name in options.Interfaces)
        {
            if (name == "lo" || name == options.TunName) throw new RoutingException($"'{name}' cannot be a protected interface");
            if (options.Interfaces.Count(other => other == name) > 1) throw new RoutingException($"the interface '{name}' is named twice");
        }

        if (options.Priority is < 1 or > 32_000)
            throw new RoutingException($"the first rule priority is {options.Priority}; 1 to 32000 are possible, before the main table's 32766");
        if (options.Table is 0 or >= 252 and <= 255 or uint.MaxValue)
            throw new RoutingException($"the first table is {options.Table}; it and the next must be none of the kernel's own (253 to 255)");
    }

    private void RequireInterfaces(NetworkState state)
    {
        foreach (string name in _options.Interfaces)
        {
            if (state.Find(name) is null)
                throw new RoutingException($"there is no network interface '{name}'; there are: {string.Join(", ", state.Links.Select(link => link.Name))}");
        }
    }

    private void Set(KernelSettings settings, IReadOnlyList<KernelSetting> wanted)
    {
        (KernelSetting Setting, string Now)[] changes = [.. from setting in wanted
                                                           let now = KernelSettings.Read(setting.Path)
                                                           where now is not null
                                                           select (setting, now)];
        int known = _record!.Values.Count;
        foreach ((KernelSetting setting, string now) in changes)
        {
            // A setting that is right already may still be one that another of ours changes by the way: all are remembered.
            if (changes.Any(change => change.Now != change.Setting.Value)) _record.Remember(setting.Path, now);
        }

        if (_record.Values.Count != known) _record.Save();
        foreach ((KernelSetting setting, _) in changes)
        {
            if (KernelSettings.Read(setting.Path) != setting.Value) settings.Write(setting);
        }
    }

    private static RoutingException? Restore(SettingsRecord record, KernelSettings settings)
    {
        RoutingException? failure = null;
        foreach ((string path, string value) in record.Values)
        {
            try
            {
                // Null: the interface is gone, and its settings with it.
                if (KernelSettings.Read(path) is { } now && now != value) settings.Write(new KernelSetting(path, value, "as it was before"));
            }
            catch (RoutingException refused)
            {
                failure ??= refused;
            }
        }

        return failure;
    }
}
