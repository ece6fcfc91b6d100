using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>Recognises which of Azure's shapes a file has and reads the groups in it.</summary>
internal sealed class ShapeReader
{
    private const string GroupType = "networkSecurityGroups";
    private static readonly string[] s_ruleFields = ["priority", "direction", "access", "protocol"];

    // az network … create wraps what it made.
    private static readonly string[] s_wrappers = ["NewNSG", "NewVNet", "NewNIC", "NewASG", "NewSubnet"];

    // Deployments, blueprints' artifacts and template specs hold a template.
    private static readonly string[] s_templates = ["template", "mainTemplate"];

    private readonly string _file;
    private readonly List<RuleFinding> _findings;
    private readonly RuleReader _rules;
    private readonly TopologyReader _topology;
    private readonly List<GroupBuilder> _groups = [];
    private readonly JsonValue? _parameters;

    /// <param name="file">For findings.</param>
    /// <param name="findings">Gets what is wrong.</param>
    /// <param name="parameters">The values of a template's parameters, each <c>{"value":…}</c>; or null.</param>
    public ShapeReader(string file, List<RuleFinding> findings, JsonValue? parameters = null)
    {
        _parameters = parameters;
        _file = file;
        _findings = findings;
        _rules = new RuleReader(file, findings);
        _topology = new TopologyReader(file, findings);
    }

    /// <summary>What the file says of subnets, network interfaces and virtual networks.</summary>
    public NetworkTopology Network => _topology.Topology;

    public IReadOnlyList<NetworkSecurityGroup> Read(JsonValue root)
    {
        ReadDocument(root);
        foreach (GroupBuilder group in _groups) GroupChecks.Check(group, _findings);
        if (_groups.Count == 0 && Network.IsEmpty && !_findings.Exists(finding => finding.IsError)) UnknownShape(root);
        return [.. _groups.Select(group => group.Build())];
    }

    private void ReadDocument(JsonValue root)
    {
        if (root.IsArray)
        {
            ReadList(root);
        }
        else if (!root.IsObject)
        {
            UnknownShape(root);
        }
        else if (root["error"] is { IsObject: true } error)
        {
            _findings.Add(error.Origin(_file).Error(
                FindingCodes.InvalidFormat,
                $"This is an error answer of Azure, not a security group: {error["code"]?.Text} {error["message"]?.Text}",
                "Repeat the export."));
        }
        else if (root["$schema"]?.Text.Contains("deploymentParameters.json", StringComparison.OrdinalIgnoreCase) == true)
        {
            _findings.Add(root.Origin(_file).Error(
                FindingCodes.InvalidFormat, "This file has the parameters of a template, and no rules.",
                "Give it beside the template: x.parameters.json beside x.json."));
        }
        else if (s_wrappers.Select(name => root[name]).FirstOrDefault(inner => inner is { IsObject: true }) is { } created)
        {
            ReadDocument(created);
        }
        else if (root["responses"]?["200"]?["body"] is { IsObject: true } example)
        {
            // An example of Azure's REST specification.
            ReadDocument(example);
        }
        else if (s_templates.Select(name => root[name] ?? root["properties"]?[name]).FirstOrDefault(inner => inner?.Find("resources") is not null) is { } exported)
        {
            ReadTemplate(exported, TemplateScope.Of(exported, _file, _findings, _parameters));
        }
        else if (root.Find("resources") is not null && (root["$schema"] is not null || root["contentVersion"] is not null || !IsGroup(root)))
        {
            ReadTemplate(root, TemplateScope.Of(root, _file, _findings, _parameters));
        }
        else if ((root.Find("value") ?? (IsGroup(root) ? null : root.Find("data"))) is { IsArray: true } list)
        {
            ReadList(list);
            if (root["nextLink"] is { } more)
            {
                _findings.Add(more.Origin(_file).Warning(
                    FindingCodes.InvalidFormat, "The list goes on in another file (nextLink).", "Export all pages, for example with az network nsg list."));
            }
        }
        else if (IsRule(root))
        {
            ReadRules([root]);
        }
        else if (IsGroup(root))
        {
            ReadGroup(root, TemplateScope.None);
        }
        else if (!_topology.TryRead(root, TemplateScope.None))
        {
            // A group that was written by hand may have no more than a name and properties.
            if (root["type"] is null && root["name"] is not null && root.Find("properties") is { IsUnset: false }) ReadGroup(root, TemplateScope.None);
            else UnknownShape(root);
        }
    }

