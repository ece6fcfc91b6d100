using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>Finds the security groups and security rules among an ARM template's resources, also in nested deployments.</summary>
internal sealed class TemplateReader(string file, List<RuleFinding> findings, TopologyReader topology)
{
    private const string GroupType = "Microsoft.Network/networkSecurityGroups";
    private const string RuleType = GroupType + "/securityRules";
    public const string DeploymentType = "Microsoft.Resources/deployments";
    private const int MaxNesting = 8;
    private const int MaxSearch = 64;

    private static readonly string[] s_topology =
    [
        "Microsoft.Network/virtualNetworks", "Microsoft.Network/virtualNetworks/subnets", "Microsoft.Network/networkInterfaces",
        "Microsoft.Network/applicationSecurityGroups",
    ];

    /// <summary>The resource that others stand in: their types and names go on from its own.</summary>
    private readonly record struct Parent(string Type, string? Name);

    /// <summary>A rule that is a resource of its own.</summary>
    internal readonly record struct ChildRule(string Group, string Name, JsonValue Node, TemplateScope Scope);

    public List<(JsonValue Node, TemplateScope Scope)> Groups { get; } = [];

    public List<ChildRule> Rules { get; } = [];

    public void Read(JsonValue template, TemplateScope scope) => ReadResources(template, scope, null, 0);

    private void ReadResources(JsonValue owner, TemplateScope scope, Parent? parent, int nesting)
    {
        if (owner.Find("resources") is not { } resources || resources.IsUnset) return;
        if (!resources.IsArray && !resources.IsObject)
        {
            findings.Add(resources.Origin(file).Error(FindingCodes.InvalidFormat, "resources must be a list.", "Write \"resources\":[…]."));
            return;
        }

        // In language version 2.0 the resources are an object with symbolic names.
        foreach (JsonValue resource in resources.Children)
        {
            if (!resource.IsObject || KindOf(resource, scope, parent) is not { } kind || resource["existing"] is { Kind: JsonValueKind.True }) continue;
            // What a template leaves open of other things does not matter to its rules.
            TemplateScope loops = kind == ResourceKind.Topology ? scope.Quietly() : scope;
            if (resource["copy"] is { IsObject: true } loop && loop["count"] is { } count)
            {
                string name = scope.Text(loop["name"]) ?? "";
                int turns = loops.Count(count);
                for (int i = 0; i < turns; i++) ReadResource(resource, kind, scope.InLoop(name, i), parent, nesting);
            }
            else
            {
                ReadResource(resource, kind, scope, parent, nesting);
            }
        }
    }

    private enum ResourceKind : byte
    {
        Group,
        Rule,
        Topology,
        Deployment,
    }

    /// <summary>What the resource is to us, or null if nothing.</summary>
    private static ResourceKind? KindOf(JsonValue resource, TemplateScope scope, Parent? parent)
    {
        string type = TypeOf(resource, scope, parent);
        if (Is(type, GroupType)) return ResourceKind.Group;
        if (Is(type, RuleType)) return ResourceKind.Rule;
        if (s_topology.Contains(type, StringComparer.OrdinalIgnoreCase)) return ResourceKind.Topology;
        return Is(type, DeploymentType) && HasAny(resource, 0) ? ResourceKind.Deployment : null;
    }

    private static string TypeOf(JsonValue resource, TemplateScope scope, Parent? parent)
    {
        string type = scope.Text(resource["type"]) ?? "";
        // Bicep's form with a version behind the type.
        int version = type.IndexOf('@', StringComparison.Ordinal);
        if (version >= 0) type = type[..version];
        return parent is { } outer && !type.Contains('/', StringComparison.Ordinal) ? $"{outer.Type}/{type}" : type;
    }

    /// <summary>True if there is a security group, anything of one, or what one is associated with, somewhere in a deployment.</summary>
    private static bool HasAny(JsonValue node, int depth) => depth < MaxSearch
        && ((node["type"] is { IsString: true } type && (type.Text.StartsWith(GroupType, StringComparison.OrdinalIgnoreCase) || type.Text[0] == '['
                || s_topology.Contains(type.Text, StringComparer.OrdinalIgnoreCase)))
            || node.Children.Any(child => HasAny(child, depth + 1)));

    private void ReadResource(JsonValue resource, ResourceKind kind, TemplateScope scope, Parent? parent, int nesting)
    {
        TemplateScope asked = kind == ResourceKind.Topology ? scope.Quietly() : scope;
        if (resource["condition"] is { } condition && asked.Resolve(condition) is { } met
            && (met.Kind == JsonValueKind.False || met.Text.Equals("false", StringComparison.OrdinalIgnoreCase)))
        {
            return;
        }

        switch (kind)
        {
            case ResourceKind.Group:
                Groups.Add((resource, scope));
                ReadResources(resource, scope, Within(), nesting);
                break;
            case ResourceKind.Topology:
                topology.TryRead(resource, scope, parent?.Name);
                ReadResources(resource, scope, Within(), nesting);
                break;
            case ResourceKind.Deployment:
                ReadDeployment(resource, scope, nesting);
                break;
            default:
                AddRule(resource, scope, parent?.Name);
                break;
        }

        Parent Within() => new(TypeOf(resource, scope, parent), resource["name"] is { } name ? scope.NameOf(name, isTold: false) : null);
    }

    private void AddRule(JsonValue resource, TemplateScope scope, string? group)
    {
        string? name = resource["name"] is { } given ? scope.NameOf(given) : null;
        int slash = name?.LastIndexOf('/') ?? -1;
        string? owner = slash > 0 ? name![..slash] : group;
        string rule = name is null ? "" : name[(slash + 1)..];
        if (owner is null || !ResourceName.IsValid(rule))
        {
            findings.Add(ResourceName.Invalid((resource["name"] ?? resource).Origin(file), name ?? "(none)"));
            return;
        }

        Rules.Add(new ChildRule(owner, rule, resource, scope));
    }

    private void ReadDeployment(JsonValue resource, TemplateScope scope, int nesting)
    {
        if (resource["properties"]?["template"] is not { IsObject: true } template) return;
        if (nesting >= MaxNesting)
        {
            findings.Add(resource.Origin(file).Error(FindingCodes.InvalidFormat, "Deployments are nested too deep.", "Azure allows five levels."));
            return;
        }

        if (scope.Inside(resource) is { } inner) ReadResources(template, inner, null, nesting + 1);
    }

    private static bool Is(string type, string wanted) => type.Equals(wanted, StringComparison.OrdinalIgnoreCase);
}
