using System.Text;
using System.Text.Json;
using Firewall.Core.Rules.Reading;

namespace Firewall.Core.Rules.Cases;

/// <summary>
/// Reads the part of YAML that lists of expectations are written in: block sequences and mappings, plain and quoted scalars on one
/// line, comments. Everything else (flow collections, anchors, tags, block scalars, several documents) is refused with its line,
/// so that nothing is read with another meaning than YAML gives it.
/// </summary>
internal sealed class YamlTree
{
    private const string Code = "InvalidYaml";
    private const int MaxDepth = 16;

    private readonly List<Line> _lines = [];
    private int _at;

    /// <summary>The root, or null with a finding.</summary>
    public static JsonValue? Parse(ReadOnlyMemory<byte> utf8, string file, List<RuleFinding> findings)
    {
        YamlTree tree = new();
        try
        {
            tree.Split(Encoding.UTF8.GetString(utf8.Span));
            if (tree._lines.Count == 0) throw new YamlException(1, "the file has no content");
            JsonValue root = tree.Block(tree._lines[0].Indent, null, null, 0, 0);
            if (tree._at < tree._lines.Count) throw new YamlException(tree._lines[tree._at].Number, "this line is not indented like those before");
            return root;
        }
        catch (YamlException error)
        {
            findings.Add(new RuleOrigin(file, "", error.Line).Error(
                Code, $"Line {error.Line} is not understood: {error.Message}.", "Write lists of \"key: value\" lines, and quote values with special characters; or write JSON."));
            return null;
        }
    }

    private void Split(string text)
    {
        int number = 0;
        foreach (ReadOnlySpan<char> raw in text.AsSpan().EnumerateLines())
        {
            number++;
            ReadOnlySpan<char> line = WithoutComment(raw).TrimEnd();
            if (line.IsEmpty || (line is "---" && _lines.Count == 0)) continue;
            int indent = line.IndexOfAnyExcept(' ');
            if (line[indent] == '\t') throw new YamlException(number, "a tab stands where only spaces may indent");
            _lines.Add(new Line(number, indent, line[indent..].ToString()));
        }
    }

    private JsonValue Block(int indent, JsonValue? parent, string? name, int index, int depth)
    {
        Line first = _lines[_at];
        if (depth > MaxDepth) throw new YamlException(first.Number, "it is nested too deep");
        bool isSequence = IsItem(first.Text);
        JsonValue block = new(isSequence ? JsonValueKind.Array : JsonValueKind.Object, "", parent, name, index, first.Number);
        while (_at < _lines.Count && _lines[_at].Indent == indent && IsItem(_lines[_at].Text) == isSequence)
        {
            if (isSequence) Item(block, indent, depth);
            else Pair(block, indent, depth);
        }

        if (_at < _lines.Count && _lines[_at].Indent > indent) throw new YamlException(_lines[_at].Number, "it is indented too far");
        return block;
    }

    private void Item(JsonValue list, int indent, int depth)
    {
        Line line = _lines[_at];
        string rest = line.Text.Length == 1 ? "" : line.Text[1..].TrimStart();
        int index = list.Children.Count;
        if (rest.Length == 0)
        {
            _at++;
            list.TryAdd(_at < _lines.Count && _lines[_at].Indent > indent
                ? Block(_lines[_at].Indent, list, null, index, depth + 1)
                : new JsonValue(JsonValueKind.Null, "", list, null, index, line.Number));
        }
        else if (IsItem(rest) || ColonOf(rest) >= 0)
        {
            // The rest of the line is the first line of a block that stands at its own column.
            _lines[_at] = new Line(line.Number, indent + line.Text.Length - rest.Length, rest);
            list.TryAdd(Block(_lines[_at].Indent, list, null, index, depth + 1));
        }
        else
        {
            _at++;
            list.TryAdd(Scalar(rest, line.Number, list, null, index));
        }
    }

