using Firewall.Control;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;

namespace Firewall.Commands.Rules;

/// <summary>The traffic that two rule sets judge differently.</summary>
/// <param name="Changes">Disjoint regions; with the group they are of, if each group was compared on its own.</param>
/// <param name="IsComplete">False if there were more regions than are listed.</param>
internal sealed record RuleSetDifference(IReadOnlyList<(string? SecurityGroup, TrafficChange Change)> Changes, bool IsComplete)
{
    /// <summary>Compares them: as wholes, or group by group where nothing says which addresses the groups apply to.</summary>
    /// <exception cref="InvalidInputException">The groups of one do not answer to those of the other.</exception>
    public static RuleSetDifference Between(RuleSet old, RuleSet next)
    {
        List<(string?, TrafficChange)> changes = [];
        bool isComplete = true;
        foreach ((string? group, Policy before, Policy after) in Pairs(old, next))
        {
            PolicyDifference difference = PolicyDiff.Compare(before, after);
            changes.AddRange(difference.Changes.Select(change => (group, change)));
            isComplete &= difference.IsComplete;
        }

        return new RuleSetDifference(changes, isComplete);
    }

    private static IReadOnlyList<(string? Group, Policy Old, Policy New)> Pairs(RuleSet old, RuleSet next)
    {
        if (!old.IsSplit && !next.IsSplit) return [(null, old.Parts[0].Policy, next.Parts[0].Policy)];
        Dictionary<string, Policy> before = ByName(old);
        Dictionary<string, Policy> after = ByName(next);
        string[] problems = [.. Missing(before, after, old.Name, next.Name), .. Missing(after, before, next.Name, old.Name)];
        if (problems.Length > 0) throw new InvalidInputException(problems);
        return [.. before.Select(entry => (entry.Key, entry.Value, after[entry.Key]))];
    }

    private static Dictionary<string, Policy> ByName(RuleSet rules)
    {
        if (!rules.IsSplit && rules.Groups.Count > 1)
        {
            throw new InvalidInputException(
                $"{rules.Name}: says which addresses its groups apply to, and the rules it is compared with do not; add the subnets or network interfaces there");
        }

        // A rule set of one group is its only part.
        return rules.Parts.ToDictionary(part => part.SecurityGroup ?? rules.Groups[0].Name, part => part.Policy, StringComparer.OrdinalIgnoreCase);
    }

    private static IEnumerable<string> Missing(Dictionary<string, Policy> groups, Dictionary<string, Policy> others, string name, string otherName) =>
        groups.Keys.Where(group => !others.ContainsKey(group)).Select(group =>
            $"{otherName}: has no network security group {group}, which {name} has; without the subnets or network interfaces that it applies to, "
            + "nobody can tell what that changes. Add them, or compare the groups that both have");
}
