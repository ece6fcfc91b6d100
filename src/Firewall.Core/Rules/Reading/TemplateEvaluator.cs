using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// Works out an ARM template expression. Knows the functions that exported and hand-written NSG templates use; what depends on the
/// deployment (resource groups, unique strings, references) is refused, or in lenient mode replaced by a word that stands for it.
/// </summary>
internal sealed class TemplateEvaluator(TemplateScope scope, JsonValue site, bool lenient)
{
    private const int MaxText = 65_536;

    /// <exception cref="TemplateException">It depends on the deployment, or is wrong.</exception>
    public JsonValue Evaluate(TemplateExpression expression)
    {
        if (!scope.Spend()) throw new TemplateException("the template's expressions are too much work");
        return expression switch
        {
            TemplateExpression.Literal literal => Text(literal.Value),
            TemplateExpression.Number number => Number(number.Value),
            TemplateExpression.Member member => MemberOf(Evaluate(member.Target), member.Name),
            TemplateExpression.Index index => IndexOf(Evaluate(index.Target), Evaluate(index.Key)),
            TemplateExpression.Call call => Call(call.Name, call.Arguments),
            _ => throw new TemplateException("unknown syntax"),
        };
    }

    private JsonValue Call(string name, IReadOnlyList<TemplateExpression> arguments)
    {
        string function = name.ToLowerInvariant();
        switch (function)
        {
            case "parameters": return scope.Parameter(TextOf(Argument(arguments, 0)), site, lenient);
            case "variables": return scope.Variable(TextOf(Argument(arguments, 0)), site, lenient);
            case "copyindex": return Number(CopyIndex([.. arguments.Select(Evaluate)]));
            // Only the branch that is taken has to make sense.
            case "if": return Truth(Argument(arguments, 0)) ? Argument(arguments, 1) : Argument(arguments, 2);
            case "and": return Bool(arguments.All(argument => Truth(Evaluate(argument))));
            case "or": return Bool(arguments.Any(argument => Truth(Evaluate(argument))));
            case "coalesce": return arguments.Select(Evaluate).FirstOrDefault(value => value.Kind != JsonValueKind.Null) ?? site.With(JsonValueKind.Null);
        }

        IReadOnlyList<JsonValue> values = [.. arguments.Select(Evaluate)];
        return TextFunction(function, values) ?? ListFunction(function, values) ?? ResourceFunction(function, values)
            ?? (lenient ? Text(name) : throw new TemplateException($"the function {name} is not known here"));
    }

    private JsonValue? TextFunction(string function, IReadOnlyList<JsonValue> values)
    {
        switch (function)
        {
            case "string": return Text(Shown(At(values, 0)));
            case "tolower": return Text(TextOf(At(values, 0)).ToLowerInvariant());
            case "toupper": return Text(TextOf(At(values, 0)).ToUpperInvariant());
            case "trim": return Text(TextOf(At(values, 0)).Trim());
            case "replace":
                string wanted = TextOf(At(values, 1));
                return wanted.Length == 0 ? At(values, 0) : Text(TextOf(At(values, 0)).Replace(wanted, TextOf(At(values, 2)), StringComparison.Ordinal));
            case "substring": return Text(Substring(TextOf(At(values, 0)), WholeOf(At(values, 1)), values.Count > 2 ? WholeOf(values[2]) : null));
            case "split": return List(TextOf(At(values, 0)).Split([TextOf(At(values, 1))], StringSplitOptions.None).Select(Text));
            case "join": return Text(string.Join(TextOf(At(values, 1)), At(values, 0).Children.Select(Shown)));
            case "format": return Text(Format(TextOf(At(values, 0)), [.. values.Skip(1)]));
            case "startswith": return Bool(TextOf(At(values, 0)).StartsWith(TextOf(At(values, 1)), StringComparison.OrdinalIgnoreCase));
            case "endswith": return Bool(TextOf(At(values, 0)).EndsWith(TextOf(At(values, 1)), StringComparison.OrdinalIgnoreCase));
            case "padleft": return Text(TextOf(At(values, 0)).PadLeft((int)Math.Clamp(WholeOf(At(values, 1)), 0, 1024), values.Count > 2 ? TextOf(values[2]).FirstOrDefault(' ') : ' '));
            case "int": return Number(WholeOf(At(values, 0)));
            case "bool": return Bool(Truth(At(values, 0)));
            case "add": return Number(unchecked(WholeOf(At(values, 0)) + WholeOf(At(values, 1))));
            case "sub": return Number(unchecked(WholeOf(At(values, 0)) - WholeOf(At(values, 1))));
            case "mul": return Number(unchecked(WholeOf(At(values, 0)) * WholeOf(At(values, 1))));
            case "equals": return Bool(AreEqual(At(values, 0), At(values, 1)));
            case "not": return Bool(!Truth(At(values, 0)));
            case "true": return Bool(true);
            case "false": return Bool(false);
            case "null": return site.With(JsonValueKind.Null);
            default: return null;
        }
    }

