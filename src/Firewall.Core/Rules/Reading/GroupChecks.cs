using System.Globalization;

namespace Firewall.Core.Rules.Reading;

/// <summary>Checks what no rule can know alone: equal priorities and Azure's limits of a group.</summary>
internal static class GroupChecks
{
    public static void Check(GroupBuilder group, List<RuleFinding> findings)
    {
        Dictionary<(RuleDirection, int), RuleClaim> taken = [];
        foreach (RuleClaim claim in group.Claims)
        {
            if (claim.Direction is not { } direction || claim.Priority == 0 || taken.TryAdd((direction, claim.Priority), claim)) continue;
            RuleClaim first = taken[(direction, claim.Priority)];
            // One rule written twice is told as that.
            if (string.Equals(claim.Name, first.Name, StringComparison.OrdinalIgnoreCase)) continue;
            findings.Add(claim.Origin.Error(
                FindingCodes.Conflict,
                $"Security rule {claim.Name} conflicts with rule {first.Name}. Rules cannot have the same Priority and Direction. To learn more, see aka.ms/nsgrules.",
                string.Create(CultureInfo.InvariantCulture, $"Both are {direction} with priority {claim.Priority} (the other on line {first.Origin.Line}); give one of them another priority.")));
        }

        if (group.RuleCount > NsgLimits.MaxRules)
        {
            findings.Add(group.Origin.Error(
                FindingCodes.RuleCountLimit, $"A security group cannot have more than {NsgLimits.MaxRules} security rules.",
                string.Create(CultureInfo.InvariantCulture, $"It has {group.RuleCount}; join rules by lists of ports or prefixes.")));
        }

        CheckSum(group, findings, "SourceAddressPrefixes", rule => rule.Source.Prefixes.Count);
        CheckSum(group, findings, "DestinationAddressPrefixes", rule => rule.Destination.Prefixes.Count);
        CheckSum(group, findings, "SourcePortRanges", rule => rule.SourcePorts.Count);
        CheckSum(group, findings, "DestinationPortRanges", rule => rule.DestinationPorts.Count);
        int asgs = group.Rules.SelectMany(rule => rule.Source.ApplicationSecurityGroups.Concat(rule.Destination.ApplicationSecurityGroups))
            .Distinct(StringComparer.OrdinalIgnoreCase).Count();
        if (asgs > NsgLimits.MaxApplicationSecurityGroupsPerGroup)
        {
            findings.Add(group.Origin.Error(
                FindingCodes.TooManyDistinctApplicationSecurityGroups,
                $"Network security group {group.Id ?? group.Name} names {asgs} application security groups. A security group cannot name more than {NsgLimits.MaxApplicationSecurityGroupsPerGroup}.",
                "Join application security groups, or split the group."));
        }
    }

    private static void CheckSum(GroupBuilder group, List<RuleFinding> findings, string field, Func<SecurityRule, int> count)
    {
        int sum = group.Rules.Sum(count);
        if (sum <= NsgLimits.MaxAddressesOrPorts) return;
        findings.Add(group.Origin.Error(
            FindingCodes.AddressesOrPortsLimit,
            $"Network security group {group.Id ?? group.Name} has {sum} {field}. A security group cannot have more than {NsgLimits.MaxAddressesOrPorts} {field} as per the limit MaxSecurityRuleAddressesOrPortsPerSecurityGroup.",
            "Use wider prefixes or ranges, or a service tag."));
    }
}