    /// <summary>A list of groups, or of rules; <c>[]</c> is the rule list of a group without rules.</summary>
    private void ReadList(JsonValue list)
    {
        List<JsonValue> rules = [];
        foreach (JsonValue item in list.Children)
        {
            if (IsRule(item) || item.IsString) rules.Add(item);
            else if (IsGroup(item)) ReadGroup(item, TemplateScope.None);
            else if (!_topology.TryRead(item, TemplateScope.None) && !IsOtherResource(item)) UnknownShape(item);
        }

        if (rules.Count > 0 || list.Children.Count == 0) ReadRules(rules, list);
    }

    /// <summary>Rules without their group: it is named by the rules' ids, or by the file.</summary>
    private void ReadRules(List<JsonValue> rules, JsonValue? list = null)
    {
        if (rules.Count == 0 && list is not null) _groups.Add(new GroupBuilder(NameOfFile(), null, list.Origin(_file)));
        foreach (JsonValue rule in rules)
        {
            string? groupId = rule.IsObject && rule["id"] is { } id ? ResourceName.GroupOf(id.Text) : null;
            GroupBuilder group = FindOrAdd(groupId is null ? NameOfFile() : ResourceName.Last(groupId), groupId, list ?? rule);
            AddRule(group, rule, TemplateScope.None);
        }
    }

    private GroupBuilder FindOrAdd(string name, string? id, JsonValue at)
    {
        GroupBuilder? known = _groups.Find(group => string.Equals(group.Name, name, StringComparison.OrdinalIgnoreCase)
            && (id is null || group.Id is null || string.Equals(group.Id, id, StringComparison.OrdinalIgnoreCase)));
        if (known is not null) return known;
        GroupBuilder added = new(name, id, at.Origin(_file));
        _groups.Add(added);
        return added;
    }

    private void ReadGroup(JsonValue node, TemplateScope scope)
    {
        JsonValue? nested = node["properties"];
        JsonValue fields = nested is null ? node : scope.Expand(nested);
        if (fields.Kind == JsonValueKind.Undefined) return;
        if (!fields.IsObject)
        {
            _findings.Add(fields.Origin(_file).Error(FindingCodes.InvalidFormat, "The properties of a security group must be an object.", "Write \"properties\":{…}."));
            return;
        }

        string? id = scope.Text(node["id"]);
        GroupBuilder group = new(ReadGroupName(node, scope, id), id, node.Origin(_file))
        {
            FlushConnection = ReadFlushConnection(fields, scope),
        };
        _groups.Add(group);
        ReadReferences(fields, "subnets", scope, group.Subnets);
        ReadReferences(fields, "networkInterfaces", scope, group.NetworkInterfaces);
        JsonValue? rules = fields["securityRules"] is { } given ? scope.Resolve(given) : null;
        if (rules is null || rules.IsUnset || rules.Kind == JsonValueKind.Undefined) return;
        if (!rules.IsArray)
        {
            _findings.Add(rules.Origin(_file).Error(
                FindingCodes.InvalidFormat,
                "securityRules must be a list.",
                rules.IsString ? "PowerShell cut it off: export with ConvertTo-Json -Depth 10." : "Write \"securityRules\":[…]."));
            return;
        }

        foreach (JsonValue rule in rules.Children) AddRule(group, rule, scope);
    }

    private void AddRule(GroupBuilder group, JsonValue node, TemplateScope scope)
    {
        if (RuleReader.IsDefaultRule(node)) return;
        group.RuleCount++;
        SecurityRule? rule = _rules.Read(node, scope, group.Id ?? group.Name);
        group.Add(_rules.Claim, rule, _findings);
    }

    private string ReadGroupName(JsonValue node, TemplateScope scope, string? id)
    {
        JsonValue? given = node["name"];
        string? name = given is null ? null : scope.NameOf(given);
        name ??= id is null ? NameOfFile() : ResourceName.Last(id);
        if (!ResourceName.IsValid(name)) _findings.Add(ResourceName.Invalid((given ?? node).Origin(_file), name));
        return name;
    }

