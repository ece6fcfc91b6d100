using System.Globalization;
using System.Text.Json;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Reading;

/// <summary>Reads and checks the fields of a security rule, with Azure's error codes and messages.</summary>
internal sealed class RuleFieldReader(string file, List<RuleFinding> findings)
{
    private static readonly IReadOnlyList<PortRange> s_anyPort = [PortRange.Any];

    /// <summary>The protocol; <c>*</c> with a finding if it is missing or unknown.</summary>
    public RuleProtocol Protocol(RuleContext context)
    {
        if (!TryRequired(context, "protocol", out JsonValue? value)) return RuleProtocol.Any;
        if (RuleProtocol.TryParse(value.Text, out RuleProtocol protocol)) return protocol;
        Add(value, FindingCodes.InvalidProtocol,
            $"Security rule has invalid Protocol. Value provided: {Shown(value)} Allowed values: Icmp,Tcp,Udp,Esp,Ah,*.",
            "Write one of these, Icmpv6, or an IP protocol number from 0 to 255. \"Any\" is written \"*\".");
        return RuleProtocol.Any;
    }

    /// <summary>A field whose value is one of an enumeration's names; null with a finding if it is missing or unknown.</summary>
    public T? Choice<T>(RuleContext context, string field, string code)
        where T : struct, Enum
    {
        if (!TryRequired(context, field, out JsonValue? value)) return null;
        foreach ((string name, T choice) in Choices<T>.All)
        {
            if (value.IsString && string.Equals(name, value.Text, StringComparison.OrdinalIgnoreCase)) return choice;
        }

        string allowed = string.Join(',', Enum.GetNames<T>().Order(StringComparer.Ordinal));
        Add(value, code, $"Security rule has invalid {Title(field)}. Value provided: {Shown(value)} Allowed values: {allowed}.", "Write one of these.");
        return null;
    }

    /// <summary>The priority; 0 with a finding if it is missing or out of range.</summary>
    public int Priority(RuleContext context)
    {
        if (!TryRequired(context, "priority", out JsonValue? value)) return 0;
        if (value.Kind is JsonValueKind.Number or JsonValueKind.String
            && int.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int priority)
            && priority is >= NsgLimits.MinPriority and <= NsgLimits.MaxPriority)
        {
            return priority;
        }

