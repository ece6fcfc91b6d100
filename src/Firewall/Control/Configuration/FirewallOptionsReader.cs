using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Devices.Linux;
using Firewall.Devices.Linux.Routing;
using Firewall.Devices.Windows;
using Firewall.Logs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Firewall.Control.Configuration;

/// <summary>Reads the section <c>Firewall</c> key by key. What it does not know is an error, so that no typo goes unseen.</summary>
internal static class FirewallOptionsReader
{
    /// <summary>The name of the section.</summary>
    public const string SectionName = "Firewall";

    private static readonly string InterfaceAllowed = OperatingSystem.IsWindows()
        ? "an interface name as Windows shows it (1 to 127 characters, none of \\ / : * ? \" < > |)"
        : "an interface name (1 to 15 ASCII characters without space, '/', ':' and '%')";

    /// <summary>Reads all keys; problems go to the sources. The result is of use only if there was none.</summary>
    /// <param name="root">The whole configuration.</param>
    /// <param name="sources">Where values came from, and where problems go.</param>
    /// <param name="folder">Relative paths count from here.</param>
    public static FirewallOptions Read(IConfigurationRoot root, ConfigurationSources sources, string folder)
    {
        foreach (IConfigurationSection stray in root.GetChildren())
        {
            if (stray.Key.Equals(SectionName, StringComparison.OrdinalIgnoreCase) || stray.Key == "$schema") continue;
            sources.Refuse(stray.Key, null, $"is not a known section; every setting stands in the section \"{SectionName}\"");
        }

        var section = new SectionReader(root.GetSection(SectionName), sources);
        ApplianceMode mode = section.Choice("Mode", ApplianceMode.Gateway);
        string? rules = FullPath(section.RequiredText("Rules", "the path of a rules file, or of a folder with rules files"), folder);
        SectionReader network = section.Section("VirtualNetwork");
        SectionReader loadBalancer = section.Section("AzureLoadBalancer");
        SectionReader tun = section.Section("Tun");
        SectionReader routing = section.Section("Routing");
        SectionReader windows = section.Section("Windows");
        SectionReader flowTable = section.Section("FlowTable");
        SectionReader timeouts = section.Section("Timeouts");
        SectionReader justInTime = section.Section("JustInTime");
        SectionReader activityLog = section.Section("ActivityLog");
        SectionReader flowLogs = section.Section("FlowLogs");
        SectionReader drops = section.Section("Drops");
        SectionReader admin = section.Section("Admin");
        SectionReader otlp = section.Section("Otlp");
        var options = new FirewallOptions
        {
            Mode = mode,
            Rules = rules ?? "",
            ServiceTags = FullPath(section.Text("ServiceTags"), folder),
            VirtualNetwork = network.Prefixes("AddressPrefixes") is { Count: > 0 } prefixes ? prefixes : null,
            AzureLoadBalancer = loadBalancer.Prefixes("AddressPrefixes") is { Count: > 0 } probes ? probes : null,
            PlatformAddresses = section.Choice("PlatformAddresses", PlatformAddresses.Judge),
            Tun = ReadTun(tun),
            Interfaces = section.List("Interfaces", InterfaceAllowed, IsInterfaceName),
            Routing = ReadRouting(routing),
            Windows = WindowsSettings.Read(windows),
            Transit = section.Choice("Transit", Access.Deny),
            Reject = section.Flag("Reject", false),
            FlowTable = ReadFlowTable(flowTable),
            PicksUpMidStream = flowTable.Flag("PickUpMidStream", false),
            FlowTableFile = PathOrNone(flowTable.Text("File"), folder),
            Timeouts = FlowTimeoutsReader.Read(timeouts, network, out IReadOnlySet<string> writtenTimeouts),
            WrittenTimeouts = writtenTimeouts,
            JustInTime = new JustInTimeSettings(FullPath(justInTime.Text("Policies"), folder), FullPath(justInTime.Text("State"), folder)),
            ActivityLogFile = PathOrNone(activityLog.Text("File"), folder),
            FlowLogs = FlowLogSettings.Read(flowLogs, folder),
            Drops = new DropSettings(drops.Integer("KeptPackets", 1024, 0, 65_536), drops.Integer("SnapLength", 256, 64, 16_384)),
            Admin = AdminSettings.Read(admin, folder),
            Otlp = OtlpSettings.Read(otlp),
            LogLevels = ReadLogLevels(section.Section("Logging")),
        };

        foreach (SectionReader part in (SectionReader[])[network, loadBalancer, tun, routing, windows, flowTable, timeouts, justInTime, activityLog, flowLogs, drops, admin, otlp, section]) part.Finish();
        CheckInterfaces(options, section);
        return options;
    }

