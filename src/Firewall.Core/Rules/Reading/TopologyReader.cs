using System.Globalization;
using System.Text.Json;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Reading;

/// <summary>Reads virtual networks, subnets, network interfaces and application security groups from the same shapes as security groups.</summary>
internal sealed class TopologyReader(string file, List<RuleFinding> findings)
{
    private readonly List<VirtualNetwork> _networks = [];
    private readonly List<Subnet> _subnets = [];
    private readonly List<NetworkInterface> _interfaces = [];
    private readonly List<ApplicationSecurityGroup> _groups = [];

    public NetworkTopology Topology => new()
    {
        VirtualNetworks = [.. _networks],
        Subnets = [.. _subnets],
        NetworkInterfaces = [.. _interfaces],
        ApplicationSecurityGroups = [.. _groups],
    };

    /// <summary>True if the resource is one of these, and was read.</summary>
    /// <param name="node">The resource.</param>
    /// <param name="scope">Works out template expressions.</param>
    /// <param name="parent">The name of the resource that it stands in, if its own name goes on from there.</param>
    public bool TryRead(JsonValue node, TemplateScope scope, string? parent = null)
    {
        if (!node.IsObject) return false;
        // A template may leave addresses to its deployment; its rules can be read all the same.
        scope = scope.Quietly();
        string type = scope.Text(node["type"] ?? node["resourceType"]) ?? "";
        string kind = type.Length > 0 ? ResourceName.Last(type) : GuessKind(node, scope);
        JsonValue fields = node["properties"] is { } nested && scope.Expand(nested) is { IsObject: true } inner ? inner : node;
        string id = scope.Text(node["id"]) ?? (node["name"] is { } name ? scope.NameOf(name) : null) ?? "";
        if (parent is not null && !id.Contains('/', StringComparison.Ordinal)) id = $"{parent}/{kind}/{id}";
        switch (kind.ToUpperInvariant())
        {
            case "VIRTUALNETWORKS": ReadNetwork(fields, scope, id); return true;
            case "SUBNETS": ReadSubnet(fields, scope, id); return true;
            case "NETWORKINTERFACES": ReadInterface(fields, scope, id); return true;
            case "APPLICATIONSECURITYGROUPS": ReadMembers(fields, scope, id); return true;
            default: return false;
        }
    }

    /// <summary>Old clients leave the type out; then the fields tell.</summary>
    private static string GuessKind(JsonValue node, TemplateScope scope)
    {
        JsonValue fields = node["properties"] is { } nested && scope.Resolve(nested) is { IsObject: true } inner ? inner : node;
        if (fields.Find("addressSpace") is { IsObject: true }) return "virtualNetworks";
        if (fields.Find("ipConfigurations") is { IsArray: true } && fields.Find("addressPrefix") is null && fields.Find("addressPrefixes") is null) return "networkInterfaces";
        if (fields.Find("securityRules") is null && (fields.Find("addressPrefix") is not null || fields.Find("addressPrefixes") is not null)) return "subnets";
        return "";
    }

    private void ReadNetwork(JsonValue fields, TemplateScope scope, string id)
    {
        JsonValue? space = fields["addressSpace"] is { } given ? scope.Resolve(given) : null;
        _networks.Add(new VirtualNetwork(id, ReadPrefixes(space, "addressPrefixes", scope), ReadTimeout(fields, scope)));
        if (fields["subnets"] is not { } subnets) return;
        foreach (JsonValue element in scope.Resolve(subnets).Children)
        {
            JsonValue subnet = scope.Resolve(element);
            if (!subnet.IsObject) continue;
            string name = scope.Text(subnet["name"]) ?? "";
            JsonValue inner = subnet["properties"] is { } nested && scope.Resolve(nested) is { IsObject: true } held ? held : subnet;
            ReadSubnet(inner, scope, scope.Text(subnet["id"]) ?? $"{id}/subnets/{name}");
        }
    }

    private int? ReadTimeout(JsonValue fields, TemplateScope scope)
    {
        if (fields["flowTimeoutInMinutes"] is not { } given) return null;
        JsonValue value = scope.Resolve(given);
        if (value.IsUnset) return null;
        if (int.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out int minutes)
            && minutes is >= NsgLimits.MinFlowTimeoutInMinutes and <= NsgLimits.MaxFlowTimeoutInMinutes)
        {
            return minutes;
        }

