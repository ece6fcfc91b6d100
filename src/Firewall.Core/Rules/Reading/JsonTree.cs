using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// Parses a whole file into <see cref="JsonValue"/>s. The framework's own document type forgets lines and lets the last of two
/// equal property names win.
/// </summary>
internal static class JsonTree
{
    /// <summary>The root, or null with a finding if the file is not JSON.</summary>
    public static JsonValue? Parse(ReadOnlyMemory<byte> bytes, string file, List<RuleFinding> findings)
    {
        if (JsonInput.Prepare(bytes, file, findings) is not { } text) return null;
        try
        {
            return Build(text, file, findings);
        }
        catch (JsonException error)
        {
            findings.Add(JsonInput.SyntaxError(error, text, file));
        }
        catch (InvalidOperationException)
        {
            // A string escape such as "\ud800" that is half of a character.
            findings.Add(new RuleOrigin(file, "", 0).Error(
                FindingCodes.InvalidJson, "A string holds half of a surrogate pair.", "Write the character itself, or both halves of its escape."));
        }

        return null;
    }

    private static JsonValue? Build(JsonText source, string file, List<RuleFinding> findings)
    {
        Utf8JsonReader reader = new(source.Utf8.Span, JsonInput.Options);
        JsonText.LineCounter lines = source.Lines();
        Stack<JsonValue> open = new();
        JsonValue? root = null;
        string? name = null;
        JsonWords words = new();
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                name = words.Read(ref reader);
                continue;
            }

            if (reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
            {
                JsonValue closed = open.Pop();
                if (open.Count > 0 && closed.CountedList() is { } list) open.Peek().ReplaceLast(list);
                continue;
            }

            int line = lines.LineOf((int)reader.TokenStartIndex);
            (JsonValueKind kind, string text) = reader.TokenType switch
            {
                JsonTokenType.StartObject => (JsonValueKind.Object, ""),
                JsonTokenType.StartArray => (JsonValueKind.Array, ""),
                JsonTokenType.String => (JsonValueKind.String, words.Read(ref reader)),
                JsonTokenType.Number => (JsonValueKind.Number, System.Text.Encoding.ASCII.GetString(reader.ValueSpan)),
                JsonTokenType.True => (JsonValueKind.True, "true"),
                JsonTokenType.False => (JsonValueKind.False, "false"),
                _ => (JsonValueKind.Null, ""),
            };
            JsonValue? parent = open.Count > 0 ? open.Peek() : null;
            JsonValue value = new(kind, text, parent, parent is { IsObject: true } ? name : null, parent?.Children.Count ?? 0, line);
            if (parent is null)
            {
                root = value;
            }
            else if (!parent.TryAdd(value))
            {
                findings.Add(value.Origin(file).Error(
                    FindingCodes.InvalidFormat,
                    $"Property {name} is written twice in one object (line {parent.Find(name ?? "")?.Line} and line {line}).",
                    "Keep one of the two; the case of letters does not make names different."));
            }

            if (kind is JsonValueKind.Object or JsonValueKind.Array) open.Push(value);
        }

        return root;
    }
}
