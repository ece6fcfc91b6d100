using System.Text;
using System.Text.Json;
using Firewall.Control;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Commands.Rules;

/// <summary>What a file of cases says beside its cases; the command line overrides each.</summary>
internal sealed record CaseSettings
{
    private const string InvalidSetting = "InvalidRuleCase";
    private static readonly string[] s_known = ["rules", "vnet", "serviceTags", "cases", "description", "$schema"];

    /// <summary>The rules file or folder, or null.</summary>
    public string? Rules { get; private init; }

    /// <summary>The service tag file, or null.</summary>
    public string? ServiceTags { get; private init; }

    /// <summary>The virtual network's address space, or null.</summary>
    public IReadOnlyList<IpPrefix>? Network { get; private init; }

    /// <summary>Reads the settings of a file whose cases were read without error.</summary>
    /// <param name="bytes">JSON, perhaps with comments; UTF-8 or, with a byte order mark, UTF-16.</param>
    /// <param name="file">The file's name; paths in it are relative to its folder.</param>
    /// <param name="findings">Gets what is wrong.</param>
    public static CaseSettings Read(byte[] bytes, string file, List<RuleFinding> findings)
    {
        using var decoder = new StreamReader(new MemoryStream(bytes), Encoding.UTF8, detectEncodingFromByteOrderMarks: true);
        byte[] utf8 = Encoding.UTF8.GetBytes(decoder.ReadToEnd());
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
        CaseSettings settings = new();
        // A bare list of cases has no settings.
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return settings;
        string folder = Path.GetDirectoryName(file) ?? "";
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString() ?? "";
            var at = new RuleOrigin(file, $"$.{name}", 1 + utf8.AsSpan(0, (int)reader.TokenStartIndex).Count((byte)'\n'));
            reader.Read();
            switch (name.ToUpperInvariant())
            {
                case "RULES":
                    settings = settings with { Rules = ReadPath(ref reader, at, folder, findings) };
                    break;
                case "SERVICETAGS":
                    settings = settings with { ServiceTags = ReadPath(ref reader, at, folder, findings) };
                    break;
                case "VNET":
                    settings = settings with { Network = ReadPrefixes(ref reader, at, findings) };
                    break;
                case "CASES" or "DESCRIPTION" or "$SCHEMA":
                    reader.Skip();
                    break;
                default:
                    reader.Skip();
                    findings.Add(at.Error(
                        InvalidSetting, $"A file of cases has no property {name}.",
                        $"Known are {string.Join(", ", s_known)}{NearestWord.Suggestion(name, s_known)}"));
                    break;
            }
        }

        return settings;
    }

    private static string? ReadPath(ref Utf8JsonReader reader, RuleOrigin at, string folder, List<RuleFinding> findings)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType == JsonTokenType.String && reader.GetString() is { Length: > 0 } path) return Path.Combine(folder, path);
        reader.Skip();
        findings.Add(at.Error(InvalidSetting, "This must name a file.", "Write its path, relative to the folder of this file."));
        return null;
    }

    private static List<IpPrefix>? ReadPrefixes(ref Utf8JsonReader reader, RuleOrigin at, List<RuleFinding> findings)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        List<IpPrefix> prefixes = [];
        bool isList = reader.TokenType == JsonTokenType.StartArray;
        while (!isList || (reader.Read() && reader.TokenType != JsonTokenType.EndArray))
        {
            string text = reader.TokenType == JsonTokenType.String ? reader.GetString() ?? "" : "";
            reader.Skip();
            if (!IpPrefix.TryParse(text, out IpPrefix prefix, out bool hasHostBits))
            {
                findings.Add(at.Error(InvalidSetting, $"Not an address prefix: '{text}'.", "Write a prefix such as 10.20.0.0/16, or a list of them."));
            }
            else if (hasHostBits)
            {
                findings.Add(at.Error(InvalidSetting, $"{text} has host bits set.", $"Write {prefix}."));
            }

            prefixes.Add(prefix);
            if (!isList) break;
        }

        if (prefixes.Count > 0) return prefixes;
        findings.Add(at.Error(InvalidSetting, "The virtual network has no address.", "Write a prefix such as 10.20.0.0/16, or leave vnet out."));
        return null;
    }
}
