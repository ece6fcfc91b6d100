using System.Text;
using System.Text.Json;
using Firewall.Core.Rules;

namespace Firewall.Hosting.Surviving;

/// <summary>
/// The names behind the rule numbers of a flow table, as text beside it: one JSON array a line. Lines are only ever appended; one that a
/// kill cut short is not read, and a flow of that rule loses its rule's name, nothing else.
/// </summary>
internal static class RuleNames
{
    /// <summary>The lines for the rules from that number on.</summary>
    public static byte[] Write(RuleCatalog catalog, int first, int end)
    {
        using var text = new MemoryStream();
        for (int number = first; number < end; number++)
        {
            if (catalog[number] is not { } rule) continue;
            using (var json = new Utf8JsonWriter(text))
            {
                json.WriteStartArray();
                json.WriteNumberValue(number);
                json.WriteStringValue(rule.SecurityGroup);
                json.WriteStringValue(rule.Name);
                json.WriteBooleanValue(rule.IsDefault);
                json.WriteNumberValue((int)rule.Direction);
                json.WriteEndArray();
            }

            text.WriteByte((byte)'\n');
        }

        return text.ToArray();
    }

    /// <summary>Reads all whole lines; what is none is left out.</summary>
    public static Dictionary<int, RuleIdentity> Read(ReadOnlySpan<byte> text)
    {
        Dictionary<int, RuleIdentity> rules = [];
        int end = text.LastIndexOf((byte)'\n');
        foreach (string line in Encoding.UTF8.GetString(text[..(end + 1)]).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(line);
                JsonElement entry = json.RootElement;
                var direction = (RuleDirection)entry[4].GetInt32();
                if (!Enum.IsDefined(direction)) continue;
                rules[entry[0].GetInt32()] = new RuleIdentity(entry[1].GetString()!, entry[2].GetString()!, entry[3].GetBoolean(), direction);
            }
            catch (Exception damaged) when (damaged is JsonException or InvalidOperationException or FormatException or IndexOutOfRangeException)
            {
                // A name less.
            }
        }

        return rules;
    }
}
