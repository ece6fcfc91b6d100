using System.Globalization;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// Where the expressions of an ARM template find their parameters and variables. Outside of a template there are none, and a string
/// that starts with a bracket is just a string.
/// </summary>
internal sealed class TemplateScope
{
    /// <summary>A template that doubles a string in every variable must end somewhere.</summary>
    private const int MaxSteps = 200_000;
    private const int MaxNesting = 64;

    private readonly JsonValue? _template;
    private readonly JsonValue? _given;
    private readonly List<RuleFinding> _findings;
    private readonly string _file;
    private readonly Budget _budget;
    private readonly IReadOnlyList<(string Name, int Index)> _loops;

    private TemplateScope(
        JsonValue? template, JsonValue? given, string file, List<RuleFinding> findings, Budget budget, IReadOnlyList<(string, int)> loops)
    {
        _template = template;
        _given = given;
        _file = file;
        _findings = findings;
        _budget = budget;
        _loops = loops;
    }

    /// <summary>No template: nothing is worked out.</summary>
    public static TemplateScope None { get; } = new(null, null, "", [], new Budget(), []);

    /// <param name="template">The object with <c>parameters</c> and <c>variables</c>.</param>
    /// <param name="file">For findings.</param>
    /// <param name="findings">For expressions that cannot be worked out.</param>
    /// <param name="given">Values for the parameters, each <c>{"value":…}</c>, worked out already; or null.</param>
    public static TemplateScope Of(JsonValue template, string file, List<RuleFinding> findings, JsonValue? given) =>
        new(template, given, file, findings, new Budget(), []);

    /// <summary>The scope of a nested template.</summary>
    public TemplateScope Nested(JsonValue template, JsonValue? given) => new(template, given, _file, _findings, _budget, []);

    /// <summary>The same scope, which keeps to itself what it cannot work out: for what is good to know, but not needed.</summary>
    public TemplateScope Quietly() => new(_template, _given, _file, [], _budget, _loops);

    /// <summary>The scope of one turn of a copy loop.</summary>
    public TemplateScope InLoop(string name, int index) => new(_template, _given, _file, _findings, _budget, [.. _loops, (name, index)]);

    /// <summary>The value with an expression worked out; of kind Undefined, with a finding, if that is not possible.</summary>
    public JsonValue Resolve(JsonValue value)
    {
        if (!IsExpression(value)) return Unescaped(value);
        try
        {
            return Evaluate(value, lenient: false);
        }
        catch (TemplateException error)
        {
            Report(value, error.Message);
            return value.With(JsonValueKind.Undefined);
        }
    }

    /// <summary>The text of a value that is not needed: null if it is not there, no text, or cannot be worked out.</summary>
    public string? Text(JsonValue? value)
    {
        if (value is null) return null;
        try
        {
            JsonValue resolved = IsExpression(value) ? Evaluate(value, lenient: true) : Unescaped(value);
            return resolved.IsString && resolved.Text.Length > 0 ? resolved.Text : null;
        }
        catch (TemplateException)
        {
            return null;
        }
    }