    private JsonValue? ListFunction(string function, IReadOnlyList<JsonValue> values)
    {
        switch (function)
        {
            case "concat":
                return values.Any(value => value.IsArray) ? List(values.SelectMany(value => value.Children)) : Text(string.Concat(values.Select(Shown)));
            case "createarray" or "array":
                return function == "array" && At(values, 0).IsArray ? values[0] : List(values);
            case "createobject":
                JsonValue made = site.With(JsonValueKind.Object);
                for (int i = 0; i + 1 < values.Count; i += 2) made.TryAdd(made.Named(TextOf(values[i]), values[i + 1]));
                return made;
            case "union":
                return Union(values);
            case "length":
                return Number(At(values, 0).IsString ? values[0].Text.Length : values[0].Children.Count);
            case "empty":
                return Bool(At(values, 0).IsUnset || (values[0].IsObject && values[0].Children.Count == 0));
            case "first":
                return At(values, 0).IsString ? Text(values[0].Text[..Math.Min(1, values[0].Text.Length)]) : ElementAt(values[0], 0);
            case "last":
                return At(values, 0).IsString ? Text(values[0].Text[Math.Max(0, values[0].Text.Length - 1)..]) : ElementAt(values[0], values[0].Children.Count - 1);
            case "contains":
                return Bool(Contains(At(values, 0), At(values, 1)));
            case "range":
                return List(Enumerable.Range((int)Math.Clamp(WholeOf(At(values, 0)), 0, 100_000), (int)Math.Clamp(WholeOf(At(values, 1)), 0, 800)).Select(i => Number(i)));
            default:
                return null;
        }
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

    private long CopyIndex(IReadOnlyList<JsonValue> values)
    {
        string? loop = values.Count > 0 && values[0].IsString ? values[0].Text : null;
        JsonValue? offset = values.FirstOrDefault(value => value.Kind == JsonValueKind.Number);
        return scope.LoopIndex(loop) + (offset is null ? 0 : WholeOf(offset));
    }

    private JsonValue MemberOf(JsonValue target, string name)
    {
        if (target.IsObject && target.Find(name) is { } value) return scope.Resolve(value);
        return lenient ? Text(target.IsString ? target.Text : name) : throw new TemplateException($"there is no property {name}");
    }

    private JsonValue IndexOf(JsonValue target, JsonValue key)
    {
        if (target.IsObject && key.IsString) return MemberOf(target, key.Text);
        if (target.IsArray && key.Kind == JsonValueKind.Number)
        {
            long index = WholeOf(key);
            if (index >= 0 && index < target.Children.Count) return scope.Resolve(target.Children[(int)index]);
        }

        return lenient ? Text(Shown(target)) : throw new TemplateException("an index leads nowhere");
    }

    private JsonValue Union(IReadOnlyList<JsonValue> values)
    {
        if (values.All(value => value.IsArray)) return List(values.SelectMany(value => value.Children));
        JsonValue made = site.With(JsonValueKind.Object);
        // The last one wins, so it is added first.
        foreach (JsonValue value in values.Reverse())
        {
            foreach (JsonValue child in value.Children)
            {
                if (child.Name is not null && made.Find(child.Name) is null) made.TryAdd(made.Named(child.Name, scope.Resolve(child)));
            }
        }

        return made;
    }

    private static string Format(string format, IReadOnlyList<JsonValue> values)
    {
        try
        {
            return string.Format(CultureInfo.InvariantCulture, format, [.. values.Select(value => (object)Shown(value))]);
        }
        catch (FormatException)
        {
            throw new TemplateException("the format text does not fit its arguments");
        }
    }

    private static string Substring(string text, long start, long? length)
    {
        if (start < 0 || start > text.Length || length < 0 || start + (length ?? 0) > text.Length) throw new TemplateException("substring reaches beyond the text");
        return length is { } count ? text.Substring((int)start, (int)count) : text[(int)start..];
    }

    private static bool Contains(JsonValue container, JsonValue item) => container.Kind switch
    {
        JsonValueKind.String => container.Text.Contains(Shown(item), StringComparison.OrdinalIgnoreCase),
        JsonValueKind.Array => container.Children.Any(child => AreEqual(child, item)),
        JsonValueKind.Object => container.Find(Shown(item)) is not null,
        _ => false,
    };

    private static bool AreEqual(JsonValue left, JsonValue right) =>
        left.Kind == right.Kind && string.Equals(left.Text, right.Text, StringComparison.OrdinalIgnoreCase)
        && left.Children.Count == right.Children.Count && left.Children.Zip(right.Children).All(pair => AreEqual(pair.First, pair.Second));

    private static string Shown(JsonValue value) => value.Kind switch
    {
        JsonValueKind.True => "True",
        JsonValueKind.False => "False",
        JsonValueKind.Object or JsonValueKind.Array => throw new TemplateException("an object or a list stands where text is needed"),
        _ => value.Text,
    };

    private static string TextOf(JsonValue value) => value.Kind is JsonValueKind.String or JsonValueKind.Number
        ? value.Text
        : throw new TemplateException("text is needed");

    private static long WholeOf(JsonValue value) =>
        long.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new TemplateException("a whole number is needed");

    private static bool Truth(JsonValue value) => value.Kind == JsonValueKind.True
        || (value.IsString && value.Text.Equals("true", StringComparison.OrdinalIgnoreCase))
        || (value.Kind is not JsonValueKind.False && !value.Text.Equals("false", StringComparison.OrdinalIgnoreCase)
            ? throw new TemplateException("true or false is needed")
            : false);

    private JsonValue ElementAt(JsonValue list, int index) =>
        index >= 0 && index < list.Children.Count ? scope.Resolve(list.Children[index]) : site.With(JsonValueKind.Null);

    private static JsonValue At(IReadOnlyList<JsonValue> values, int index) =>
        index < values.Count ? values[index] : throw new TemplateException("a function has too few arguments");

    private JsonValue Argument(IReadOnlyList<TemplateExpression> arguments, int index) =>
        index < arguments.Count ? Evaluate(arguments[index]) : throw new TemplateException("a function has too few arguments");

    private JsonValue Text(string text) =>
        text.Length <= MaxText ? site.With(JsonValueKind.String, text) : throw new TemplateException("the text grows too long");

    private JsonValue Number(long value) => site.With(JsonValueKind.Number, value.ToString(CultureInfo.InvariantCulture));

    private JsonValue Bool(bool value) => site.With(value ? JsonValueKind.True : JsonValueKind.False, value ? "true" : "false");

    private JsonValue List(IEnumerable<JsonValue> values)
    {
        JsonValue list = site.With(JsonValueKind.Array);
        foreach (JsonValue value in values)
        {
            if (!scope.Spend()) throw new TemplateException("the template's expressions are too much work");
            JsonValue resolved = scope.Resolve(value);
            list.TryAdd(resolved.Name is null ? resolved : resolved.Unnamed());
        }

        return list;
    }
}