        Add(value, FindingCodes.InvalidPriority,
            $"Security rule has invalid Priority. Value provided: {Shown(value)} Allowed range {NsgLimits.MinPriority}-{NsgLimits.MaxPriority}.",
            "Give a whole number in that range; the lowest is looked at first.");
        return 0;
    }

    /// <summary>The port ranges of one side, from the singular or the plural field.</summary>
    public IReadOnlyList<PortRange> Ports(RuleContext context, RuleSide side)
    {
        (string singular, string plural) = (side.Port, side.Ports);
        JsonValue? one = context.Get(singular);
        JsonValue? many = context.Get(plural);
        if (one is not null && many is not null)
        {
            Add(many, FindingCodes.ParametersConflict,
                $"Security rule with Id {context.Id} must specify a non empty value for exactly one of: {Title(plural)}, {Title(singular)}.",
                "Remove one of the two fields, or leave it empty.");
            return [PortRange.Any];
        }

        JsonValue? value = one ?? many;
        if (value is null)
        {
            Add(context.Fields, FindingCodes.ParametersMissing,
                $"Required security rule parameters are missing for security rule with Id: {context.Id}. Security rule must specify {Title(plural)} or {Title(singular)}.",
                $"Write \"{singular}\":\"*\" for all ports.");
            return [PortRange.Any];
        }

        if (one is { IsString: true, Text: "*" }) return s_anyPort;
        List<PortRange> ranges = [];
        foreach (JsonValue element in Elements(value, context))
        {
            // PowerShell writes the singular field as a list, so "*" is legal in a list of one there.
            bool starIsLegal = one is not null && (!value.IsArray || value.Children.Count == 1);
            if (element.Text == "*" && starIsLegal)
            {
                ranges.Add(PortRange.Any);
            }
            else if (element.Kind is JsonValueKind.String or JsonValueKind.Number && PortRange.TryParse(element.Text, out PortRange range))
            {
                ranges.Add(range);
            }
            else
            {
                Add(element, FindingCodes.InvalidPortRange,
                    $"Security rule has invalid Port range. Value provided: {Shown(element)}. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535.",
                    element.Text == "*" ? $"Write \"*\" in {singular}; a list must not hold it."
                        : element.Text.Contains(',', StringComparison.Ordinal) ? $"Write several ranges as a list in {plural}."
                        : element.Text.Contains(' ', StringComparison.Ordinal) ? $"Write several ranges as a list in {plural}; if PowerShell wrote this, export with ConvertTo-Json -Depth 10."
                        : "Write a port, a range such as 8000-8010 with the lower port first, or \"*\".");
            }
        }

        return ranges;
    }

    /// <summary>Our extension <c>icmpTypes</c>: a list, or a single value; empty if it is not set.</summary>
    public IReadOnlyList<IcmpTypeRange> IcmpTypes(RuleContext context, RuleProtocol protocol)
    {
        if (context.Get("icmpTypes") is not { } value) return [];
        if (protocol.IsAny || !(protocol.Number is IpProtocol.Icmp or IpProtocol.Icmpv6))
        {
            Add(value, FindingCodes.InvalidIcmpType,
                $"Security rule {context.Id} has icmpTypes, but its protocol is {protocol}.",
                "Only a rule with the protocol Icmp or Icmpv6 may have them; write one rule for each of the two.");
            return [];
        }

        List<IcmpTypeRange> ranges = [];
        foreach (JsonValue element in Elements(value, context))
        {
            if (element.Kind is JsonValueKind.String or JsonValueKind.Number && IcmpTypeRange.TryParse(element.Text, out IcmpTypeRange range)) ranges.Add(range);
            else Add(element, FindingCodes.InvalidIcmpType, $"Security rule has invalid ICMP type. Value provided: {Shown(element)}.", "Write a type such as \"8\", types such as \"133-137\", or a code of a type such as \"3/4\", each from 0 to 255; leave icmpTypes out for all.");
        }

        return ranges;
    }

    /// <summary>The addresses of one side, from the prefix, the list of prefixes, or the application security groups.</summary>
    public AddressSelector Addresses(RuleContext context, RuleSide side)
    {
        (string singular, string plural, string groups) = (side.Prefix, side.Prefixes, side.Groups);
        JsonValue? one = context.Get(singular);
        JsonValue? many = context.Get(plural);
        JsonValue? asgs = context.Get(groups);
        int given = (one is null ? 0 : 1) + (many is null ? 0 : 1) + (asgs is null ? 0 : 1);
        if (given > 1)
        {
            Add(asgs ?? many ?? context.Fields, FindingCodes.ParametersConflict,
                $"Security rule with Id {context.Id} must specify a non empty value for exactly one of: {Title(plural)}, {Title(singular)}, {Title(groups)}.",
                "Remove the other fields, or leave them empty.");
            return AddressSelector.Any;
        }

        if (asgs is not null) return new AsgReader(file, findings).Read(context, asgs, Title(groups));
        JsonValue? value = one ?? many;
        if (value is null)
        {
            Add(context.Fields, FindingCodes.ParametersMissing,
                $"Required security rule parameters are missing for security rule with Id: {context.Id}. Security rule must specify {Title(plural)}, {Title(singular)}, or {Title(groups)}.",
                $"Write \"{singular}\":\"*\" for all addresses.");
            return AddressSelector.Any;
        }

        IReadOnlyList<JsonValue> elements = Elements(value, context);
        RuleOrigin origin = value.Origin(file);
        // PowerShell writes the singular field as a list.
        AddressSelector selector = one is not null && elements.Count == 1
            ? Singular(elements[0], context)
            : Plural(elements, context, singular);
        return selector with { Origin = origin };
    }

    private AddressSelector Singular(JsonValue value, RuleContext context)
    {
        if (value.IsString)
        {
            if (value.Text == "*") return AddressSelector.Any;
            if (TryPrefix(value.Text, out IpPrefix prefix, out _)) return AddressSelector.OfPrefixes([prefix]);
            if (LooksLikeTag(value.Text)) return AddressSelector.OfServiceTag(value.Text);
        }

        InvalidPrefix(value, context);
        return AddressSelector.Any;
    }

    private AddressSelector Plural(IReadOnlyList<JsonValue> elements, RuleContext context, string field)
    {
        List<(IpPrefix Prefix, JsonValue Value)> prefixes = [];
        foreach (JsonValue element in elements)
        {
            if (element.IsString && TryPrefix(element.Text, out IpPrefix prefix, out _)) prefixes.Add((prefix, element));
            else if (element.IsString && (element.Text == "*" || LooksLikeTag(element.Text))) Unsupported(element, context, Title(field));
            else InvalidPrefix(element, context);
        }

        if (prefixes.Count > 1) RefuseOverlaps(prefixes, context, Title(field));
        return AddressSelector.OfPrefixes([.. prefixes.Select(entry => entry.Prefix)]);
    }

    private void RefuseOverlaps(List<(IpPrefix Prefix, JsonValue Value)> prefixes, RuleContext context, string field)
    {
        // Prefixes of one family either nest or are apart, so after sorting by first address, wider first, an overlap lies with the last wide one.
        List<(IpPrefix Prefix, JsonValue Value)> sorted =
            [.. prefixes.OrderBy(entry => entry.Prefix.IsIPv4).ThenBy(entry => entry.Prefix.First).ThenBy(entry => entry.Prefix.MappedLength)];
        (IpPrefix Prefix, JsonValue Value)? wide = null;
        foreach ((IpPrefix Prefix, JsonValue Value) entry in sorted)
        {
            if (wide is { } outer && outer.Prefix.Contains(entry.Prefix))
            {
                Add(entry.Value, FindingCodes.OverlappingSubnets,
                    $"Security rule parameter {field} for rule with Id {context.Id} contains overlapping subnets [{outer.Value.Text}, {entry.Value.Text}], which is not permitted.",
                    $"Remove {entry.Value.Text}: {outer.Value.Text} contains it.");
            }
            else
            {
                wide = entry;
            }
        }
    }

    private void Unsupported(JsonValue value, RuleContext context, string field) => Add(value, FindingCodes.UnsupportedValue,
        $"Security rule parameter {field} for rule with Id {context.Id} cannot specify existing VIRTUALNETWORK, INTERNET, AZURELOADBALANCER, '*' or system tags. Unsupported value used: {value.Text}.",
        $"A list may hold addresses and prefixes only; write a tag or \"*\" in the singular field of a rule of its own.");

    private void InvalidPrefix(JsonValue value, RuleContext context)
    {
        string remedy = "Write an address, a prefix such as 10.0.0.0/24, a service tag, or \"*\".";
        if (value.Text.Contains(',', StringComparison.Ordinal)) remedy = "Write several prefixes as a list in the plural field.";
        else if (value.Text.Contains(' ', StringComparison.Ordinal)) remedy = "Write several prefixes as a list in the plural field; if PowerShell wrote this, export with ConvertTo-Json -Depth 10.";
        else if (value.Text.Equals("any", StringComparison.OrdinalIgnoreCase)) remedy = "Any address is written \"*\".";
        else if (IpPrefix.TryParse(value.Text, out IpPrefix prefix, out bool hasHostBits) && hasHostBits)
        {
            remedy = $"It has host bits set; the prefix is {prefix}.";
        }

        Add(value, FindingCodes.InvalidAddressPrefix, $"Security rule {context.Id} has invalid Address prefix. Value provided: {Shown(value)}", remedy);
    }

    private static bool TryPrefix(string text, out IpPrefix prefix, out bool hasHostBits)
    {
        if (!IpPrefix.TryParse(text, out prefix, out hasHostBits) || hasHostBits) return false;
        // "::ffff:10.0.0.1" would silently become an IPv4 address.
        return !prefix.IsIPv4 || !text.Contains(':', StringComparison.Ordinal);
    }

    /// <summary>A letter, then letters, digits and dots. Whether the tag exists is known when the policy is compiled.</summary>
    private static bool LooksLikeTag(string text)
    {
        if (text.Length == 0 || !char.IsAsciiLetter(text[0])) return false;
        if (text.Equals("any", StringComparison.OrdinalIgnoreCase) || text.Equals("all", StringComparison.OrdinalIgnoreCase)) return false;
        foreach (char c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '.') return false;
        }

        return text[^1] != '.';
    }

    private bool TryRequired(RuleContext context, string field, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out JsonValue? value)
    {
        value = context.Get(field);
        if (value is null)
        {
            Add(context.Fields, FindingCodes.ParameterMissing,
                $"Required security rule parameter {Title(field)} is missing for security rule with Id: {context.Id}.", $"Add \"{field}\".");
            return false;
        }

        // The expression that stood here could not be worked out, which was reported.
        if (value.Kind == JsonValueKind.Undefined) return false;
        if (value.Kind is JsonValueKind.Object or JsonValueKind.Array)
        {
            Add(value, FindingCodes.InvalidFormat, $"{Title(field)} of security rule {context.Id} must be a single value.", "Write text or a number.");
            return false;
        }

        return true;
    }

    // Expressions that could not be worked out were reported, and are left out.
    private static IReadOnlyList<JsonValue> Elements(JsonValue value, RuleContext context) =>
        value.IsArray ? [.. value.Children.Select(context.Scope.Resolve).Where(element => element.Kind != JsonValueKind.Undefined)]
        : value.Kind == JsonValueKind.Undefined ? []
        : [value];

    private static string Shown(JsonValue value) => value.Kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.Null => "null",
        _ => value.Text,
    };

    /// <summary>An enumeration's values by name, which the framework would gather anew for each rule.</summary>
    private static class Choices<T>
        where T : struct, Enum
    {
        public static readonly (string Name, T Value)[] All = [.. Enum.GetValues<T>().Select(value => (value.ToString(), value))];
    }

    private static string Title(string field) => char.ToUpperInvariant(field[0]) + field[1..];

    private void Add(JsonValue at, string code, string message, string remedy) => findings.Add(at.Origin(file).Error(code, message, remedy));
}
