using System.IO.Hashing;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Control.Configuration;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Activity;

/// <summary>Changes of the policy as activity events, one for each group, with the rules that changed before and after.</summary>
internal static class PolicyActivity
{
    // A new service tag file may change tens of thousands.
    private const int MostTagLines = 1000;

    private static readonly JsonWriterOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What differs between two policies; nothing for groups that say the same.</summary>
    /// <param name="before">The policy that was in force.</param>
    /// <param name="after">The policy in force.</param>
    /// <param name="correlation">The same for all events of what caused it.</param>
    public static IEnumerable<ActivityEvent> Of(Policy before, Policy after, Guid correlation)
    {
        Dictionary<string, NetworkSecurityGroup> old = before.Groups.ToDictionary(KeyOf, StringComparer.OrdinalIgnoreCase);
        Dictionary<string, NetworkSecurityGroup> now = after.Groups.ToDictionary(KeyOf, StringComparer.OrdinalIgnoreCase);
        foreach ((string key, NetworkSecurityGroup group) in now)
        {
            old.TryGetValue(key, out NetworkSecurityGroup? known);
            SecurityRule[] changed = Without(group, known);
            SecurityRule[] replaced = known is null ? [] : Without(known, group);
            bool flushChanged = known is not null && known.FlushConnection != group.FlushConnection;
            bool sitesChanged = known is not null && !(known.Subnets.SequenceEqual(group.Subnets) && known.NetworkInterfaces.SequenceEqual(group.NetworkInterfaces));
            if (changed.Length + replaced.Length == 0 && known is not null && !flushChanged && !sitesChanged) continue;
            yield return Event(ActivityOperation.WriteGroup, group, correlation, after.Version, json => WriteGroup(json, known, replaced), json => WriteGroup(json, group, changed)) with
            {
                Description = $"policy {after.Version}: {changed.Length} rules came, {replaced.Length} went"
                    + (flushChanged ? $", flushConnection is {(group.FlushConnection ? "true" : "false")}" : "") + (sitesChanged ? ", it applies to other subnets or network interfaces" : ""),
            };
        }

        foreach ((string key, NetworkSecurityGroup group) in old)
        {
            if (now.ContainsKey(key)) continue;
            yield return Event(ActivityOperation.DeleteGroup, group, correlation, after.Version, json => WriteGroup(json, group, [.. group.SecurityRules]), static json => json.WriteNullValue());
        }

        string[] networkBefore = [.. SitesOf(before), .. TagsOf(before, after)];
        string[] networkNow = [.. SitesOf(after), .. TagsOf(after, before)];
        if (networkBefore.SequenceEqual(networkNow)) yield break;
        yield return new ActivityEvent(ActivityOperation.WriteNetwork, true, ActivityCaller.Appliance, "virtualNetwork")
        {
            Correlation = correlation,
            Description = $"policy {after.Version}: other subnets, network interfaces, members, protected addresses or service tags",
            Properties = new Dictionary<string, ActivityValue>
            {
                ["before"] = Json(json => WriteTexts(json, networkBefore.Except(networkNow))),
                ["after"] = Json(json => WriteTexts(json, networkNow.Except(networkBefore))),
            },
        };
    }

    /// <summary>Settings that changed.</summary>
    /// <param name="device">Names the appliance.</param>
    /// <param name="changes">Each key with its values, and whether it waits for a restart.</param>
    public static ActivityEvent Settings(string device, IReadOnlyList<OptionsChange> changes) =>
        new(ActivityOperation.WriteAppliance, true, ActivityCaller.Appliance, device)
        {
            Description = $"{string.Join(", ", changes.Select(change => change.Key))} changed" + (changes.Any(change => change.NeedsRestart) ? "; some of it takes effect at the next start" : ""),
            Properties = new Dictionary<string, ActivityValue>
            {
                ["before"] = Json(json => WriteSettings(json, changes, change => change.Before)),
                ["after"] = Json(json => WriteSettings(json, changes, change => change.After)),
            },
        };

