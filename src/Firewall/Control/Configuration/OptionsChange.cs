using System.Globalization;
using Firewall.Core.Packets;
using Microsoft.Extensions.Logging;

namespace Firewall.Control.Configuration;

/// <summary>One key whose value a reload changed.</summary>
/// <param name="Key">The full key.</param>
/// <param name="Before">Its value before, as text.</param>
/// <param name="After">Its value now.</param>
/// <param name="NeedsRestart">True if a running appliance cannot take it over.</param>
internal sealed record OptionsChange(string Key, string Before, string After, bool NeedsRestart)
{
    /// <summary>Compares two configurations key by key.</summary>
    public static IReadOnlyList<OptionsChange> Between(FirewallOptions before, FirewallOptions after)
    {
        List<OptionsChange> changes = [];
        Compare("Mode", o => o.Mode.ToString(), restart: true);
        Compare("Rules", o => o.Rules, restart: false);
        Compare("ServiceTags", o => o.ServiceTags ?? "none", restart: false);
        Compare("VirtualNetwork:AddressPrefixes", o => PrefixesText(o.VirtualNetwork), restart: false);
        Compare("AzureLoadBalancer:AddressPrefixes", o => PrefixesText(o.AzureLoadBalancer), restart: false);
        Compare("PlatformAddresses", o => o.PlatformAddresses.ToString(), restart: false);
        Compare("Interfaces", o => string.Join(", ", o.Interfaces), restart: true);
        Compare("Tun:Name", o => o.Tun.Name, restart: true);
        Compare("Tun:Queues", o => $"{o.Tun.Queues?.ToString(CultureInfo.InvariantCulture) ?? "default"}", restart: true);
        Compare("Tun:Mtu", o => $"{o.Tun.Mtu}", restart: true);
        Compare("Tun:Offloads", o => $"{o.Tun.Offloads}", restart: true);
        Compare("Tun:ProbeOffloads", o => $"{o.Tun.ProbeOffloads}", restart: true);
        Compare("Tun:Coalesce", o => $"{o.Tun.Coalesce}", restart: true);
        Compare("Tun:IoUring", o => $"{o.Tun.IoUring}", restart: true);
        Compare("Tun:Persistent", o => $"{o.Tun.Persistent}", restart: true);
        Compare("Routing:Table", o => $"{o.Routing.Table}", restart: true);
        Compare("Routing:Priority", o => $"{o.Routing.Priority}", restart: true);
        Compare("Windows", o => o.Windows.ToString(), restart: true);
        Compare("Transit", o => o.Transit.ToString(), restart: false);
        Compare("Reject", o => $"{o.Reject}", restart: false);
        Compare("FlowTable:MaxFlows", o => $"{o.FlowTable.MaxFlows}", restart: true);
        Compare("FlowTable:HalfOpenPercent", o => $"{o.FlowTable.HalfOpenPercent}", restart: true);
        Compare("FlowTable:MaxFlowsPerSource", o => $"{o.FlowTable.MaxFlowsPerSource?.ToString(CultureInfo.InvariantCulture) ?? "default"}", restart: true);
        Compare("FlowTable:AdaptiveStartPercent", o => $"{o.FlowTable.AdaptiveStartPercent}", restart: true);
        Compare("FlowTable:HandshakesPerSecond", o => $"{o.FlowTable.HandshakesPerSecond}", restart: true);
        Compare("FlowTable:PickUpMidStream", o => $"{o.PicksUpMidStream}", restart: false);
        Compare("FlowTable:File", o => o.FlowTableFile ?? "default", restart: true);
        Compare("JustInTime:Policies", o => o.JustInTime.Policies ?? "none", restart: false);
        Compare("JustInTime:State", o => o.JustInTime.State ?? "default", restart: true);
        Compare("ActivityLog:File", o => o.ActivityLogFile ?? "default", restart: true);
        Compare("FlowLogs", o => o.FlowLogs.ToString(), restart: true);
        Compare("Drops:KeptPackets", o => $"{o.Drops.KeptPackets}", restart: true);
        Compare("Drops:SnapLength", o => $"{o.Drops.SnapLength}", restart: true);
        Compare("Admin:Socket", o => o.Admin.Socket ?? "default", restart: true);
        Compare("Admin:Group", o => o.Admin.Group, restart: true);
        Compare("Admin:ReaderGroup", o => o.Admin.ReaderGroup ?? "none", restart: true);
        Compare("Admin:Tcp", o => o.Admin.Tcp?.ToString() ?? "none", restart: true);
        Compare("Admin:Metrics", o => o.Admin.Metrics?.ToString() ?? "none", restart: true);
        Compare("Otlp", o => o.Otlp.ToString(), restart: true);
        Compare("Timeouts", o => o.Timeouts.ToString(), restart: false);
        Compare("Logging:LogLevel", o => LevelsText(o.LogLevels), restart: false);
        return changes;

        void Compare(string key, Func<FirewallOptions, string> text, bool restart)
        {
            (string old, string now) = (text(before), text(after));
            if (old != now) changes.Add(new OptionsChange($"{FirewallOptionsReader.SectionName}:{key}", old, now, restart));
        }
    }

    private static string PrefixesText(IReadOnlyList<IpPrefix>? prefixes) => prefixes is null ? "default" : string.Join(", ", prefixes);

    private static string LevelsText(IReadOnlyDictionary<string, LogLevel> levels) =>
        string.Join(", ", levels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => $"{l.Key} {l.Value}"));
}
