using Firewall.Core.Rules;

namespace Firewall.Control;

/// <summary>What a new policy changes, in words for the log.</summary>
internal static class PolicyChanges
{
    private const int MostNames = 12;

    /// <summary>For example "added allow-ssh (Inbound 100 Allow), removed allow-rdp"; "nothing changed in the rules" if they say the same.</summary>
    public static string Describe(Policy before, Policy after)
    {
        List<string> changes = [];
        Dictionary<string, NetworkSecurityGroup> old = ByKey(before);
        Dictionary<string, NetworkSecurityGroup> now = ByKey(after);
        // With one group before and after, its name tells nothing; and a renamed file can rename it.
        bool single = old.Count == 1 && now.Count == 1;
        if (single)
        {
            CompareGroups("", old.Values.First(), now.Values.First(), changes);
        }
        else
        {
            foreach (NetworkSecurityGroup group in old.Values.Where(g => !now.ContainsKey(KeyOf(g)))) changes.Add($"removed group {group.Name}");
            foreach (NetworkSecurityGroup group in now.Values)
            {
                if (old.TryGetValue(KeyOf(group), out NetworkSecurityGroup? known)) CompareGroups($"{group.Name}/", known, group, changes);
                else changes.Add($"added group {group.Name} with {Count(group.SecurityRules.Count, "rule")}");
            }
        }

        if (changes.Count == 0) return "nothing changed in the rules";
        return changes.Count <= MostNames
            ? string.Join(", ", changes)
            : $"{string.Join(", ", changes.Take(MostNames))} and {changes.Count - MostNames} more";
    }

    /// <summary>"1 rule", "2 rules".</summary>
    public static string Count(int number, string thing) => $"{number} {thing}{(number == 1 ? "" : "s")}";

    private static void CompareGroups(string prefix, NetworkSecurityGroup before, NetworkSecurityGroup after, List<string> changes)
    {
        Dictionary<string, SecurityRule> old = before.SecurityRules.ToDictionary(r => r.Name, StringComparer.OrdinalIgnoreCase);
        Dictionary<string, SecurityRule> now = after.SecurityRules.ToDictionary(r => r.Name, StringComparer.OrdinalIgnoreCase);
        foreach (SecurityRule rule in now.Values.Where(r => !old.ContainsKey(r.Name)))
        {
            changes.Add($"added {prefix}{rule.Name} ({rule.Direction} {rule.Priority} {rule.Access})");
        }

        foreach (SecurityRule rule in old.Values.Where(r => !now.ContainsKey(r.Name))) changes.Add($"removed {prefix}{rule.Name}");
        foreach (SecurityRule rule in now.Values)
        {
            if (old.TryGetValue(rule.Name, out SecurityRule? known) && !known.MeansTheSameAs(rule)) changes.Add($"changed {prefix}{rule.Name}");
        }

        if (before.FlushConnection != after.FlushConnection) changes.Add($"{prefix}flushConnection is {(after.FlushConnection ? "true" : "false")}");
    }

    private static Dictionary<string, NetworkSecurityGroup> ByKey(Policy policy)
    {
        var groups = new Dictionary<string, NetworkSecurityGroup>(StringComparer.OrdinalIgnoreCase);
        foreach (NetworkSecurityGroup group in policy.Groups) groups[KeyOf(group)] = group;
        return groups;
    }

    // Groups of different resource groups may have one name.
    private static string KeyOf(NetworkSecurityGroup group) => group.Id ?? group.Name;
}