    /// <summary>What was not taken over.</summary>
    /// <param name="operation">What would have been done.</param>
    /// <param name="resource">To what.</param>
    /// <param name="file">The file or folder that is wrong.</param>
    /// <param name="problems">What is wrong.</param>
    public static ActivityEvent Refused(ActivityOperation operation, string resource, string file, IReadOnlyList<string> problems) =>
        new(operation, false, ActivityCaller.Appliance, resource)
        {
            Description = "not taken over; what was in force stays",
            Properties = new Dictionary<string, ActivityValue>
            {
                ["file"] = file,
                ["problems"] = Json(json => WriteTexts(json, problems)),
            },
        };

    /// <summary>
    /// A checksum of each file that a policy comes from (XXH128, as xxhsum prints it). No proof against who can write the log as well; and .NET would load OpenSSL for
    /// one, which a machine need not have.
    /// </summary>
    /// <param name="files">Full paths; folders and files that are not there are left out.</param>
    public static IReadOnlyDictionary<string, ActivityValue> DigestsOf(IReadOnlyList<string> files)
    {
        Dictionary<string, ActivityValue> digests = [];
        foreach (string file in files.Distinct().SelectMany(FilesIn))
        {
            try
            {
                XxHash128 digest = new();
                using FileStream content = File.OpenRead(file);
                digest.Append(content);
                digests[$"xxh128 {file}"] = Convert.ToHexStringLower(digest.GetCurrentHash());
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                digests[$"xxh128 {file}"] = "";
            }
        }

        return digests;
    }

    private static IEnumerable<string> FilesIn(string path) =>
        Directory.Exists(path) ? Directory.EnumerateFiles(path, "*.json").Order(StringComparer.Ordinal) : File.Exists(path) ? [path] : [];

    /// <summary>What names a policy's groups in the log: the one that there is, or the file's name.</summary>
    public static string ResourceOf(Policy policy, string file) => policy.Groups.Count == 1 ? ResourceOf(policy.Groups[0]) : Path.GetFileNameWithoutExtension(file);

    private static ActivityEvent Event(
        ActivityOperation operation, NetworkSecurityGroup group, Guid correlation, uint version, Action<Utf8JsonWriter> before, Action<Utf8JsonWriter> after) =>
        new(operation, true, ActivityCaller.Appliance, ResourceOf(group))
        {
            Correlation = correlation,
            Properties = new Dictionary<string, ActivityValue>
            {
                ["policyVersion"] = $"{version}",
                ["before"] = Json(before),
                ["after"] = Json(after),
            },
        };

    // The rules of a group that another one does not have. By name: each rule beside each took a third of the time of a just-in-time request.
    private static SecurityRule[] Without(NetworkSecurityGroup group, NetworkSecurityGroup? other)
    {
        if (other is null) return [.. group.SecurityRules];
        ILookup<string, SecurityRule> others = other.SecurityRules.ToLookup(rule => rule.Name, StringComparer.OrdinalIgnoreCase);
        return [.. group.SecurityRules.Where(rule => !others[rule.Name].Any(rule.MeansTheSameAs))];
    }