    /// <summary>
    /// A name. What is known only when the template is deployed (a parameter without a default, a unique string) is replaced by a
    /// word that stands for it, with a warning: rules mean the same under any name.
    /// </summary>
    public string? NameOf(JsonValue value)
    {
        if (!IsExpression(value)) return Unescaped(value) is { Kind: JsonValueKind.String or JsonValueKind.Number, Text.Length: > 0 } plain ? plain.Text : null;
        try
        {
            return Evaluate(value, lenient: false) is { IsString: true } exact ? exact.Text : null;
        }
        catch (TemplateException error)
        {
            string? name = Text(value);
            if (name is null) return null;
            char[] letters = [.. name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.' ? c : '-')];
            name = new string(letters).Trim('-', '.');
            if (_budget.Named.Add(name))
            {
                _findings.Add(value.Origin(_file).Warning(
                    FindingCodes.TemplateExpression, $"The name {value.Text} is known only when the template is deployed: {error.Message}", $"It is called {name} here."));
            }

            return name;
        }
    }

    /// <summary>An object with its <c>copy</c> loops carried out.</summary>
    public JsonValue Expand(JsonValue node)
    {
        JsonValue resolved = Resolve(node);
        if (_template is null || resolved["copy"] is not { IsArray: true } loops) return resolved;
        JsonValue expanded = resolved.With(JsonValueKind.Object);
        foreach (JsonValue child in resolved.Children)
        {
            if (!string.Equals(child.Name, "copy", StringComparison.OrdinalIgnoreCase)) expanded.TryAdd(child);
        }

        foreach (JsonValue loop in loops.Children)
        {
            string? name = loop.IsObject ? Text(loop["name"]) : null;
            if (name is null || loop["count"] is not { } count || loop["input"] is not { } input)
            {
                Report(loop, "a copy loop needs name, count and input");
                continue;
            }

            JsonValue turns = input.With(JsonValueKind.Array);
            for (int i = 0; i < Count(count); i++)
            {
                turns.TryAdd(InLoop(name, i).ResolveDeep(input));
            }

            expanded.TryAdd(expanded.Named(name, turns));
        }

        return expanded;
    }

    /// <summary>How often a copy loop runs; 0 with a finding if that is not known.</summary>
    public int Count(JsonValue count)
    {
        JsonValue value = Resolve(count);
        if (value.Kind == JsonValueKind.Undefined) return 0;
        // Azure's own limit for copy loops.
        if (int.TryParse(value.Text, NumberStyles.None, CultureInfo.InvariantCulture, out int turns) && turns <= 800) return turns;
        Report(count, "the count of a copy loop must be a number from 0 to 800");
        return 0;
    }

    /// <summary>The value with all expressions in it worked out.</summary>
    public JsonValue ResolveDeep(JsonValue value)
    {
        JsonValue resolved = Resolve(value);
        if (!resolved.IsObject && !resolved.IsArray) return resolved.IsEvaluated ? resolved : resolved.With(resolved.Kind, resolved.Text);
        if (!Spend()) return resolved.With(JsonValueKind.Undefined);
        JsonValue copy = resolved.With(resolved.Kind);
        foreach (JsonValue child in resolved.Children)
        {
            JsonValue inner = ResolveDeep(child);
            copy.TryAdd(child.Name is null ? inner : copy.Named(child.Name, inner));
        }

        return copy;
    }

    /// <summary>Reports what a template leaves open.</summary>
    public void Report(JsonValue value, string why) => _findings.Add(value.Origin(_file).Error(
        FindingCodes.TemplateExpression,
        $"This cannot be worked out without deploying the template: {(value.IsString ? value.Text : "the value")}: {why}.",
        "Give the parameter a defaultValue, write the value itself, or export the deployed group with az network nsg show."));

    /// <summary>For expressions: a parameter's value.</summary>
    public JsonValue Parameter(string name, JsonValue site, bool lenient)
    {
        if (_given?[name] is { } given)
        {
            if (given.IsObject && given["reference"] is not null) throw new TemplateException($"parameter {name} is in a key vault");
            return given.IsObject && given.Find("value") is { } value ? value : given;
        }

        if (_template?["parameters"]?[name] is { IsObject: true } declared && declared.Find("defaultValue") is { } fallback)
        {
            return EvaluateNested(fallback, lenient);
        }

        return lenient ? site.With(JsonValueKind.String, name) : throw new TemplateException($"parameter {name} has no value");
    }

    /// <summary>For expressions: a variable's value.</summary>
    public JsonValue Variable(string name, JsonValue site, bool lenient)
    {
        if (_template?["variables"] is { IsObject: true } variables)
        {
            if (variables.Find(name) is { } value) return EvaluateNested(value, lenient);
            if (variables["copy"] is not null && Expand(variables).Find(name) is { } looped) return looped;
        }

        return lenient ? site.With(JsonValueKind.String, name) : throw new TemplateException($"there is no variable {name}");
    }

    /// <summary>For expressions: the turn of a copy loop, the innermost if none is named.</summary>
    public int LoopIndex(string? name)
    {
        for (int i = _loops.Count - 1; i >= 0; i--)
        {
            if (name is null || string.Equals(_loops[i].Name, name, StringComparison.OrdinalIgnoreCase)) return _loops[i].Index;
        }

        throw new TemplateException("copyIndex stands outside of a copy loop");
    }

    /// <summary>Counts a step of work; false when there were too many.</summary>
    public bool Spend() => ++_budget.Steps <= MaxSteps;

    private JsonValue EvaluateNested(JsonValue value, bool lenient)
    {
        if (!IsExpression(value)) return value.IsObject || value.IsArray ? value : Unescaped(value);
        return Evaluate(value, lenient);
    }

    private JsonValue Evaluate(JsonValue value, bool lenient)
    {
        if (!Spend() || _budget.Nesting >= MaxNesting) throw new TemplateException("the expression is too complex, or refers to itself");
        _budget.Nesting++;
        try
        {
            TemplateExpression expression = TemplateExpression.Parse(value.Text.AsSpan(1, value.Text.Length - 2));
            return new TemplateEvaluator(this, value, lenient).Evaluate(expression);
        }
        finally
        {
            _budget.Nesting--;
        }
    }

    private bool IsExpression(JsonValue value) => _template is not null && value is { IsString: true, IsEvaluated: false }
        && value.Text.Length > 2 && value.Text[0] == '[' && value.Text[1] != '[' && value.Text[^1] == ']';

    private JsonValue Unescaped(JsonValue value) =>
        _template is not null && value is { IsString: true, IsEvaluated: false } && value.Text.StartsWith("[[", StringComparison.Ordinal)
            ? value.With(JsonValueKind.String, value.Text[1..])
            : value;

    private sealed class Budget
    {
        public int Steps { get; set; }

        public int Nesting { get; set; }

        public HashSet<string> Named { get; } = new(StringComparer.OrdinalIgnoreCase);
    }
}
