using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Core.Rules;

namespace Firewall.Activity;

/// <summary>Changes of the policy as activity events, one for each group, with the rules that changed before and after.</summary>
internal static class PolicyActivity
{
    private static readonly JsonWriterOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What differs between two policies; nothing for groups that say the same.</summary>
    public static IEnumerable<ActivityEvent> Of(Policy before, Policy after)
    {
        Guid correlation = Guid.NewGuid();
        Dictionary<string, NetworkSecurityGroup> old = before.Groups.ToDictionary(KeyOf, StringComparer.OrdinalIgnoreCase);
        Dictionary<string, NetworkSecurityGroup> now = after.Groups.ToDictionary(KeyOf, StringComparer.OrdinalIgnoreCase);
        foreach ((string key, NetworkSecurityGroup group) in now)
        {
            old.TryGetValue(key, out NetworkSecurityGroup? known);
            SecurityRule[] changed = Without(group, known);
            SecurityRule[] replaced = known is null ? [] : Without(known, group);
            bool flushChanged = known is not null && known.FlushConnection != group.FlushConnection;
            if (changed.Length + replaced.Length == 0 && known is not null && !flushChanged) continue;
            yield return Event(ActivityOperation.WriteGroup, group, correlation, after.Version, replaced, changed) with
            {
                Description = $"policy {after.Version}: {changed.Length} rules came, {replaced.Length} went" + (flushChanged ? $", flushConnection is {(group.FlushConnection ? "true" : "false")}" : ""),
            };
        }

        foreach ((string key, NetworkSecurityGroup group) in old)
        {
            if (!now.ContainsKey(key)) yield return Event(ActivityOperation.DeleteGroup, group, correlation, after.Version, [.. group.SecurityRules], []);
        }
    }

    /// <summary>Rules or settings that were not taken over.</summary>
    /// <param name="rules">The file or folder of the rules.</param>
    /// <param name="problems">What is wrong.</param>
    public static ActivityEvent Refused(string rules, IReadOnlyList<string> problems) =>
        new(ActivityOperation.WriteGroup, false, ActivityCaller.Appliance, rules)
        {
            Description = "not taken over; the policy that was in force stays",
            Properties = new Dictionary<string, string>
            {
                ["problems"] = Json(json =>
            {
                json.WriteStartArray();
                foreach (string problem in problems) json.WriteStringValue(problem);
                json.WriteEndArray();
            })
            },
        };

    private static ActivityEvent Event(
        ActivityOperation operation, NetworkSecurityGroup group, Guid correlation, uint version, SecurityRule[] before, SecurityRule[] after) =>
        new(operation, true, ActivityCaller.Appliance, KeyOf(group))
        {
            Correlation = correlation,
            Properties = new Dictionary<string, string>
            {
                ["policyVersion"] = $"{version}",
                ["before"] = Json(json => WriteRules(json, before)),
                ["after"] = Json(json => WriteRules(json, after)),
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

    private static string Json(Action<Utf8JsonWriter> write)
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text, s_plain)) write(json);
        return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }

    // Groups of different resource groups may have one name.
    private static string KeyOf(NetworkSecurityGroup group) => group.Id ?? group.Name;
}
