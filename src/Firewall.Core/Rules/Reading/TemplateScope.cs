using System.Globalization;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// Where the expressions of an ARM template find their parameters and variables. Outside of a template there are none, and a string
/// that starts with a bracket is just a string.
/// </summary>
internal sealed class TemplateScope
{
    /// <summary>
    /// Stand around a word for text that is known only when the template is deployed. Unicode keeps the characters for private use, so
    /// no file means them; they never leave this folder.
    /// </summary>
    private const char OpenMark = '\uE000';
    private const char CloseMark = '\uE001';

    /// <summary>A template that doubles a string in every variable must end somewhere.</summary>
    private const int MaxSteps = 200_000;

    // A second's work; the largest real templates compare some thousand times.
    private const int MaxComparisons = 10_000_000;
    private const int MaxNesting = 64;

    private readonly JsonValue? _template;
    private readonly JsonValue? _given;
    private readonly List<RuleFinding> _findings;
    private readonly string _file;
    private readonly Budget _budget;
    private readonly IReadOnlyList<Loop> _loops;
    private readonly bool _isQuiet;

    private TemplateScope(
        JsonValue? template, JsonValue? given, string file, List<RuleFinding> findings, Budget budget, IReadOnlyList<Loop> loops, bool isQuiet = false)
    {
        _isQuiet = isQuiet;
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

    /// <summary>The scope of the template within a deployment; null if it brings none, but a link.</summary>
    public TemplateScope? Inside(JsonValue deployment)
    {
        if (deployment["properties"] is not { IsObject: true } properties || properties["template"] is not { IsObject: true } template) return null;
        bool isInner = string.Equals(Text(properties["expressionEvaluationOptions"]?["scope"]), "inner", StringComparison.OrdinalIgnoreCase);
        if (!isInner) return this;
        // What cannot be worked out is told where a rule needs it.
        JsonValue? given = properties["parameters"] is { } parameters ? Quietly().ResolveDeep(parameters) : null;
        return new TemplateScope(template, given, _file, _findings, _budget, []);
    }

    /// <summary>The same scope, which keeps to itself what it cannot work out: for what is good to know, but not needed.</summary>
    public TemplateScope Quietly() => new(_template, _given, _file, [], _budget, _loops, isQuiet: true);

    /// <summary>The scope of one turn of a resource's copy loop.</summary>
    public TemplateScope InLoop(string name, int index) => WithLoop(new Loop(name, index, true));

    /// <summary>For expressions: the scope of a function of the template's own, whose parameters are given.</summary>
    public TemplateScope WithParameters(JsonValue given) => new(_template, given, _file, _findings, _budget, _loops, _isQuiet);

    /// <summary>
    /// The value with an expression and copy loops worked out; of kind Undefined, with a finding, if that is not possible, or depends on
    /// the deployment.
    /// </summary>
    public JsonValue Resolve(JsonValue value)
    {
        JsonValue resolved = ResolveOpen(value);
        // Within an expression it is for the whole of it to say.
        if (_template is null || !IsOpen(resolved.Text) || _budget.Nesting > 0) return resolved;
        Report(value, WhyOpen(resolved.Text));
        return value.With(JsonValueKind.Undefined);
    }

    /// <summary>Text that is known only when the template is deployed.</summary>
    /// <param name="word">The parameter or function that gives it.</param>
    public static string Open(string word) => OpenMark + word + CloseMark;

    /// <summary>True if the text, or a part of it, is known only when the template is deployed.</summary>
    public static bool IsOpen(string text) => text.Contains(OpenMark, StringComparison.Ordinal);

    /// <summary>For expressions: the value with an expression or copy loops worked out.</summary>
    /// <exception cref="TemplateException">It is wrong, or there is nothing that could stand for it.</exception>
    public JsonValue EvaluateStrictly(JsonValue value) => EvaluateNested(value, lenient: false);

    /// <summary>The text of a value that is not needed: null if it is not there, no text, or cannot be worked out.</summary>
    public string? Text(JsonValue? value)
    {
        if (value is null) return null;
        try
        {
            JsonValue resolved = IsExpression(value) ? Evaluate(value, lenient: true) : Unescaped(value);
            return resolved.IsString && resolved.Text.Length > 0 ? Closed(resolved.Text) : null;
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
    /// <param name="value">The name as written.</param>
    /// <param name="isTold">False to leave the warning to a later call.</param>
    public string? NameOf(JsonValue value, bool isTold = true)
    {
        string why = "";
        try
        {
            JsonValue exact = IsExpression(value) ? EvaluateStrictly(value) : Unescaped(value);
            if (exact is not { Kind: JsonValueKind.String or JsonValueKind.Number, Text.Length: > 0 }) return null;
            if (_template is null || !IsOpen(exact.Text)) return exact.Text;
            why = WhyOpen(exact.Text);
        }
        catch (TemplateException error)
        {
            why = error.Message;
        }

        string? name = Text(value);
        if (name is null) return null;
        char[] letters = [.. name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_' or '.' ? c : '-')];
        name = new string(letters).Trim('-', '.');
        if (isTold && _budget.Named.Add(name))
        {
            _findings.Add(value.Origin(_file).Warning(
                FindingCodes.TemplateExpression, $"The name {Closed(value.Text)} is known only when the template is deployed: {why}.", $"It is called {name} here."));
        }

        return name;
    }

    /// <summary>An object with its <c>copy</c> loops carried out.</summary>
    public JsonValue Expand(JsonValue node) => Resolve(node);

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

    /// <summary>The value with all expressions in it worked out, as far as that is possible without the deployment.</summary>
    public JsonValue ResolveDeep(JsonValue value)
    {
        JsonValue resolved = ResolveOpen(value);
        if (!resolved.IsObject && !resolved.IsArray) return resolved.IsEvaluated ? resolved : resolved.With(resolved.Kind, resolved.Text);
        try
        {
            if (!Spend()) throw new TemplateException("the template's expressions are too much work");
            TemplateException.ThrowIfTooDeep();
        }
        catch (TemplateException error)
        {
            return Unknown(value, error);
        }

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
        $"Give its parameters values in {Path.GetFileNameWithoutExtension(_file)}{NsgReader.ParametersSuffix} beside the template, write the value itself, or export the deployed group with az network nsg show."));

    /// <summary>For expressions: a parameter's value.</summary>
    public JsonValue Parameter(string name, JsonValue site, bool lenient)
    {
        if (_given?[name] is { } given)
        {
            if (given.IsObject && given["reference"] is not null) throw new TemplateException($"parameter {name} is in a key vault");
            return given.IsObject && given.Find("value") is { } value ? value : given;
        }

        if (_template?["parameters"]?[name] is { IsObject: true } declared)
        {
            bool isNullable = IsNullable(declared, 0);
            // A parameter that must not be null, with null for its default, waits for a value.
            if (declared.Find("defaultValue") is { } fallback && (isNullable || fallback.Kind != JsonValueKind.Null)) return EvaluateNested(fallback, lenient);
            if (isNullable) return site.With(JsonValueKind.Null);
            // Text that a deployment will give may stand in names and ids.
            if (!lenient && declared["type"] is { } type && type.Text.Equals("string", StringComparison.OrdinalIgnoreCase)) return site.With(JsonValueKind.String, Open(name));
        }

        return lenient ? site.With(JsonValueKind.String, name) : throw new TemplateException($"parameter {name} has no value");
    }

    /// <summary>For expressions: a variable's value.</summary>
    public JsonValue Variable(string name, JsonValue site, bool lenient)
    {
        if (_template?["variables"] is { IsObject: true } variables)
        {
            if (variables.Find(name) is { } value) return EvaluateNested(value, lenient);
            if (HasLoops(variables) && CarryOut(variables).Find(name) is { } looped) return looped;
        }

        return lenient ? site.With(JsonValueKind.String, name) : throw new TemplateException($"there is no variable {name}");
    }

    /// <summary>
    /// For expressions: the turn of a copy loop. Without a name it is the resource's loop, also in a loop over properties, as in Azure.
    /// </summary>
    public int LoopIndex(string? name)
    {
        Loop? found = null;
        foreach (Loop loop in _loops)
        {
            bool isMeant = name is null ? loop.IsResource || found is not { IsResource: true } : string.Equals(loop.Name, name, StringComparison.OrdinalIgnoreCase);
            if (isMeant) found = loop;
        }

        return found?.Index ?? throw new TemplateException("copyIndex stands outside of a copy loop");
    }

    /// <summary>For expressions: a function of the template's own, <c>namespace.name</c>, or null.</summary>
    public JsonValue? Function(string name)
    {
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        return _template?["functions"]?.Children.FirstOrDefault(space =>
            space["namespace"] is { } given && name.AsSpan(0, dot).Equals(given.Text, StringComparison.OrdinalIgnoreCase))?["members"]?[name[(dot + 1)..]];
    }

    /// <summary>For expressions: the value of an output of a deployment in this template; null if there is none.</summary>
    /// <param name="deployment">Its symbolic name, its name, or its id.</param>
    /// <param name="output">The output's name.</param>
    /// <exception cref="TemplateException">The output cannot be worked out.</exception>
    public JsonValue? Output(string deployment, string output)
    {
        string name = ResourceName.Last(Closed(deployment));
        JsonValue? found = _template?["resources"]?.Children.FirstOrDefault(resource => resource.IsObject && resource["copy"] is null
            && string.Equals(Text(resource["type"]), TemplateReader.DeploymentType, StringComparison.OrdinalIgnoreCase)
            && (string.Equals(resource.Name, name, StringComparison.OrdinalIgnoreCase) || string.Equals(Text(resource["name"]), name, StringComparison.OrdinalIgnoreCase)));
        return found?["properties"]?["template"]?["outputs"]?[output]?.Find("value") is { } value ? Inside(found)?.ResolveDeep(value) : null;
    }

    /// <summary>Counts a step of work; false when there were too many.</summary>
    public bool Spend() => ++_budget.Steps <= MaxSteps;

    /// <summary>Counts a comparison of two values, of which a search in a list makes many; false when there were too many.</summary>
    public bool SpendComparison() => ++_budget.Comparisons <= MaxComparisons;

    private JsonValue EvaluateNested(JsonValue value, bool lenient)
    {
        if (IsExpression(value)) return Evaluate(value, lenient);
        return HasLoops(value) ? CarryOut(value) : Unescaped(value);
    }

    /// <summary>The value worked out, where it may hold text that is known only when the template is deployed.</summary>
    private JsonValue ResolveOpen(JsonValue value)
    {
        try
        {
            return EvaluateStrictly(value);
        }
        catch (TemplateException error)
        {
            return Unknown(value, error);
        }
    }

    /// <summary>What stands for a value that cannot be worked out: nothing and a finding, or the reason if it is told where a rule needs the value.</summary>
    private JsonValue Unknown(JsonValue value, TemplateException error)
    {
        // Within an expression it is for the whole of it to say.
        if (_budget.Nesting > 0) throw error;
        if (_isQuiet) return value.With(JsonValueKind.String, Open(Text(value) ?? error.Message));
        Report(value, error.Message);
        return value.With(JsonValueKind.Undefined);
    }

    /// <summary>True for an object that is written with loops over its properties. The loop of a resource is no list.</summary>
    private bool HasLoops(JsonValue value) => _template is not null && value is { IsObject: true, IsEvaluated: false } && value["copy"] is { IsArray: true };

    private JsonValue CarryOut(JsonValue value)
    {
        JsonValue expanded = value.With(JsonValueKind.Object);
        foreach (JsonValue child in value.Children)
        {
            if (!string.Equals(child.Name, "copy", StringComparison.OrdinalIgnoreCase)) expanded.TryAdd(child);
        }

        foreach (JsonValue loop in value["copy"]?.Children ?? [])
        {
            string? name = loop.IsObject ? Text(loop["name"]) : null;
            if (name is null || loop["count"] is not { } count || loop["input"] is not { } input)
            {
                Report(loop, "a copy loop needs name, count and input");
                continue;
            }

            JsonValue turns = input.With(JsonValueKind.Array);
            int times = Count(count);
            for (int i = 0; i < times; i++) turns.TryAdd(WithLoop(new Loop(name, i, false)).ResolveDeep(input).Unnamed());
            expanded.TryAdd(expanded.Named(name, turns));
        }

        return expanded;
    }

    private TemplateScope WithLoop(Loop loop) => new(_template, _given, _file, _findings, _budget, [.. _loops, loop], _isQuiet);

    private bool IsNullable(JsonValue declared, int depth)
    {
        if (declared["nullable"] is { Kind: JsonValueKind.True }) return true;
        const string Definitions = "#/definitions/";
        return depth < 16 && declared["$ref"] is { IsString: true } reference && reference.Text.StartsWith(Definitions, StringComparison.OrdinalIgnoreCase)
            && _template?["definitions"]?[reference.Text[Definitions.Length..]] is { } definition && IsNullable(definition, depth + 1);
    }

    /// <summary>Says what open text waits for: its first word.</summary>
    public string WhyOpen(string text)
    {
        string word = text[(text.IndexOf(OpenMark, StringComparison.Ordinal) + 1)..];
        int end = word.IndexOf(CloseMark, StringComparison.Ordinal);
        if (end >= 0) word = word[..end];
        // A reason that says it all, where no word could stand for the value.
        if (word.Contains(' ', StringComparison.Ordinal)) return word;
        return _template?["parameters"]?[word] is null ? $"{word} is known only then" : $"parameter {word} has no value";
    }

    private static string Closed(string text) => string.Concat(text.Where(c => c is not (OpenMark or CloseMark)));

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

    private sealed record Loop(string Name, int Index, bool IsResource);

    private sealed class Budget
    {
        public int Steps { get; set; }

        public int Comparisons { get; set; }

        public int Nesting { get; set; }

        public HashSet<string> Named { get; } = new(StringComparer.OrdinalIgnoreCase);
    }
}
