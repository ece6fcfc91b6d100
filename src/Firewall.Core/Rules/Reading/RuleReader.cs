using System.Globalization;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>Reads and checks one security rule, in Azure's nested form (<c>properties</c>) or the flat form of its tools.</summary>
internal sealed class RuleReader(string file, List<RuleFinding> findings)
{
    /// <summary>Stands for the name of a rule that has none.</summary>
    public const string Nameless = "?";

    private readonly RuleFieldReader _fields = new(file, findings);

    /// <summary>What the rule that was read last claims in its group, also if it has errors; null if not even that is known.</summary>
    public RuleClaim? Claim { get; private set; }

    /// <summary>The rule, or null with findings.</summary>
    /// <param name="node">The rule's object.</param>
    /// <param name="scope">Works out template expressions.</param>
    /// <param name="group">The group's id or name, for messages.</param>
    /// <param name="knownName">The rule's name if it stands outside of the object.</param>
    public SecurityRule? Read(JsonValue node, TemplateScope scope, string group, string? knownName = null)
    {
        Claim = null;
        node = scope.Resolve(node);
        // Told where it could not be worked out.
        if (node.Kind == JsonValueKind.Undefined) return null;
        if (!node.IsObject)
        {
            findings.Add(node.Origin(file).Error(
                FindingCodes.InvalidFormat,
                "A security rule must be an object.",
                node.IsString ? "PowerShell cut it off: export with ConvertTo-Json -Depth 10." : "Write {\"name\":…,\"properties\":{…}}."));
            return null;
        }

        int before = findings.Count;
        JsonValue? nested = node["properties"];
        JsonValue fields = nested is null ? node : scope.Resolve(nested);
        if (fields.Kind == JsonValueKind.Undefined) return null;
        if (!fields.IsObject)
        {
            findings.Add(fields.Origin(file).Error(FindingCodes.InvalidFormat, "The properties of a security rule must be an object.", "Write \"properties\":{…}."));
            return null;
        }

        string? id = scope.Text(node["id"]);
        string name = knownName ?? ReadName(node, scope, id);
        RuleContext context = new(fields, scope, id ?? $"{group}/securityRules/{name}");
        RuleProtocol protocol = _fields.Protocol(context);
        Access? access = _fields.Choice<Access>(context, "access", FindingCodes.InvalidAccess);
        RuleDirection? direction = _fields.Choice<RuleDirection>(context, "direction", FindingCodes.InvalidDirection);
        int priority = _fields.Priority(context);
        RuleOrigin origin = node.Origin(file);
        Claim = new RuleClaim(name, direction, priority, origin);
        string? description = ReadDescription(context);
        AddressSelector source = _fields.Addresses(context, RuleSide.Source);
        IReadOnlyList<PortRange> sourcePorts = _fields.Ports(context, RuleSide.Source);
        AddressSelector destination = _fields.Addresses(context, RuleSide.Destination);
        IReadOnlyList<PortRange> destinationPorts = _fields.Ports(context, RuleSide.Destination);
        IReadOnlyList<IcmpTypeRange> icmpTypes = _fields.IcmpTypes(context, protocol);
        // An error that was told before this rule, of a loop for example, leaves a field open without another finding.
        if (access is not { } given || direction is not { } way || priority == 0 || findings.FindIndex(before, finding => finding.IsError) >= 0) return null;
        SecurityRule rule = new()
        {
            Name = name,
            Id = id,
            Description = description,
            Protocol = protocol,
            Source = source,
            SourcePorts = sourcePorts,
            Destination = destination,
            DestinationPorts = destinationPorts,
            IcmpTypes = icmpTypes,
            Access = given,
            Priority = priority,
            Direction = way,
            Origin = origin,
        };
        WarnIfDead(rule, fields);
        return rule;
    }

    /// <summary>True for one of the six default rules, which some exports list among the others.</summary>
    public static bool IsDefaultRule(JsonValue node)
    {
        if (!node.IsObject) return false;
        const string Marker = "defaultSecurityRules";
        if (node["type"]?.Text.EndsWith(Marker, StringComparison.OrdinalIgnoreCase) == true) return true;
        if (node["id"]?.Text.Contains("/" + Marker + "/", StringComparison.OrdinalIgnoreCase) == true) return true;
        JsonValue fields = node["properties"] ?? node;
        if (!int.TryParse(fields["priority"]?.Text, NumberStyles.None, CultureInfo.InvariantCulture, out int priority) || priority < DefaultRules.FirstPriority) return false;
        string? name = node["name"]?.Text;
        return DefaultRules.All.Any(rule => rule.Priority == priority && string.Equals(rule.Name, name, StringComparison.OrdinalIgnoreCase));
    }

    private string ReadName(JsonValue node, TemplateScope scope, string? id)
    {
        JsonValue? given = node["name"];
        string? name = given is null ? null : scope.NameOf(given);
        name ??= id is null ? null : ResourceName.Last(id);
        if (name is null)
        {
            if (given is null)
            {
                findings.Add(node.Origin(file).Error(FindingCodes.InvalidName, "The security rule has no name.", "Give it a \"name\", unique in its group."));
            }

            return Nameless;
        }

        // In a template a rule's full name is "group/rule".
        name = name[(name.LastIndexOf('/') + 1)..];
        if (!ResourceName.IsValid(name)) findings.Add(ResourceName.Invalid((given ?? node).Origin(file), name));
        return name;
    }

    private string? ReadDescription(RuleContext context)
    {
        JsonValue? value = context.Get("description");
        if (value is null) return null;
        if (value.Kind is JsonValueKind.Object or JsonValueKind.Array)
        {
            findings.Add(value.Origin(file).Error(FindingCodes.InvalidFormat, "A description must be text.", "Write it as a string."));
            return null;
        }

        if (value.Text.Length > NsgLimits.MaxDescriptionLength)
        {
            findings.Add(value.Origin(file).Error(
                FindingCodes.DescriptionTooLong,
                string.Create(CultureInfo.InvariantCulture, $"The description of security rule {context.Id} has {value.Text.Length} characters. Allowed are {NsgLimits.MaxDescriptionLength}."),
                "Shorten it."));
        }

        return value.Text;
    }

    private void WarnIfDead(SecurityRule rule, JsonValue fields)
    {
        bool hasPorts = rule.Protocol.IsAny || Packets.IpProtocol.HasPorts(rule.Protocol.Number);
        bool anyPort = rule.SourcePorts.Any(range => range.IsAny) && rule.DestinationPorts.Any(range => range.IsAny);
        if (!hasPorts && !anyPort)
        {
            findings.Add(fields.Origin(file).Warning(
                FindingCodes.RuleNeverMatches,
                $"Security rule {rule.Name} can match no packet: {rule.Protocol} has no ports, and the rule asks for some.",
                "Write \"*\" for both port ranges."));
        }

        if (rule.Source.Kind == AddressSelectorKind.Prefixes && rule.Destination.Kind == AddressSelectorKind.Prefixes
            && !rule.Source.Prefixes.Any(source => rule.Destination.Prefixes.Any(destination => source.IsIPv4 == destination.IsIPv4)))
        {
            findings.Add(fields.Origin(file).Warning(
                FindingCodes.RuleNeverMatches,
                $"Security rule {rule.Name} can match no packet: its source is of one IP version and its destination of the other.",
                "Give both sides prefixes of one version."));
        }
    }
}
