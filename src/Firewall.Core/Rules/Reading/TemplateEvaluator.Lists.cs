using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <content>Functions on lists, and those that take a lambda.</content>
internal sealed partial class TemplateEvaluator
{
    /// <summary>Azure's lists have at most 800 elements; a template may join some.</summary>
    private const int MaxElements = 100_000;

    private readonly Stack<(string Name, JsonValue Value)> _lambda = new();

    private JsonValue? ListFunction(string function, IReadOnlyList<JsonValue> values)
    {
        switch (function)
        {
            case "concat":
                return values.Any(value => value.IsArray) ? List(values.SelectMany(value => value.IsArray ? value.Children : throw new TemplateException("concat needs lists alone, or none"))) : Text(Join("", [.. values.Select(Shown)]));
            case "flatten":
                return List(Items(At(values, 0)).SelectMany(value => value.IsArray ? value.Children : throw new TemplateException("flatten needs lists in a list")));
            case "skip" or "take":
                return SkipOrTake(function == "take", At(values, 0), WholeOf(At(values, 1)));
            case "intersection":
                return List(Items(At(values, 0)).Where(value => values.Skip(1).All(other => Items(other).Any(each => AreEqual(each, value)))));
            case "createarray" or "array":
                return function == "array" && At(values, 0).IsArray ? values[0] : List(values);
            case "length":
                return Number(Known(At(values, 0)).IsString ? values[0].Text.Length : values[0].Children.Count);
            case "empty":
                return Bool(Known(At(values, 0)).IsUnset || (values[0].IsObject && values[0].Children.Count == 0));
            case "first":
                return Known(At(values, 0)).IsString ? Text(values[0].Text[..Math.Min(1, values[0].Text.Length)]) : ElementAt(values[0], 0);
            case "last":
                return Known(At(values, 0)).IsString ? Text(values[0].Text[Math.Max(0, values[0].Text.Length - 1)..]) : ElementAt(values[0], values[0].Children.Count - 1);
            case "contains":
                return Bool(Contains(At(values, 0), At(values, 1)));
            case "range":
                return List(Enumerable.Range((int)Math.Clamp(WholeOf(At(values, 0)), 0, 100_000), (int)Math.Clamp(WholeOf(At(values, 1)), 0, 800)).Select(i => Number(i)));
            default:
                return null;
        }
    }

    private IEnumerable<JsonValue> Items(JsonValue list) =>
        list.IsArray ? list.Children.Select(scope.Resolve) : throw new TemplateException("a list is needed");

    private JsonValue SkipOrTake(bool take, JsonValue value, long count)
    {
        int number = (int)Math.Clamp(count, 0, MaxElements);
        if (!value.IsString) return List(take ? Items(value).Take(number) : Items(value).Skip(number));
        number = Math.Min(number, Known(value).Text.Length);
        return Text(take ? value.Text[..number] : value.Text[number..]);
    }

    private JsonValue LambdaVariable(string name)
    {
        foreach ((string known, JsonValue value) in _lambda)
        {
            if (string.Equals(known, name, StringComparison.OrdinalIgnoreCase)) return value;
        }

        throw new TemplateException($"there is no lambda variable {name}");
    }

    private JsonValue LambdaFunction(string function, IReadOnlyList<TemplateExpression> arguments)
    {
        JsonValue given = Argument(arguments, 0);
        if (function == "mapvalues") return Keyed(Properties(given).Select(child => (child.Name ?? "", Apply(function, arguments, ^1, scope.Resolve(child)))));
        List<JsonValue> items = [.. Items(given)];
        switch (function)
        {
            case "map":
                return List([.. items.Select((item, i) => Apply(function, arguments, ^1, item, Number(i)))]);
            case "filter":
                return List([.. items.Where((item, i) => Truth(Apply(function, arguments, ^1, item, Number(i))))]);
            case "reduce":
                return items.Aggregate(Argument(arguments, 1), (sum, item) => Apply(function, arguments, ^1, sum, item));
            case "toobject":
                return Keyed(items.Select(item => (TextOf(Apply(function, arguments, 1, item)), arguments.Count > 2 ? Apply(function, arguments, 2, item) : item)));
            case "groupby":
                return Keyed(items.GroupBy(item => TextOf(Apply(function, arguments, ^1, item)), StringComparer.OrdinalIgnoreCase).Select(group => (group.Key, List(group))));
            default:
                // The lambda says whether the first comes before the second.
                List<JsonValue> sorted = [];
                foreach (JsonValue item in items)
                {
                    int at = sorted.Count;
                    while (at > 0 && Truth(Apply(function, arguments, ^1, item, sorted[at - 1]))) at--;
                    sorted.Insert(at, item);
                }

                return List(sorted);
        }
    }

    /// <summary>The value of a lambda, one of the function's arguments.</summary>
    private JsonValue Apply(string function, IReadOnlyList<TemplateExpression> arguments, Index which, params ReadOnlySpan<JsonValue> values)
    {
        int index = which.GetOffset(arguments.Count);
        if (index >= arguments.Count || arguments[index] is not TemplateExpression.Call { Arguments.Count: > 1 } lambda || !lambda.Name.Equals("lambda", StringComparison.OrdinalIgnoreCase))
        {
            throw new TemplateException($"{function} needs a lambda");
        }

        int count = Math.Min(lambda.Arguments.Count - 1, values.Length);
        for (int i = 0; i < count; i++) _lambda.Push((TextOf(Evaluate(lambda.Arguments[i])), values[i]));
        JsonValue result = Evaluate(lambda.Arguments[^1]);
        for (int i = 0; i < count; i++) _lambda.Pop();
        return result;
    }

    private JsonValue Keyed(IEnumerable<(string Name, JsonValue Value)> properties)
    {
        JsonValue made = site.With(JsonValueKind.Object);
        foreach ((string name, JsonValue value) in properties)
        {
            if (!scope.Spend()) throw new TemplateException("the template's expressions are too much work");
            made.TryAdd(made.Named(name, value));
        }

        return made;
    }
}
