namespace Firewall.Core.Rules.Reading;

/// <summary>The rule that is being read, for its field readers.</summary>
/// <param name="Fields">The object that holds the fields.</param>
/// <param name="Scope">Works out template expressions.</param>
/// <param name="Id">The rule's id, for messages.</param>
internal readonly record struct RuleContext(JsonValue Fields, TemplateScope Scope, string Id)
{
    /// <summary>The field's value with expressions worked out, or null if it is not set.</summary>
    public JsonValue? Get(string name)
    {
        JsonValue? value = Fields[name];
        if (value is null) return null;
        JsonValue resolved = Scope.Resolve(value);
        return resolved.IsUnset ? null : resolved;
    }
}