    private bool ReadFlushConnection(JsonValue fields, TemplateScope scope)
    {
        if (fields["flushConnection"] is not { } given) return false;
        JsonValue value = scope.Resolve(given);
        if (value.IsUnset) return false;
        if (value.Kind is JsonValueKind.True or JsonValueKind.False or JsonValueKind.String && bool.TryParse(value.Text, out bool flush)) return flush;
        _findings.Add(value.Origin(_file).Error(FindingCodes.InvalidFormat, "flushConnection must be true, false or null.", "Write true or false."));
        return false;
    }

    private static void ReadReferences(JsonValue fields, string name, TemplateScope scope, List<string> ids)
    {
        if (fields[name] is not { } list) return;
        JsonValue resolved = scope.Resolve(list);
        foreach (JsonValue element in resolved.Children)
        {
            JsonValue item = scope.Resolve(element);
            string? id = item.IsObject ? scope.Text(item["id"]) : item.IsString ? item.Text : null;
            if (!string.IsNullOrEmpty(id)) ids.Add(id);
        }
    }

    private void ReadTemplate(JsonValue template, TemplateScope scope)
    {
        TemplateReader reader = new(_file, _findings, _topology);
        reader.Read(template, scope);
        foreach ((JsonValue node, TemplateScope inner) in reader.Groups) ReadGroup(node, inner);
        foreach (TemplateReader.ChildRule child in reader.Rules)
        {
            GroupBuilder group = FindOrAdd(child.Group, null, child.Node);
            int known = group.Claims.Count;
            SecurityRule? rule = _rules.Read(child.Node, child.Scope, group.Id ?? group.Name, child.Name);
            group.Merge(_rules.Claim, rule, _findings);
            group.RuleCount += group.Claims.Count - known;
        }

        if (_groups.Count == 0 && Network.IsEmpty && !_findings.Exists(finding => finding.IsError))
        {
            _findings.Add(template.Origin(_file).Error(
                FindingCodes.InvalidFormat, "The template has no resource of type Microsoft.Network/networkSecurityGroups.", "Give the template that has it."));
        }
    }

    private static bool IsRule(JsonValue node)
    {
        if (!node.IsObject) return false;
        // Other resources have a priority or a protocol too.
        if (TypeOf(node) is { IsString: true } type && type.Text.Contains('/', StringComparison.Ordinal) && !type.Text.EndsWith("securityRules", StringComparison.OrdinalIgnoreCase)) return false;
        JsonValue fields = node["properties"] is { IsObject: true } nested ? nested : node;
        return fields.Find("securityRules") is null && s_ruleFields.Any(field => fields.Find(field) is not null);
    }

    /// <summary>True for a resource of another type in a list of all of them, as of az resource list or a query.</summary>
    private static bool IsOtherResource(JsonValue node) =>
        node.IsObject && node["id"] is { IsString: true } && TypeOf(node) is { IsString: true } type && type.Text.Contains('/', StringComparison.Ordinal);

    /// <summary>Get-AzResource calls it ResourceType.</summary>
    private static JsonValue? TypeOf(JsonValue node) => node["type"] ?? node["resourceType"];

    private static bool IsGroup(JsonValue node)
    {
        if (!node.IsObject) return false;
        if (TypeOf(node) is { } type) return type.Text.EndsWith(GroupType, StringComparison.OrdinalIgnoreCase);
        JsonValue fields = node["properties"] is { IsObject: true } nested ? nested : node;
        return fields.Find("securityRules") is not null || fields.Find("defaultSecurityRules") is not null
            || node["id"]?.Text.Contains("/" + GroupType + "/", StringComparison.OrdinalIgnoreCase) == true
            || fields.Find("flushConnection") is not null;
    }

    private void UnknownShape(JsonValue node) => _findings.Add(node.Origin(_file).Error(
        FindingCodes.InvalidFormat,
        IsEffective(node)
            ? "These are the effective rules of a network interface, not the security groups that they come from."
            : "This is neither a network security group nor a list of security rules.",
        "Give the output of az network nsg show, list or rule list, an ARM resource or template, or Get-AzNetworkSecurityGroup | ConvertTo-Json -Depth 10."));

    private static bool IsEffective(JsonValue node) =>
        node.Find("effectiveSecurityRules") is not null
        || (node["networkInterfaces"]?.Children.Any(nic => nic.Find("securityRuleAssociations") is not null) ?? false);

    private string NameOfFile()
    {
        string name = Path.GetFileNameWithoutExtension(_file);
        return ResourceName.IsValid(name) ? name : "nsg";
    }
}