    private static TunSettings ReadTun(SectionReader tun)
    {
        const string MtuAllowed = "0 (follow the interfaces) or a whole number from 1280 to 65521";
        int mtu = tun.Integer("Mtu", 0, 0, 65_521);
        if (mtu is > 0 and < 1280) tun.Refuse("Mtu", MtuAllowed);
        string name = tun.Text("Name", "fw0", InterfaceAllowed, IsInterfaceName);
        return new TunSettings(
            name,
            tun.OptionalInteger("Queues", 1, 64),
            mtu,
            tun.Flag("Offloads", true),
            tun.Flag("ProbeOffloads", true),
            tun.Flag("Coalesce", true),
            tun.Flag("IoUring", false),
            tun.Flag("Persistent", true));
    }

    private static FlowLimits ReadFlowTable(SectionReader flowTable)
    {
        FlowLimits start = new();
        return new FlowLimits
        {
            MaxFlows = flowTable.Integer("MaxFlows", start.MaxFlows, 1, FlowTable.LargestMaximum),
            HalfOpenPercent = flowTable.Integer("HalfOpenPercent", start.HalfOpenPercent, 1, 100),
            MaxFlowsPerSource = flowTable.OptionalInteger("MaxFlowsPerSource", 0, FlowTable.LargestMaximum),
            AdaptiveStartPercent = flowTable.Integer("AdaptiveStartPercent", start.AdaptiveStartPercent, 1, 100),
            HandshakesPerSecond = flowTable.Integer("HandshakesPerSecond", start.HandshakesPerSecond, 0, 100_000_000),
        };
    }

    private static RoutingSettings ReadRouting(SectionReader routing)
    {
        const string TableAllowed = "a whole number from 1 to 2147483646, but not 252 to 255: it and the next must be none of the kernel's own tables";
        RoutingOptions start = new() { TunName = "", Interfaces = [] };
        int table = routing.Integer("Table", (int)start.Table, 1, int.MaxValue - 1);
        if (table is >= 252 and <= 255) routing.Refuse("Table", TableAllowed);
        return new RoutingSettings(table, routing.Integer("Priority", (int)start.Priority, 1, 32_000));
    }

    private static Dictionary<string, LogLevel> ReadLogLevels(SectionReader logging)
    {
        SectionReader levels = logging.Section("LogLevel");
        Dictionary<string, LogLevel> read = [];
        foreach (string area in LogArea.All)
        {
            LogLevel level = levels.Choice(area, LogLevel.Information);
            if (levels.Has(area)) read[area] = level;
        }

        levels.Finish();
        logging.Finish();
        return read;
    }

    private static void CheckInterfaces(FirewallOptions options, SectionReader section)
    {
        // Windows cannot route by interface: there the names only say where it shall forward.
        if (!OperatingSystem.IsWindows() && options.Mode == ApplianceMode.Gateway && options.Interfaces.Count == 0 && !section.Has("Interfaces"))
        {
            section.Refuse("Interfaces", "a list of the interfaces that the gateway stands between, such as [\"eth0\", \"eth1\"]");
        }

        if (options.Interfaces.Contains("lo")) section.Refuse("Interfaces", "without the loopback interface lo, which no packet from outside uses");
        if (options.Interfaces.Contains(options.Tun.Name))
        {
            section.Refuse("Interfaces", $"without {options.Tun.Name}, which is the appliance's own TUN (Firewall:Tun:Name)");
        }
    }

    private static bool IsInterfaceName(string name) =>
        (OperatingSystem.IsWindows() ? WintunOptions.CheckName(name) : InterfaceName.Check(name)) is null;

    private static string? PathOrNone(string? text, string folder) => text == FirewallOptions.NoFile ? text : FullPath(text, folder);

    private static string? FullPath(string? path, string folder) => path is null ? null : Path.GetFullPath(path, folder);
}
