using System.Globalization;
using System.Text.Json;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules;

/// <summary>The rules of one group as they apply somewhere, with tags and application security groups turned into prefixes.</summary>
/// <param name="SecurityGroup">The group's name.</param>
/// <param name="SecurityGroupId">Azure's resource id, if known.</param>
/// <param name="AppliedTo">The subnet or network interface, or "all protected addresses".</param>
/// <param name="Rules">Inbound, then outbound, each in the order of evaluation.</param>
public sealed record EffectiveGroup(string SecurityGroup, string? SecurityGroupId, string AppliedTo, IReadOnlyList<EffectiveRule> Rules)
{
    /// <summary>True if it applies through a network interface, false for a subnet or everything.</summary>
    public bool IsNetworkInterface => AppliedTo.Contains("/networkInterfaces/", StringComparison.OrdinalIgnoreCase);
}

/// <summary>One rule as it applies.</summary>
/// <param name="Name"><c>securityRules/x</c> or <c>defaultSecurityRules/x</c>.</param>
/// <param name="Rule">The rule as written.</param>
/// <param name="ExpandedSource">The source's prefixes if it is a tag or application security groups; else empty.</param>
/// <param name="ExpandedDestination">The destination's prefixes if it is a tag or application security groups; else empty.</param>
public sealed record EffectiveRule(
    string Name, SecurityRule Rule, IReadOnlyList<string> ExpandedSource, IReadOnlyList<string> ExpandedDestination);

/// <summary>The effective security rules of a policy: what Azure shows for a network interface, for each place of the policy.</summary>
public static class EffectiveRules
{
    /// <summary>The numbers of all rules that decide anything, the default ones too. Quick: nothing is expanded.</summary>
    public static IReadOnlySet<int> NumbersOf(Policy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.Chains.Entries.SelectMany(entry => entry.Chain.Steps)
            .SelectMany(step => step.Group.Inbound.Rules.Concat(step.Group.Outbound.Rules))
            .Select(rule => rule.Number).ToHashSet();
    }

    /// <summary>Every group with each place that it applies to.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="expand">Whether to expand tags and application security groups. Large tags take time and memory.</param>
    public static IReadOnlyList<EffectiveGroup> Of(Policy policy, bool expand = true)
    {
        ArgumentNullException.ThrowIfNull(policy);
        List<EffectiveGroup> groups = [];
        HashSet<(string, string)> seen = [];
        Dictionary<AddressSet, IReadOnlyList<string>> expanded = [];
        foreach ((_, GroupChain chain) in policy.Chains.Entries)
        {
            foreach (ChainStep step in chain.Steps)
            {
                if (!seen.Add((step.Group.Label, step.AppliedTo))) continue;
                IEnumerable<ResolvedRule> rules = step.Group.Inbound.Rules.Concat(step.Group.Outbound.Rules);
                groups.Add(new EffectiveGroup(
                    step.Group.Label, step.Group.Group.Id, step.AppliedTo,
                    [.. rules.Select(rule => new EffectiveRule(
                        policy.Catalog[rule.Number]?.ResourceName ?? rule.Rule.Name, rule.Rule,
                        Expand(rule.Rule.Source, rule.Source), Expand(rule.Rule.Destination, rule.Destination)))]));
            }
        }

        return groups;

        IReadOnlyList<string> Expand(AddressSelector selector, AddressSet addresses)
        {
            if (!expand || selector.Kind is AddressSelectorKind.Any or AddressSelectorKind.Prefixes) return [];
            if (expanded.TryGetValue(addresses, out IReadOnlyList<string>? known)) return known;
            return expanded[addresses] = [.. addresses.ToPrefixes().Select(prefix => prefix.ToString())];
        }
    }

    /// <summary>
    /// Writes Azure's answer to <c>effectiveNetworkSecurityGroups</c>: <c>value[]</c> of groups with their association. All addresses
    /// are written <c>0.0.0.0/0</c>, in the list with <c>::/0</c>, and all ports <c>0-65535</c>.
    /// </summary>
    public static void WriteJson(Utf8JsonWriter json, IReadOnlyList<EffectiveGroup> groups)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(groups);
        json.WriteStartObject();
        json.WriteStartArray("value");
        foreach (EffectiveGroup group in groups)
        {
            json.WriteStartObject();
            json.WriteStartObject("networkSecurityGroup");
            json.WriteString("id", group.SecurityGroupId ?? group.SecurityGroup);
            json.WriteEndObject();
            json.WriteStartObject("association");
            if (group.AppliedTo != PolicyCompiler.AllProtected)
            {
                json.WriteStartObject(group.IsNetworkInterface ? "networkInterface" : "subnet");
                json.WriteString("id", group.AppliedTo);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteStartArray("effectiveSecurityRules");
            foreach (EffectiveRule rule in group.Rules) WriteRule(json, rule);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteRule(Utf8JsonWriter json, EffectiveRule effective)
    {
        SecurityRule rule = effective.Rule;
        json.WriteStartObject();
        json.WriteString("name", effective.Name);
        json.WriteString("protocol", rule.Protocol.IsAny ? "All" : rule.Protocol.ToString());
        WriteValues(json, "sourcePortRange", "sourcePortRanges", [.. rule.SourcePorts.Select(Range)]);
        WriteValues(json, "destinationPortRange", "destinationPortRanges", [.. rule.DestinationPorts.Select(Range)]);
        // Ours; a reader that knows Azure's properties alone skips it.
        if (rule.IcmpTypes.Count > 0) WriteList(json, "icmpTypes", [.. rule.IcmpTypes.Select(range => range.ToString())]);
        WriteAddresses(json, "source", rule.Source);
        WriteAddresses(json, "destination", rule.Destination);
        WriteExpanded(json, "expandedSourceAddressPrefix", effective.ExpandedSource);
        WriteExpanded(json, "expandedDestinationAddressPrefix", effective.ExpandedDestination);
        json.WriteString("access", rule.Access.ToString());
        json.WriteNumber("priority", rule.Priority);
        json.WriteString("direction", rule.Direction.ToString());
        json.WriteEndObject();
    }

    private static void WriteAddresses(Utf8JsonWriter json, string side, AddressSelector selector)
    {
        string singular = side + "AddressPrefix";
        string plural = side + "AddressPrefixes";
        switch (selector.Kind)
        {
            case AddressSelectorKind.Any:
                json.WriteString(singular, "0.0.0.0/0");
                WriteList(json, plural, ["0.0.0.0/0", "::/0"]);
                break;
            case AddressSelectorKind.ServiceTag:
                WriteValues(json, singular, plural, [selector.ServiceTag]);
                break;
            case AddressSelectorKind.Prefixes:
                WriteValues(json, singular, plural, [.. selector.Prefixes.Select(prefix => prefix.ToString())]);
                break;
            default:
                json.WriteStartArray(side + "ApplicationSecurityGroups");
                foreach (string id in selector.ApplicationSecurityGroups)
                {
                    json.WriteStartObject();
                    json.WriteString("id", id);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
        }
    }

    private static void WriteExpanded(Utf8JsonWriter json, string name, IReadOnlyList<string> prefixes)
    {
        if (prefixes.Count > 0) WriteList(json, name, prefixes);
    }

    private static void WriteValues(Utf8JsonWriter json, string singular, string plural, IReadOnlyList<string> values)
    {
        if (values.Count == 1) json.WriteString(singular, values[0]);
        WriteList(json, plural, values);
    }

    private static void WriteList(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values) json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static string Range(PortRange range) => string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}");
}
