using System.Text;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <content>Functions on objects, resources and the deployment, and those that a template brings itself.</content>
internal sealed partial class TemplateEvaluator
{
    private JsonValue? ObjectFunction(string function, IReadOnlyList<JsonValue> values)
    {
        switch (function)
        {
            case "createobject":
                JsonValue made = site.With(JsonValueKind.Object);
                for (int i = 0; i + 1 < values.Count; i += 2) made.TryAdd(made.Named(TextOf(values[i]), values[i + 1]));
                return made;
            case "union":
                return Union(values);
            case "shallowmerge":
                return Merged([.. Items(At(values, 0))], isDeep: false);
            case "tryget":
                return TryGet(values);
            case "objectkeys":
                return List(Properties(At(values, 0)).Select(child => Text(child.Name ?? "")));
            case "items":
                return List(Properties(At(values, 0)).OrderBy(child => child.Name, StringComparer.OrdinalIgnoreCase).Select(Item));
            default:
                return null;
        }
    }

    private static IReadOnlyList<JsonValue> Properties(JsonValue value) =>
        value.IsObject ? value.Children : throw new TemplateException("an object is needed");

    private JsonValue Item(JsonValue property)
    {
        JsonValue item = site.With(JsonValueKind.Object);
        item.TryAdd(item.Named("key", Text(property.Name ?? "")));
        item.TryAdd(item.Named("value", scope.Resolve(property)));
        return item;
    }

    /// <summary>What a path leads to, or null where it ends.</summary>
    private JsonValue TryGet(IReadOnlyList<JsonValue> values)
    {
        JsonValue at = At(values, 0);
        foreach (JsonValue key in values.Skip(1))
        {
            JsonValue? next = Known(at).IsObject && key.IsString ? at.Find(key.Text)
                : at.IsArray && key.Kind == JsonValueKind.Number && WholeOf(key) is >= 0 and long index && index < at.Children.Count ? at.Children[(int)index]
                : null;
            if (next is null) return site.With(JsonValueKind.Null);
            at = scope.Resolve(next);
        }

        return at;
    }

    private JsonValue Union(IReadOnlyList<JsonValue> values)
    {
        if (!values.Any(value => value.IsArray)) return Merged(values, isDeep: true);
        List<JsonValue> distinct = [];
        foreach (JsonValue value in values.SelectMany(Items))
        {
            if (!scope.Spend()) throw new TemplateException("the template's expressions are too much work");
            if (!distinct.Exists(known => AreEqual(known, value))) distinct.Add(value);
        }

        return List(distinct);
    }

    private JsonValue Merged(IReadOnlyList<JsonValue> values, bool isDeep)
    {
        TemplateException.ThrowIfTooDeep();
        JsonValue made = site.With(JsonValueKind.Object);
        // The last one wins, so it is added first.
        foreach (JsonValue value in values.Reverse())
        {
            // Null adds nothing; text could be an object that only the deployment knows.
            foreach (JsonValue child in value.Kind == JsonValueKind.Null ? [] : Properties(value))
            {
                if (child.Name is null || made.Find(child.Name) is not null) continue;
                JsonValue[] all = isDeep ? [.. values.Select(each => each.Find(child.Name)).OfType<JsonValue>().Select(scope.Resolve)] : [];
                bool isMerged = all.Length > 1 && all.All(each => each.IsObject);
                if (!scope.Spend()) throw new TemplateException("the template's expressions are too much work");
                made.TryAdd(made.Named(child.Name, isMerged ? Merged(all, isDeep) : scope.Resolve(child)));
            }
        }

        return made;
    }

    private JsonValue? ResourceFunction(string function, IReadOnlyList<JsonValue> values)
    {
        if (function is not ("resourceid" or "extensionresourceid" or "subscriptionresourceid" or "tenantresourceid")) return null;
        // The type is the first argument with a slash that is no id; before it may stand subscription and resource group.
        int type = 0;
        while (type < values.Count && !(values[type].IsString && values[type].Text.Contains('/', StringComparison.Ordinal) && values[type].Text[0] != '/')) type++;
        if (type == values.Count) throw new TemplateException("resourceId has no resource type");
        string[] parts = values[type].Text.Split('/');
        StringBuilder id = new(ResourceId.TemplatePrefix + "resourceGroups/");
        id.Append(type > 0 ? TextOf(values[type - 1]) : "resourceGroup").Append("/providers/").Append(parts[0]);
        for (int i = 1; i < parts.Length; i++)
        {
            id.Append('/').Append(parts[i]);
            if (type + i < values.Count) id.Append('/').Append(TextOf(values[type + i]));
        }

        return Text(id.ToString());
    }

    /// <summary>
    /// What is known only when the template is deployed. It is worked with as long as it ends in a name, an id or something else that
    /// rules do not depend on.
    /// </summary>
    private JsonValue? DeploymentFunction(string function)
    {
        switch (function.ToLowerInvariant())
        {
            case "resourcegroup" or "subscription" or "tenant" or "managementgroup" or "deployment" or "environment":
                JsonValue made = site.With(JsonValueKind.Object);
                foreach (string name in (string[])["id", "name", "location", "subscriptionId", "tenantId", "displayName"])
                {
                    made.TryAdd(made.Named(name, Open(function)));
                }

                made.TryAdd(made.Named("tags", site.With(JsonValueKind.Object)));
                return made;
            case "uniquestring" or "guid" or "newguid" or "utcnow" or "deployer" or "pickzones":
                return Open(function);
            default:
                return null;
        }
    }

    private JsonValue Open(string word) => Text(TemplateScope.Open(word));

    /// <summary>A function of the template's own, under <c>functions</c>: its value, with its parameters given.</summary>
    private JsonValue CallOwn(JsonValue function, IReadOnlyList<TemplateExpression> arguments)
    {
        JsonValue given = site.With(JsonValueKind.Object);
        IReadOnlyList<JsonValue> parameters = function["parameters"]?.Children ?? [];
        for (int i = 0; i < parameters.Count && i < arguments.Count; i++)
        {
            JsonValue value = site.With(JsonValueKind.Object);
            value.TryAdd(value.Named("value", Evaluate(arguments[i])));
            given.TryAdd(given.Named(parameters[i]["name"]?.Text ?? "", value));
        }

        return function["output"]?.Find("value") is { } output
            ? scope.WithParameters(given).ResolveDeep(output)
            : throw new TemplateException("a function of the template has no output");
    }
}
