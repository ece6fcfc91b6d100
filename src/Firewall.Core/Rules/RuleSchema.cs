using System.Buffers;
using System.Text.Json;

namespace Firewall.Core.Rules;

/// <summary>
/// The JSON Schema (draft 2020-12) of the rules file as one writes it by hand: the ARM resource, alone, in a list, or in a
/// list with <c>value</c>. Generated from the model's own names and limits, so that editors complete and check what the reader takes.
/// </summary>
public static class RuleSchema
{
    private const string AddressRemark = "An address, a prefix without host bits, a service tag, or *.";

    /// <summary>The schema as indented UTF-8 with a newline at its end; the same bytes every time.</summary>
    public static byte[] ToUtf8()
    {
        ArrayBufferWriter<byte> buffer = new();
        JsonWriterOptions options = new() { Indented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (Utf8JsonWriter json = new(buffer, options)) Write(json);
        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
        json.WriteString("title", "Network security group");
        json.WriteString("description", "Rules in the shape of Azure's network security groups.");
        json.WriteStartArray("oneOf");
        Reference(json, "group");
        json.WriteStartObject();
        json.WriteString("type", "array");
        json.WriteStartObject("items");
        json.WriteString("$ref", "#/$defs/group");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "object");
        Names(json, "required", "value");
        json.WriteStartObject("properties");
        List(json, "value", "group", "A list of groups, as Azure's REST interface gives it.");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteStartObject("$defs");
        WriteGroup(json);
        WriteRule(json);
        WriteRuleProperties(json);
        WriteReference(json);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteGroup(Utf8JsonWriter json)
    {
        json.WriteStartObject("group");
        json.WriteString("type", "object");
        Names(json, "required", "name", "properties");
        json.WriteStartObject("properties");
        Text(json, "$schema", "This schema.");
        WriteName(json, "The group's name.");
        Text(json, "id", "Azure's resource id.");
        Text(json, "type", "Microsoft.Network/networkSecurityGroups");
        Text(json, "location", "Ignored.");
        json.WriteStartObject("properties");
        json.WriteString("type", "object");
        json.WriteStartObject("properties");
        json.WriteStartObject("flushConnection");
        Names(json, "type", "boolean", "null");
        json.WriteString("description", "True: flows that this group allowed are judged again when rules change.");
        json.WriteEndObject();
        json.WriteStartObject("securityRules");
        json.WriteString("type", "array");
        json.WriteNumber("maxItems", NsgLimits.MaxRules);
        json.WriteString("description", "The rules; the lowest priority is looked at first. The six default rules come behind them and are not written.");
        json.WriteStartObject("items");
        json.WriteString("$ref", "#/$defs/rule");
        json.WriteEndObject();
        json.WriteEndObject();
        List(json, "subnets", "reference", "Subnets that the group is associated with.");
        List(json, "networkInterfaces", "reference", "Network interfaces that the group is associated with.");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteRule(Utf8JsonWriter json)
    {
        json.WriteStartObject("rule");
        json.WriteString("type", "object");
        Names(json, "required", "name", "properties");
        json.WriteStartObject("properties");
        WriteName(json, "The rule's name, unique in its group.");
        json.WriteStartObject("properties");
        json.WriteString("$ref", "#/$defs/ruleProperties");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteRuleProperties(Utf8JsonWriter json)
    {
        json.WriteStartObject("ruleProperties");
        json.WriteString("type", "object");
        Names(json, "required", "protocol", "access", "priority", "direction");
        json.WriteStartObject("properties");
        json.WriteStartObject("description");
        Names(json, "type", "string", "null");
        json.WriteNumber("maxLength", NsgLimits.MaxDescriptionLength);
        json.WriteEndObject();
        json.WriteStartObject("protocol");
        json.WriteString("description", "An IP protocol by its name or number; * is every IP protocol.");
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        Names(json, "enum", "Tcp", "Udp", "Icmp", "Icmpv6", "Esp", "Ah", "*");
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "string");
        json.WriteString("pattern", $"^({string.Join('|', ((string[])["Tcp", "Udp", "Icmp", "Icmpv6", "Esp", "Ah"]).Select(AnyCase))}|[0-9]{{1,3}})$");
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "integer");
        json.WriteNumber("minimum", 0);
        json.WriteNumber("maximum", byte.MaxValue);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        Choice<Access>(json, "access", "What happens to a packet that matches.");
        Choice<RuleDirection>(json, "direction", "Inbound rules judge packets to protected addresses, outbound rules packets from them.");
        json.WriteStartObject("priority");
        json.WriteString("type", "integer");
        json.WriteNumber("minimum", NsgLimits.MinPriority);
        json.WriteNumber("maximum", NsgLimits.MaxPriority);
        json.WriteString("description", "Unique in its direction; the lowest is looked at first.");
        json.WriteEndObject();
        foreach (string side in (string[])["source", "destination"]) WriteSide(json, side);
        WriteIcmpTypes(json);
        json.WriteEndObject();
        json.WriteStartArray("allOf");
        foreach (string side in (string[])["source", "destination"])
        {
            ExactlyOne(json, side + "AddressPrefix", side + "AddressPrefixes", side + "ApplicationSecurityGroups");
            ExactlyOne(json, side + "PortRange", side + "PortRanges");
        }

        WriteIcmpCondition(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteIcmpTypes(Utf8JsonWriter json)
    {
        json.WriteStartObject("icmpTypes");
        Names(json, "type", "array", "null");
        json.WriteString("description", "ICMP types and codes, with the protocols Icmp and Icmpv6 only: 8, 133-137, 3/4 or 3/0-3. Without it all match. Azure does not know this property.");
        json.WriteStartObject("items");
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        json.WriteString("type", "string");
        json.WriteString("pattern", "^[0-9]{1,3}(-[0-9]{1,3}|/[0-9]{1,3}(-[0-9]{1,3})?)?$");
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "integer");
        json.WriteNumber("minimum", 0);
        json.WriteNumber("maximum", byte.MaxValue);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>A rule with ICMP types has an ICMP protocol.</summary>
    private static void WriteIcmpCondition(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteStartObject("if");
        Names(json, "required", "icmpTypes");
        json.WriteStartObject("properties");
        json.WriteStartObject("icmpTypes");
        json.WriteString("type", "array");
        json.WriteNumber("minItems", 1);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("then");
        json.WriteStartObject("properties");
        json.WriteStartObject("protocol");
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        json.WriteString("type", "string");
        json.WriteString("pattern", $"^({AnyCase("Icmp")}|{AnyCase("Icmpv6")}|1|58)$");
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteStartArray("enum");
        json.WriteNumberValue(Packets.IpProtocol.Icmp);
        json.WriteNumberValue(Packets.IpProtocol.Icmpv6);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteSide(Utf8JsonWriter json, string side)
    {
        json.WriteStartObject(side + "AddressPrefix");
        Names(json, "type", "string", "null");
        json.WriteString("description", AddressRemark);
        json.WriteStartArray("examples");
        foreach (string example in (string[])["*", "Internet", "VirtualNetwork", "AzureLoadBalancer", "10.0.0.0/24", "fd00::/64"]) json.WriteStringValue(example);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject(side + "AddressPrefixes");
        json.WriteString("type", "array");
        json.WriteNumber("maxItems", NsgLimits.MaxAddressesOrPorts);
        json.WriteString("description", "Addresses and prefixes that do not overlap; no tags and no *.");
        json.WriteStartObject("items");
        json.WriteString("type", "string");
        json.WriteString("pattern", "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$");
        json.WriteEndObject();
        json.WriteEndObject();
        List(json, side + "ApplicationSecurityGroups", "reference", "Application security groups; with one that has no members the rule is not effective.", NsgLimits.MaxApplicationSecurityGroupsPerSide);
        json.WriteStartObject(side + "PortRange");
        json.WriteString("description", "A port, a range, or * for all.");
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        json.WriteString("type", "string");
        json.WriteString("pattern", "^(\\*|[0-9]{1,5}(-[0-9]{1,5})?)?$");
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "integer");
        json.WriteNumber("minimum", 0);
        json.WriteNumber("maximum", ushort.MaxValue);
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "null");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteStartObject(side + "PortRanges");
        json.WriteString("type", "array");
        json.WriteNumber("maxItems", NsgLimits.MaxAddressesOrPorts);
        json.WriteString("description", "Ports and ranges; no *.");
        json.WriteStartObject("items");
        json.WriteString("type", "string");
        json.WriteString("pattern", "^[0-9]{1,5}(-[0-9]{1,5})?$");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteReference(Utf8JsonWriter json)
    {
        json.WriteStartObject("reference");
        json.WriteString("type", "object");
        Names(json, "required", "id");
        json.WriteStartObject("properties");
        Text(json, "id", "Azure's resource id, or a name.");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <summary>One of the fields has a value; null, "" and [] are none.</summary>
    private static void ExactlyOne(Utf8JsonWriter json, params ReadOnlySpan<string> fields)
    {
        json.WriteStartObject();
        json.WriteStartArray("oneOf");
        foreach (string field in fields)
        {
            json.WriteStartObject();
            Names(json, "required", field);
            json.WriteStartObject("properties");
            json.WriteStartObject(field);
            json.WriteStartObject("not");
            json.WriteStartArray("enum");
            json.WriteNullValue();
            json.WriteStringValue("");
            json.WriteStartArray();
            json.WriteEndArray();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Choice<T>(Utf8JsonWriter json, string name, string description)
        where T : struct, Enum
    {
        json.WriteStartObject(name);
        json.WriteString("description", description);
        json.WriteStartArray("anyOf");
        json.WriteStartObject();
        Names(json, "enum", [.. Enum.GetNames<T>().Order(StringComparer.Ordinal)]);
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "string");
        json.WriteString("pattern", $"^({string.Join('|', Enum.GetNames<T>().Order(StringComparer.Ordinal).Select(AnyCase))})$");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteName(Utf8JsonWriter json, string description)
    {
        json.WriteStartObject("name");
        json.WriteString("type", "string");
        json.WriteString("pattern", $"^[A-Za-z0-9]([A-Za-z0-9_.-]{{0,{NsgLimits.MaxNameLength - 2}}}[A-Za-z0-9_])?$");
        json.WriteString("description", description);
        json.WriteEndObject();
    }

    private static void List(Utf8JsonWriter json, string name, string definition, string description, int? maxItems = null)
    {
        json.WriteStartObject(name);
        Names(json, "type", "array", "null");
        if (maxItems is { } max) json.WriteNumber("maxItems", max);
        json.WriteString("description", description);
        json.WriteStartObject("items");
        json.WriteString("$ref", "#/$defs/" + definition);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Text(Utf8JsonWriter json, string name, string description)
    {
        json.WriteStartObject(name);
        json.WriteString("type", "string");
        json.WriteString("description", description);
        json.WriteEndObject();
    }

    private static void Reference(Utf8JsonWriter json, string definition)
    {
        json.WriteStartObject();
        json.WriteString("$ref", "#/$defs/" + definition);
        json.WriteEndObject();
    }

    private static void Names(Utf8JsonWriter json, string property, params ReadOnlySpan<string> names)
    {
        json.WriteStartArray(property);
        foreach (string name in names) json.WriteStringValue(name);
        json.WriteEndArray();
    }

    // JSON Schema's regular expressions have no switch for case.
    private static string AnyCase(string word) =>
        string.Concat(word.Select(c => char.IsAsciiLetter(c) ? $"[{char.ToUpperInvariant(c)}{char.ToLowerInvariant(c)}]" : c.ToString()));
}