        findings.Add(value.Origin(file).Error(
            FindingCodes.InvalidFlowTimeout,
            $"The virtual network has an invalid flow timeout. Value provided: {value.Text}. Allowed range {NsgLimits.MinFlowTimeoutInMinutes}-{NsgLimits.MaxFlowTimeoutInMinutes}.",
            "Give whole minutes in that range, or null."));
        return null;
    }

    private void ReadSubnet(JsonValue fields, TemplateScope scope, string id)
    {
        IReadOnlyList<IpPrefix> prefixes = [.. ReadPrefixes(fields, "addressPrefix", scope), .. ReadPrefixes(fields, "addressPrefixes", scope)];
        _subnets.Add(new Subnet(id, [.. prefixes.Distinct()], ReadGroup(fields["networkSecurityGroup"], scope)) { Origin = fields.Origin(file) });
    }

    private void ReadInterface(JsonValue fields, TemplateScope scope, string id)
    {
        List<IpAddress> addresses = [];
        List<string> members = [];
        JsonValue? configurations = fields["ipConfigurations"] is { } given ? scope.Resolve(given) : null;
        foreach (JsonValue element in configurations?.Children ?? [])
        {
            JsonValue configuration = scope.Resolve(element);
            if (!configuration.IsObject) continue;
            JsonValue inner = configuration["properties"] is { } nested && scope.Resolve(nested) is { IsObject: true } held ? held : configuration;
            string? text = scope.Text(inner["privateIPAddress"]);
            if (text is not null && IpAddress.TryParse(text, out IpAddress address)) addresses.Add(address);
            foreach (JsonValue asg in inner["applicationSecurityGroups"] is { } groups ? scope.Resolve(groups).Children : [])
            {
                if (ReadReference(asg, scope) is { } asgId) members.Add(asgId);
            }
        }

        _interfaces.Add(new NetworkInterface(id, addresses, ReadGroup(fields["networkSecurityGroup"], scope), [.. members.Distinct(StringComparer.OrdinalIgnoreCase)]) { Origin = fields.Origin(file) });
    }

    /// <summary>Azure's own resource has no members in it; <c>members</c> is our extension for use without Azure.</summary>
    private void ReadMembers(JsonValue fields, TemplateScope scope, string id) =>
        _groups.Add(new ApplicationSecurityGroup(id, ReadPrefixes(fields, "members", scope)));

    /// <summary>The group that is named. One that only the deployment knows is named by its expression: it is no known group, but not none.</summary>
    private static string? ReadGroup(JsonValue? value, TemplateScope scope) =>
        value is not null && scope.Resolve(value).Kind == JsonValueKind.Undefined ? value.IsEvaluated ? $"[{scope.Text(value)}]" : value.Text : ReadReference(value, scope);

    private static string? ReadReference(JsonValue? value, TemplateScope scope)
    {
        if (value is null) return null;
        JsonValue resolved = scope.Resolve(value);
        return resolved.IsString ? resolved.Text : resolved.IsObject ? scope.Text(resolved["id"]) ?? scope.Text(resolved["name"]) : null;
    }

    private List<IpPrefix> ReadPrefixes(JsonValue? owner, string name, TemplateScope scope)
    {
        List<IpPrefix> prefixes = [];
        if (owner is null || owner[name] is not { } given) return prefixes;
        JsonValue value = scope.Resolve(given);
        foreach (JsonValue element in value.IsArray ? value.Children : [value])
        {
            JsonValue text = scope.Resolve(element);
            if (text.Kind == JsonValueKind.Undefined) continue;
            if (text.IsString && IpPrefix.TryParse(text.Text, out IpPrefix prefix, out bool hasHostBits) && !hasHostBits) prefixes.Add(prefix);
            else findings.Add(text.Origin(file).Error(FindingCodes.InvalidAddressPrefix, $"Not an address prefix without host bits: {text.Text}", "Write a prefix such as 10.0.1.0/24."));
        }

        return prefixes;
    }
}