    private void Pair(JsonValue map, int indent, int depth)
    {
        Line line = _lines[_at++];
        int colon = ColonOf(line.Text);
        if (colon <= 0) throw new YamlException(line.Number, "\"key: value\" is expected");
        string key = Scalar(line.Text[..colon].TrimEnd(), line.Number, null, null, 0).Text;
        string rest = line.Text[(colon + 1)..].TrimStart();
        JsonValue value;
        if (rest.Length > 0)
        {
            value = Scalar(rest, line.Number, map, key, 0);
        }
        else if (_at < _lines.Count && (_lines[_at].Indent > indent || (_lines[_at].Indent == indent && IsItem(_lines[_at].Text))))
        {
            value = Block(_lines[_at].Indent, map, key, 0, depth + 1);
        }
        else
        {
            value = new JsonValue(JsonValueKind.Null, "", map, key, 0, line.Number);
        }

        if (!map.TryAdd(value)) throw new YamlException(line.Number, $"{key} is written twice in one mapping");
    }

    private static JsonValue Scalar(string text, int line, JsonValue? parent, string? name, int index)
    {
        string value = text[0] switch
        {
            '\'' => SingleQuoted(text, line),
            '"' => DoubleQuoted(text, line),
            '[' or ']' or '{' or '}' or '&' or '*' or '!' or '|' or '>' or '%' or '@' or '`' or ',' =>
                throw new YamlException(line, $"a value that starts with {text[0]} must be quoted"),
            _ => text,
        };
        bool isNull = text is "null" or "~" or "Null" or "NULL";
        return new JsonValue(isNull ? JsonValueKind.Null : JsonValueKind.String, isNull ? "" : value, parent, name, index, line);
    }

    private static string SingleQuoted(string text, int line)
    {
        string inner = text.Length > 1 && text[^1] == '\'' ? text[1..^1] : throw new YamlException(line, "a quote is not closed");
        string plain = inner.Replace("''", "", StringComparison.Ordinal);
        return plain.Contains('\'', StringComparison.Ordinal)
            ? throw new YamlException(line, "a quote inside of quotes is written twice")
            : inner.Replace("''", "'", StringComparison.Ordinal);
    }

    private static string DoubleQuoted(string text, int line)
    {
        try
        {
            // The escapes that people use are those of JSON.
            Utf8JsonReader reader = new(Encoding.UTF8.GetBytes(text));
            if (reader.Read() && reader.TokenType == JsonTokenType.String)
            {
                string value = reader.GetString() ?? "";
                if (!reader.Read()) return value;
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Said below.
        }

        throw new YamlException(line, "a quoted text is not closed, or has an unknown escape");
    }

    private static bool IsItem(string text) => text == "-" || text.StartsWith("- ", StringComparison.Ordinal);

    /// <summary>The colon that ends a key: one before a space or the end of the line, outside of quotes; or -1.</summary>
    private static int ColonOf(string text)
    {
        char quote = '\0';
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quote != '\0')
            {
                if (c == quote) quote = '\0';
                else if (c == '\\' && quote == '"') i++;
            }
            else if (c is '\'' or '"' && i == 0)
            {
                quote = c;
            }
            else if (c == ':' && (i + 1 == text.Length || text[i + 1] == ' '))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>A comment starts with # at the line's start or behind a space, outside of quotes.</summary>
    private static ReadOnlySpan<char> WithoutComment(ReadOnlySpan<char> line)
    {
        char quote = '\0';
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (quote != '\0')
            {
                if (c == '\\' && quote == '"') i++;
                else if (c == quote) quote = '\0';
            }
            else if (c is '\'' or '"' && (i == 0 || line[i - 1] is ' '))
            {
                quote = c;
            }
            else if (c == '#' && (i == 0 || line[i - 1] is ' ' or '\t'))
            {
                return line[..i];
            }
        }

        return line;
    }

    private readonly record struct Line(int Number, int Indent, string Text);

    /// <summary>Never leaves this class.</summary>
    private sealed class YamlException(int line, string message) : Exception(message)
    {
        public int Line { get; } = line;
    }
}
