using System.Text;
using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <content>Functions on text, and numbers and truth.</content>
internal sealed partial class TemplateEvaluator
{
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
                return wanted.Length == 0 ? At(values, 0) : Text(Replace(TextOf(At(values, 0)), wanted, TextOf(At(values, 2))));
            case "substring": return Text(Substring(TextOf(Known(At(values, 0))), WholeOf(At(values, 1)), values.Count > 2 ? WholeOf(values[2]) : null));
            case "split": return List(TextOf(Known(At(values, 0))).Split(At(values, 1).IsArray ? [.. Items(values[1]).Select(TextOf)] : [TextOf(values[1])], StringSplitOptions.None).Select(Text));
            case "join": return Text(Join(TextOf(At(values, 1)), [.. Items(At(values, 0)).Select(Shown)]));
            case "format": return Text(Format(TextOf(At(values, 0)), [.. values.Skip(1)]));
            case "indexof": return Number(TextOf(Known(At(values, 0))).IndexOf(TextOf(Known(At(values, 1))), StringComparison.OrdinalIgnoreCase));
            case "lastindexof": return Number(TextOf(Known(At(values, 0))).LastIndexOf(TextOf(Known(At(values, 1))), StringComparison.OrdinalIgnoreCase));
            case "json": return Parsed(TextOf(At(values, 0)));
            case "startswith": return Bool(TextOf(Known(At(values, 0))).StartsWith(TextOf(Known(At(values, 1))), StringComparison.OrdinalIgnoreCase));
            case "endswith": return Bool(TextOf(Known(At(values, 0))).EndsWith(TextOf(Known(At(values, 1))), StringComparison.OrdinalIgnoreCase));
            case "padleft": return Text(TextOf(Known(At(values, 0))).PadLeft((int)Math.Clamp(WholeOf(At(values, 1)), 0, 1024), values.Count > 2 ? TextOf(values[2]).FirstOrDefault(' ') : ' '));
            default: return null;
        }
    }

    private JsonValue? NumberFunction(string function, IReadOnlyList<JsonValue> values)
    {
        switch (function)
        {
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
            case "div": return Number(WholeOf(At(values, 0)) / Divisor(values));
            case "mod": return Number(WholeOf(At(values, 0)) % Divisor(values));
            case "min": return Number(Numbers(values).Min());
            case "max": return Number(Numbers(values).Max());
            case "less": return Bool(Compare(values) < 0);
            case "lessorequals": return Bool(Compare(values) <= 0);
            case "greater": return Bool(Compare(values) > 0);
            case "greaterorequals": return Bool(Compare(values) >= 0);
            default: return null;
        }
    }

    private static long Divisor(IReadOnlyList<JsonValue> values) => WholeOf(At(values, 1)) switch
    {
        0 => throw new TemplateException("a division by zero"),
        -1 when WholeOf(values[0]) == long.MinValue => throw new TemplateException("the number is out of range"),
        long divisor => divisor,
    };

    private static string Replace(string text, string wanted, string by)
    {
        Bounded(text.Length + ((long)text.AsSpan().Count(wanted) * (by.Length - wanted.Length)));
        return text.Replace(wanted, by, StringComparison.Ordinal);
    }

    private static string Join(string between, string[] parts)
    {
        Bounded(parts.Sum(part => (long)part.Length) + ((long)between.Length * Math.Max(0, parts.Length - 1)));
        return string.Join(between, parts);
    }

    /// <summary>The most that a format makes: its own text, and for each place the longest argument and the width and digits that are asked for.</summary>
    private static long LengthOf(string format, IReadOnlyList<JsonValue> values)
    {
        long longest = values.Max(value => (long?)Shown(value).Length) ?? 0;
        long length = format.Length;
        long number = 0;
        bool isPlace = false;
        foreach (char c in format)
        {
            if (c == '{') length += longest;
            isPlace = c != '}' && (isPlace || c == '{');
            // Beyond the bound it is long enough, however many digits follow.
            number = isPlace && char.IsAsciiDigit(c) ? Math.Min((number * 10) + (c - '0'), MaxText + 1) : 0;
            length += number;
        }

        return length;
    }

    private int Compare(IReadOnlyList<JsonValue> values)
    {
        (JsonValue left, JsonValue right) = (Known(At(values, 0)), Known(At(values, 1)));
        if (left.Kind == JsonValueKind.Number) return WholeOf(left).CompareTo(WholeOf(right));
        int order = string.Compare(TextOf(left), TextOf(right), StringComparison.OrdinalIgnoreCase);
        // As in a dictionary: where letters differ in their case alone, the small one comes first.
        return order != 0 ? order : string.CompareOrdinal(right.Text, left.Text);
    }

    private IReadOnlyList<long> Numbers(IReadOnlyList<JsonValue> values)
    {
        IReadOnlyList<JsonValue> numbers = values.Count == 1 && values[0].IsArray ? [.. values[0].Children.Select(scope.Resolve)] : values;
        return numbers.Count == 0 ? throw new TemplateException("a function has too few arguments") : [.. numbers.Select(WholeOf)];
    }

    /// <summary>Text of a template that is JSON itself: <c>json('null')</c> is how old templates write null.</summary>
    private JsonValue Parsed(string text)
    {
        List<RuleFinding> wrong = [];
        return JsonTree.Parse(Encoding.UTF8.GetBytes(text), "", wrong) is { } root && wrong.Count == 0
            ? Here(root)
            : throw new TemplateException("the text is not JSON");
    }

    private JsonValue Here(JsonValue parsed)
    {
        if (!scope.Spend()) throw new TemplateException("the template's expressions are too much work");
        JsonValue value = site.With(parsed.Kind, parsed.Text);
        foreach (JsonValue child in parsed.Children)
        {
            JsonValue inner = Here(child);
            value.TryAdd(child.Name is null ? inner.Unnamed() : value.Named(child.Name, inner));
        }

        return value;
    }
}
