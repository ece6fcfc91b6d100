using System.Globalization;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// Works out an ARM template expression. Knows the functions that exported and hand-written NSG templates use; what depends on the
/// deployment (resource groups, unique strings, references) is refused, or in lenient mode replaced by a word that stands for it.
/// </summary>
internal sealed partial class TemplateEvaluator(TemplateScope scope, JsonValue site, bool lenient)
{
    private const int MaxText = 65_536;

    /// <exception cref="TemplateException">It depends on the deployment, or is wrong.</exception>
    public JsonValue Evaluate(TemplateExpression expression)
    {
        if (!scope.Spend()) throw new TemplateException("the template's expressions are too much work");
        TemplateException.ThrowIfTooDeep();
        return expression switch
        {
            TemplateExpression.Literal literal => Text(literal.Value),
            TemplateExpression.Number number => Number(number.Value),
            TemplateExpression.Member { Name: "value", Target: TemplateExpression.Member { Target: TemplateExpression.Member { Name: "outputs", Target: TemplateExpression.Call call } } output }
                when OutputOf(call, output.Name) is { } value => value,
            TemplateExpression.Member member => MemberOf(Evaluate(member.Target), member.Name),
            TemplateExpression.Index index => IndexOf(Evaluate(index.Target), Evaluate(index.Key)),
            TemplateExpression.Call call => Call(call.Name, call.Arguments),
            _ => throw new TemplateException("unknown syntax"),
        };
    }

    /// <summary>What <c>reference('deployment').outputs.name.value</c> is, if the deployment stands in the template; else null.</summary>
    private JsonValue? OutputOf(TemplateExpression.Call call, string output) =>
        call.Name.Equals("reference", StringComparison.OrdinalIgnoreCase) && call.Arguments.Count > 0 ? scope.Output(TextOf(Evaluate(call.Arguments[0])), output) : null;

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
            case "lambdavariables": return LambdaVariable(TextOf(Argument(arguments, 0)));
            case "map" or "filter" or "reduce" or "sort" or "toobject" or "groupby" or "mapvalues": return LambdaFunction(function, arguments);
        }

        if (name.Contains('.', StringComparison.Ordinal) && scope.Function(name) is { } own) return CallOwn(own, arguments);
        IReadOnlyList<JsonValue> values = [.. arguments.Select(Evaluate)];
        return TextFunction(function, values) ?? NumberFunction(function, values) ?? ListFunction(function, values)
            ?? ObjectFunction(function, values) ?? AddressFunction(function, values) ?? ResourceFunction(function, values) ?? DeploymentFunction(name)
            ?? (lenient ? StandIn(name, values) : throw new TemplateException($"the function {name} is not known here"));
    }

    /// <summary>What stands for a function's value in a name: with what it is asked for, as in <c>reference-asg-web</c>.</summary>
    private JsonValue StandIn(string function, IReadOnlyList<JsonValue> values) =>
        Text(values.Count > 0 && values[0].IsString ? $"{function}-{ResourceName.Last(values[0].Text)}" : function);

    private long CopyIndex(IReadOnlyList<JsonValue> values)
    {
        string? loop = values.Count > 0 && values[0].IsString ? values[0].Text : null;
        JsonValue? offset = values.FirstOrDefault(value => value.Kind == JsonValueKind.Number);
        return scope.LoopIndex(loop) + (offset is null ? 0 : WholeOf(offset));
    }

    private JsonValue MemberOf(JsonValue target, string name)
    {
        if (target.IsObject && target.Find(name) is { } value) return scope.Resolve(value);
        // All that leads to the name, so that two names do not become one.
        return lenient ? Text(target.IsString ? $"{target.Text}.{name}" : name) : throw new TemplateException($"there is no property {name}");
    }

    private JsonValue IndexOf(JsonValue target, JsonValue key)
    {
        if (target.IsObject && key.IsString) return MemberOf(target, key.Text);
        if (target.IsArray && key.Kind == JsonValueKind.Number)
        {
            long index = WholeOf(key);
            if (index >= 0 && index < target.Children.Count) return scope.Resolve(target.Children[(int)index]);
        }

        return lenient ? Text($"{Shown(target)}.{Shown(key)}") : throw new TemplateException("an index leads nowhere");
    }

    private static string Format(string format, IReadOnlyList<JsonValue> values)
    {
        Bounded(LengthOf(format, values));
        try
        {
            return string.Format(CultureInfo.InvariantCulture, format, [.. values.Select(value => value.Kind == JsonValueKind.Number && long.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? (object)number : Shown(value))]);
        }
        catch (FormatException)
        {
            throw new TemplateException("the format text does not fit its arguments");
        }
    }

    private static string Substring(string text, long start, long? length)
    {
        if (start < 0 || start > text.Length || length < 0 || length > text.Length - start) throw new TemplateException("substring reaches beyond the text");
        return length is { } count ? text.Substring((int)start, (int)count) : text[(int)start..];
    }

    /// <summary>Azure's documents: with the case of letters in texts and lists, without it among an object's names.</summary>
    private bool Contains(JsonValue container, JsonValue item) => Known(container).Kind switch
    {
        JsonValueKind.String => container.Text.Contains(Shown(Known(item)), StringComparison.Ordinal),
        JsonValueKind.Array => container.Children.Any(child => AreEqual(scope.Resolve(child), item)),
        JsonValueKind.Object => container.Find(Shown(Known(item))) is not null,
        _ => false,
    };

    /// <summary>With the case of letters: Bicep has another operator without, and writes it as <c>equals</c> of <c>toLower</c>.</summary>
    private bool AreEqual(JsonValue left, JsonValue right)
    {
        TemplateException.ThrowIfTooDeep();
        if (!scope.SpendComparison()) throw new TemplateException("the template's expressions are too much work");
        // What is open is text until it is deployed: it must be known before it is found to be no number.
        if (Known(left).Kind != Known(right).Kind || left.Text != right.Text || left.Children.Count != right.Children.Count) return false;
        return left.IsObject
            ? left.Children.All(child => right.Find(child.Name ?? "") is { } other && AreEqual(scope.Resolve(child), scope.Resolve(other)))
            : left.Children.Zip(right.Children).All(pair => AreEqual(scope.Resolve(pair.First), scope.Resolve(pair.Second)));
    }

    /// <summary>The value, if it does not depend on the deployment: what is decided by it must be known.</summary>
    private JsonValue Known(JsonValue value) =>
        lenient || !TemplateScope.IsOpen(value.Text) ? value : throw new TemplateException(scope.WhyOpen(value.Text));

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

    private JsonValue Text(string text)
    {
        Bounded(text.Length);
        return site.With(JsonValueKind.String, text);
    }

    /// <summary>Ends the expression if a text would be too long; asked before it is built, as it could be gigabytes.</summary>
    private static void Bounded(long length)
    {
        if (length > MaxText) throw new TemplateException("the text grows too long");
    }

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