    private static void WriteRules(Utf8JsonWriter json, SecurityRule[] rules)
    {
        json.WriteStartArray();
        foreach (SecurityRule rule in rules)
        {
            json.WriteStartObject();
            json.WriteString("name", rule.Name);
            json.WriteStartObject("properties");
            json.WriteNumber("priority", rule.Priority);
            json.WriteString("direction", rule.Direction.ToString());
            json.WriteString("access", rule.Access.ToString());
            json.WriteString("protocol", rule.Protocol.ToString());
            json.WriteString("source", rule.Source.ToString());
            json.WriteString("sourcePorts", string.Join(',', rule.SourcePorts));
            json.WriteString("destination", rule.Destination.ToString());
            json.WriteString("destinationPorts", string.Join(',', rule.DestinationPorts));
            if (rule.Description is { } description) json.WriteString("description", description);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    // A group as Azure shows it, with those of its rules that the other one does not have; null for none.
    private static void WriteGroup(Utf8JsonWriter json, NetworkSecurityGroup? group, SecurityRule[] rules)
    {
        if (group is null)
        {
            json.WriteNullValue();
            return;
        }

        json.WriteStartObject();
        json.WritePropertyName("securityRules");
        WriteRules(json, rules);
        json.WriteBoolean("flushConnection", group.FlushConnection);
        json.WritePropertyName("subnets");
        WriteTexts(json, group.Subnets);
        json.WritePropertyName("networkInterfaces");
        WriteTexts(json, group.NetworkInterfaces);
        json.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter json, IEnumerable<string> texts)
    {
        json.WriteStartArray();
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static void WriteSettings(Utf8JsonWriter json, IReadOnlyList<OptionsChange> changes, Func<OptionsChange, string> value)
    {
        json.WriteStartObject();
        foreach (OptionsChange change in changes) json.WriteString(change.Key, value(change));
        json.WriteEndObject();
    }

    // What decides beside the rules which of them a packet meets, one thing a line.
    private static IEnumerable<string> SitesOf(Policy policy)
    {
        NetworkTopology network = policy.Options.Network;
        foreach (var space in network.VirtualNetworks) yield return $"virtual network {space.Id} {string.Join(' ', space.AddressPrefixes)} flowTimeoutInMinutes {space.FlowTimeoutInMinutes}";
        foreach (var subnet in network.Subnets) yield return $"subnet {subnet.Id} {string.Join(' ', subnet.AddressPrefixes)} {subnet.NetworkSecurityGroup}";
        foreach (var nic in network.NetworkInterfaces)
            yield return $"network interface {nic.Id} {string.Join(' ', nic.Addresses)} {nic.NetworkSecurityGroup} {string.Join(' ', nic.ApplicationSecurityGroups)}";
        foreach (var group in network.ApplicationSecurityGroups) yield return $"application security group {group.Id} {string.Join(' ', group.Members)}";
        if (policy.Options.ProtectedAddresses is { } inside) yield return $"protected addresses {string.Join(' ', inside)}";
        if (policy.Options.ServiceTags is { } tags) yield return $"service tags, change number {tags.ChangeNumber}";
    }

    // The prefixes of service tags that another policy does not have: so many, and how many more.
    private static List<string> TagsOf(Policy policy, Policy other)
    {
        ServiceTags tags = policy.Options.ServiceTags ?? ServiceTags.Empty;
        ServiceTags others = other.Options.ServiceTags ?? ServiceTags.Empty;
        List<string> lines = [];
        if (ReferenceEquals(tags, others)) return lines;
        int more = 0;
        foreach (string name in tags.Names)
        {
            tags.TryGet(name, out IReadOnlyList<IpPrefix> prefixes);
            others.TryGet(name, out IReadOnlyList<IpPrefix> known);
            foreach (IpPrefix prefix in prefixes.Except(known))
            {
                if (lines.Count < MostTagLines) lines.Add($"service tag {name} {prefix}");
                else more++;
            }
        }

        if (more > 0) lines.Add($"and {more} more prefixes of service tags");
        return lines;
    }

    private static ActivityValue Json(Action<Utf8JsonWriter> write)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, s_plain)) write(json);
        return ActivityValue.Json(Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length));
    }

    // As flow logs name it: an id that is none of Azure's is not taken for one.
    private static string ResourceOf(NetworkSecurityGroup group) =>
        group.Id is { } id && id.StartsWith("/subscriptions/", StringComparison.OrdinalIgnoreCase) ? id : group.Name;

    // Groups of different resource groups may have one name.
    private static string KeyOf(NetworkSecurityGroup group) => group.Id ?? group.Name;
}
