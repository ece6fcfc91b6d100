using System.Globalization;
using System.Text;
using System.Text.Json;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Reading;

/// <summary>Reads the tag file token by token: four megabytes and ninety thousand prefixes, so no tree is built.</summary>
internal ref struct ServiceTagsParser
{
    private const int MaxFindings = 100;

    private readonly JsonText _text;
    private readonly string _file;
    private readonly List<RuleFinding> _findings;
    private readonly Dictionary<string, IpPrefix[]> _tags = new(StringComparer.OrdinalIgnoreCase);
    private Utf8JsonReader _reader;
    private string _changeNumber = "";

    private ServiceTagsParser(JsonText text, string file, List<RuleFinding> findings)
    {
        _text = text;
        _file = file;
        _findings = findings;
        _reader = new Utf8JsonReader(text.Utf8.Span, JsonInput.Options);
    }

    public static ServiceTags Read(ReadOnlyMemory<byte> bytes, string file, List<RuleFinding> findings)
    {
        if (JsonInput.Prepare(bytes, file, findings) is not { } text) return ServiceTags.Empty;
        try
        {
            return new ServiceTagsParser(text, file, findings).ReadFile();
        }
        catch (JsonException error)
        {
            findings.Add(JsonInput.SyntaxError(error, text, file));
        }
        catch (InvalidOperationException)
        {
            findings.Add(new RuleOrigin(file, "", 0).Error(
                FindingCodes.InvalidJson, "A string holds half of a surrogate pair.", "Download the file again."));
        }

        return ServiceTags.Empty;
    }

    private ServiceTags ReadFile()
    {
        bool hasValues = false;
        _reader.Read();
        if (_reader.TokenType == JsonTokenType.StartObject)
        {
            while (NextProperty(out string name))
            {
                if (Is(name, "changeNumber")) _changeNumber = ScalarText();
                else if (Is(name, "values") && _reader.TokenType == JsonTokenType.StartArray) hasValues = ReadValues();
                else _reader.Skip();
            }

            // What follows the root must not be anything but space and comments; the reader throws otherwise.
            while (_reader.Read())
            {
            }
        }

        if (!hasValues)
        {
            Add("$", FindingCodes.InvalidFormat, "This is no service tag file: it has no list \"values\".",
                "Give Azure's download 56519 (ServiceTags_Public_*.json) or the output of az network list-service-tags.");
        }

        return new ServiceTags(_tags, _changeNumber);
    }

    private bool ReadValues()
    {
        for (int index = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; index++)
        {
            if (_reader.TokenType != JsonTokenType.StartObject)
            {
                Add(string.Create(CultureInfo.InvariantCulture, $"$.values[{index}]"), FindingCodes.InvalidFormat, "A tag must be an object.", "Download the file again.");
                _reader.Skip();
                continue;
            }

            ReadTag(index);
        }

        return true;
    }

    private void ReadTag(int index)
    {
        string tag = "";
        List<IpPrefix>? prefixes = null;
        while (NextProperty(out string name))
        {
            if (Is(name, "name")) tag = ScalarText();
            else if (Is(name, "properties") && _reader.TokenType == JsonTokenType.StartObject) prefixes = ReadProperties(index) ?? prefixes;
            else _reader.Skip();
        }

        string path = string.Create(CultureInfo.InvariantCulture, $"$.values[{index}]");
        if (tag.Length == 0)
        {
            Add(path, FindingCodes.InvalidFormat, "The tag has no name.", "Download the file again.");
        }
        else if (prefixes is null)
        {
            Add(path, FindingCodes.InvalidFormat, $"The tag {tag} has no list properties.addressPrefixes.", "Download the file again.");
        }
        else if (!_tags.TryAdd(tag, [.. prefixes]))
        {
            Add(path, FindingCodes.DuplicateName, $"The tag {tag} stands twice in the file.", "Keep one of the two.");
        }
    }

    private List<IpPrefix>? ReadProperties(int index)
    {
        List<IpPrefix>? prefixes = null;
        while (NextProperty(out string name))
        {
            if (Is(name, "addressPrefixes") && _reader.TokenType == JsonTokenType.StartArray) prefixes = ReadPrefixes(index);
            else _reader.Skip();
        }

        return prefixes;
    }

    private List<IpPrefix> ReadPrefixes(int tag)
    {
        List<IpPrefix> prefixes = [];
        for (int index = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; index++)
        {
            if (_reader.TokenType == JsonTokenType.String && !_reader.ValueIsEscaped && TryParse(_reader.ValueSpan, out IpPrefix prefix))
            {
                prefixes.Add(prefix);
                continue;
            }

            string text = ScalarText();
            if (_reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject) _reader.Skip();
            Add(string.Create(CultureInfo.InvariantCulture, $"$.values[{tag}].properties.addressPrefixes[{index}]"), FindingCodes.InvalidAddressPrefix,
                $"Not an address prefix without host bits: {text}", "Download the file again.");
        }

        return prefixes;
    }

    private static bool TryParse(ReadOnlySpan<byte> text, out IpPrefix prefix)
    {
        // Longest: "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128".
        Span<char> chars = stackalloc char[64];
        prefix = default;
        if (text.Length > chars.Length) return false;
        return Ascii.ToUtf16(text, chars, out int length) == System.Buffers.OperationStatus.Done
            && IpPrefix.TryParse(chars[..length], out prefix, out bool hasHostBits) && !hasHostBits;
    }

    /// <summary>Moves to the next property's value; false at the end of the object.</summary>
    private bool NextProperty(out string name)
    {
        name = "";
        if (!_reader.Read() || _reader.TokenType != JsonTokenType.PropertyName) return false;
        name = _reader.GetString() ?? "";
        return _reader.Read();
    }

    private readonly string ScalarText() => _reader.TokenType switch
    {
        JsonTokenType.String => _reader.GetString() ?? "",
        JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False => Encoding.ASCII.GetString(_reader.ValueSpan),
        _ => "",
    };

    private static bool Is(string name, string wanted) => string.Equals(name, wanted, StringComparison.OrdinalIgnoreCase);

    private readonly void Add(string path, string code, string message, string remedy)
    {
        if (_findings.Count >= MaxFindings) return;
        int line = _text.Lines().LineOf((int)Math.Min(_reader.TokenStartIndex, _text.Utf8.Length));
        _findings.Add(new RuleFinding(FindingSeverity.Error, _file, path, line, code, message, remedy));
    }
}
