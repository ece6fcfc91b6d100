using System.Globalization;
using System.IO.Hashing;
using System.Text;
using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Rules;

namespace Firewall.FlowLogs;

/// <summary>What Azure's readers expect flow logs to be called: resources, their numbers, and paths of files.</summary>
internal sealed class FlowLogNames
{
    private const string VnetContainer = "insights-logs-flowlogflowevent";
    private const string NsgContainer = "insights-logs-networksecuritygroupflowevent";

    private readonly FlowLogSettings _settings;
    private readonly PolicyStore _policies;
    private readonly string _name;
    private readonly Dictionary<string, string> _groups = new(StringComparer.Ordinal);

    /// <summary>Makes the names.</summary>
    /// <param name="settings">Subscription, resource group and region.</param>
    /// <param name="policies">Whose groups may have resource ids of their own.</param>
    /// <param name="device">Names the flow log and the virtual network.</param>
    /// <param name="macAddress">Twelve digits, upper-case.</param>
    public FlowLogNames(FlowLogSettings settings, PolicyStore policies, string device, string macAddress)
    {
        _settings = settings;
        _policies = policies;
        _name = $"{device}-{settings.ResourceGroup}-FLOWLOG".ToUpperInvariant();
        MacAddress = macAddress;
        FlowLog = $"/SUBSCRIPTIONS/{settings.SubscriptionId}/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_{settings.Region}/FLOWLOGS/{_name}".ToUpperInvariant();
        Target = $"/subscriptions/{settings.SubscriptionId}/resourceGroups/{settings.ResourceGroup}/providers/Microsoft.Network/virtualNetworks/{device}";
        FlowLogId = NumberOf(FlowLog);
        SystemId = NumberOf($"{Target}/{macAddress}");
    }

    /// <summary>Of the network interface: twelve digits, upper-case.</summary>
    public string MacAddress { get; }

    /// <summary>The flow log's resource id, upper-case.</summary>
    public string FlowLog { get; }

    /// <summary>The resource id of what is logged.</summary>
    public string Target { get; }

    /// <summary>The flow log's number.</summary>
    public Guid FlowLogId { get; }

    /// <summary>The appliance's number.</summary>
    public Guid SystemId { get; }

    /// <summary>A security group's number: the same for the same resource, always.</summary>
    public Guid IdOf(string group) => NumberOf(ResourceOf(group));

    /// <summary>A security group's resource id, upper-case: its own, or one made of the settings. A group that is gone keeps its id.</summary>
    /// <param name="group">As rules name it.</param>
    public string ResourceOf(string group)
    {
        NetworkSecurityGroup? inForce = _policies.Current.Groups.FirstOrDefault(
            g => g.Name == group || $"{ResourceId.ResourceGroupOf(g.Id)}/{g.Name}" == group);
        if (inForce is null && _groups.TryGetValue(group, out string? known)) return known;
        string made = $"/subscriptions/{_settings.SubscriptionId}/resourceGroups/{_settings.ResourceGroup}/providers/Microsoft.Network/networkSecurityGroups/{group.Replace('/', '.')}";
        string id = inForce?.Id is { } own && own.StartsWith("/subscriptions/", StringComparison.OrdinalIgnoreCase) ? own : made;
        return _groups[group] = id.ToUpperInvariant();
    }

    /// <summary>The file of a virtual network flow log, from the log's folder on.</summary>
    public string VnetPath(DateTimeOffset time) => Path.Combine(
        VnetContainer,
        "flowLogResourceID=",
        Safe($"{_settings.SubscriptionId}_NETWORKWATCHERRG".ToUpperInvariant()),
        Safe($"NETWORKWATCHER_{_settings.Region}_{_name}".ToUpperInvariant()),
        HourPath(time));

    /// <summary>The file of a security group's flow log, from the log's folder on.</summary>
    public string NsgPath(string group, DateTimeOffset time) =>
        Path.Combine([NsgContainer, "resourceId=", .. ResourceOf(group).Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Safe), HourPath(time)]);

    private string HourPath(DateTimeOffset time) =>
        time.UtcDateTime.ToString("'y='yyyy/'m='MM/'d='dd/'h='HH/'m=00'", CultureInfo.InvariantCulture) + $"/macAddress={MacAddress}/PT1H.json";

    // A name comes from a rules file, and must not lead out of the folder.
    private static string Safe(string name)
    {
        string safe = string.Concat(name.Select(c => char.IsControl(c) || Path.GetInvalidFileNameChars().Contains(c) || c is '\\' or ':' ? '_' : c));
        return safe.Trim('.').Length == 0 ? "_" : safe;
    }

    // A name-based UUID in the manner of RFC 9562 section 5.8. Not by SHA-256: .NET would load OpenSSL for it, and end the process where there is none.
    private static Guid NumberOf(string name)
    {
        Span<byte> bytes = stackalloc byte[16];
        XxHash128.Hash(Encoding.UTF8.GetBytes(name.ToUpperInvariant()), bytes);
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }
}
