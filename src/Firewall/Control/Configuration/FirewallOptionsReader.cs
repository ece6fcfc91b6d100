using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Logs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Firewall.Control.Configuration;

/// <summary>Reads the section <c>Firewall</c> key by key. What it does not know is an error, so that no typo goes unseen.</summary>
internal static class FirewallOptionsReader
{
    /// <summary>The name of the section.</summary>
    public const string SectionName = "Firewall";

    private const int LongestInterfaceName = 15;

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
        SectionReader tun = section.Section("Tun");
        SectionReader routing = section.Section("Routing");
        SectionReader flowTable = section.Section("FlowTable");
        SectionReader timeouts = section.Section("Timeouts");
        var options = new FirewallOptions
        {
            Mode = mode,
            Rules = rules ?? "",
            ServiceTags = FullPath(section.Text("ServiceTags"), folder),
            VirtualNetwork = network.Prefixes("AddressPrefixes") is { Count: > 0 } prefixes ? prefixes : null,
            Tun = ReadTun(tun),
            Interfaces = section.List("Interfaces", "an interface name (1 to 15 characters, without '/' and spaces)", IsInterfaceName),
            Routing = ReadRouting(routing),
            Transit = section.Choice("Transit", Access.Deny),
            Reject = section.Flag("Reject", false),
            MaxFlows = flowTable.Integer("MaxFlows", FirewallOptions.DefaultMaxFlows, 1, FlowTable.LargestMaximum),
            Timeouts = FlowTimeoutsReader.Read(timeouts, network),
            LogLevels = ReadLogLevels(section.Section("Logging")),
        };

        foreach (SectionReader part in (SectionReader[])[network, tun, routing, flowTable, timeouts, section]) part.Finish();
        CheckInterfaces(options, section);
        return options;
    }

    private static TunSettings ReadTun(SectionReader tun)
    {
        const string MtuAllowed = "0 (follow the interfaces) or a whole number from 1280 to 65535";
        int mtu = tun.Integer("Mtu", 0, 0, 65_535);
        if (mtu is > 0 and < 1280) tun.Refuse("Mtu", MtuAllowed);
        string name = tun.Text("Name", "fw0", "an interface name (1 to 15 characters, without '/' and spaces)", IsInterfaceName);
        return new TunSettings(name, tun.Integer("Queues", 1, 1, 64), mtu, tun.Flag("Offloads", true));
    }

    private static RoutingSettings ReadRouting(SectionReader routing)
    {
        const string TableAllowed = "a whole number from 1 to 2147483647, but not 253, 254 or 255, which are the kernel's own tables";
        int table = routing.Integer("Table", 4100, 1, int.MaxValue);
        if (table is >= 253 and <= 255) routing.Refuse("Table", TableAllowed);
        return new RoutingSettings(table, routing.Integer("Priority", 100, 1, 32_000));
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
        if (options.Mode == ApplianceMode.Gateway && options.Interfaces.Count == 0 && !section.Has("Interfaces"))
        {
            section.Refuse("Interfaces", "a list of the interfaces that the gateway stands between, such as [\"eth0\", \"eth1\"]");
        }

        if (options.Interfaces.Contains("lo")) section.Refuse("Interfaces", "without the loopback interface lo, which no packet from outside uses");
        if (options.Interfaces.Contains(options.Tun.Name))
        {
            section.Refuse("Interfaces", $"without {options.Tun.Name}, which is the appliance's own TUN (Firewall:Tun:Name)");
        }
    }

    // The kernel's dev_valid_name: at most 15 bytes, no '/', no ':', no space, not "." or "..".
    private static bool IsInterfaceName(string name) =>
        name.Length is > 0 and <= LongestInterfaceName && name is not ("." or "..")
        && name.All(c => c is > ' ' and < '\x7f' and not '/' and not ':');

    private static string? FullPath(string? path, string folder) => path is null ? null : Path.GetFullPath(path, folder);
}
