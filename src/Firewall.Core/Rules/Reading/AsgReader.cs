namespace Firewall.Core.Rules.Reading;

/// <summary>Reads the application security groups of one side of a rule.</summary>
internal sealed class AsgReader(string file, List<RuleFinding> findings)
{
    /// <summary>Objects with an <c>id</c> (Azure and its tools), or bare ids or names.</summary>
    public AddressSelector Read(RuleContext context, JsonValue value, string field)
    {
        List<string> ids = [];
        IReadOnlyList<JsonValue> elements = value.IsArray ? value.Children : [value];
        foreach (JsonValue raw in elements)
        {
            JsonValue element = context.Scope.Resolve(raw);
            string? id = element.IsString ? element.Text : element.IsObject && element["id"] is { } given ? context.Scope.Text(given) : null;
            // What PowerShell writes for an object that lies too deep: the name of its class.
            bool isCut = id is not null && id.Contains("Microsoft.Azure.Commands", StringComparison.Ordinal);
            if (string.IsNullOrEmpty(id) || isCut)
            {
                findings.Add(element.Origin(file).Error(
                    FindingCodes.InvalidFormat, "An application security group is named by an object with its id.", isCut ? "PowerShell cut it off: export with ConvertTo-Json -Depth 10." : "Write {\"id\":\"/subscriptions/…/applicationSecurityGroups/name\"}."));
                continue;
            }

            ids.Add(id);
        }

        if (ids.Count > NsgLimits.MaxApplicationSecurityGroupsPerSide)
        {
            findings.Add(value.Origin(file).Error(
                FindingCodes.TooManyApplicationSecurityGroups,
                $"A security rule may have up to {NsgLimits.MaxApplicationSecurityGroupsPerSide} Application Security Group in the source or destination fields. The requested configuration has {ids.Count} in the {field} field.",
                "Split the rule."));
        }

        return AddressSelector.OfApplicationSecurityGroups(ids) with { Origin = value.Origin(file) };
    }
}
