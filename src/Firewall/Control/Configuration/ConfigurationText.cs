using System.Text;
using System.Text.Json;

namespace Firewall.Control.Configuration;

/// <summary>
/// The text of a configuration file, read once for what the configuration library does not tell: the line on which each key
/// stands, and syntax errors with line and column. Comments and trailing commas are allowed, as that library allows them.
/// </summary>
internal sealed class ConfigurationText
{
    private readonly Dictionary<string, int> _lines = new(StringComparer.OrdinalIgnoreCase);

    private ConfigurationText(string file, byte[] json)
    {
        File = file;
        Json = json;
    }

    /// <summary>The file's name, as it was given.</summary>
    public string File { get; }

    /// <summary>The file's bytes without a byte order mark.</summary>
    public byte[] Json { get; }

    /// <summary>Reads the keys, and adds what is wrong with the syntax to the problems.</summary>
    public static ConfigurationText Read(string file, byte[] bytes, List<string> problems)
    {
        byte[] json = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes;
        var text = new ConfigurationText(file, json);
        try
        {
            text.ReadKeys(problems);
        }
        catch (JsonException e)
        {
            problems.Add($"{file}:{e.LineNumber + 1}:{e.BytePositionInLine + 1}: not valid JSON: {Why(e)}");
        }

        return text;
    }

    /// <summary>The 1-based line of a key ("Firewall:Tun:Name"), or null if the file does not hold it.</summary>
    public int? LineOf(string path) => _lines.TryGetValue(path, out int line) ? line : null;

    // The framework appends the position in its own words; ours stands in front.
    private static string Why(JsonException e)
    {
        int position = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return position < 0 ? e.Message : e.Message[..position];
    }

    private void ReadKeys(List<string> problems)
    {
        var reader = new Utf8JsonReader(
            Json, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        var path = new Stack<(string Key, int Element)>();
        int line = 1;
        int counted = 0;
        string key = "";
        while (reader.Read())
        {
            line += Json.AsSpan(counted, (int)reader.TokenStartIndex - counted).Count((byte)'\n');
            counted = (int)reader.TokenStartIndex;
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    string prefix = path.Peek().Key;
                    string name = reader.GetString()!;
                    key = prefix.Length == 0 ? name : $"{prefix}:{name}";
                    if (!_lines.TryAdd(key, line)) problems.Add($"{File}:{line}: {key} stands in the file twice, first on line {_lines[key]}");
                    break;
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    path.Push((ElementKey(path, key, line), reader.TokenType == JsonTokenType.StartArray ? 0 : -1));
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    path.Pop();
                    break;
                default:
                    if (path.Count == 0) problems.Add($"{File}:{line}: the file must hold a JSON object: {{ \"Firewall\": {{ … }} }}");
                    else ElementKey(path, key, line);
                    break;
            }

            if (path.Count == 1 && reader.TokenType == JsonTokenType.StartArray)
            {
                problems.Add($"{File}:{line}: the file must hold a JSON object, not a list");
            }
        }
    }

    // Within a list every element has its number as key; else the value belongs to the property name before it.
    private string ElementKey(Stack<(string Key, int Element)> path, string key, int line)
    {
        if (path.Count == 0) return "";
        if (path.Peek().Element < 0) return key;
        (string list, int element) = path.Pop();
        path.Push((list, element + 1));
        string elementKey = $"{list}:{element}";
        _lines.TryAdd(elementKey, line);
        return elementKey;
    }
}
