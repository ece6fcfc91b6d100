using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Firewall.Core.Rules.Reading;

/// <summary>Brings a file's bytes to text that can be parsed, or says why that is not possible.</summary>
internal static class JsonInput
{
    /// <summary>Nothing Azure writes is nested deeper than a dozen levels; nested deployment templates add a few each.</summary>
    public const int MaxDepth = 64;

    public static JsonReaderOptions Options { get; } = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        MaxDepth = MaxDepth,
    };

    /// <summary>The text, or null with a finding.</summary>
    public static JsonText? Prepare(ReadOnlyMemory<byte> bytes, string file, List<RuleFinding> findings)
    {
        ReadOnlyMemory<byte> utf8 = bytes;
        RuleOrigin start = new(file, "", 0);
        if (bytes.Length > NsgLimits.MaxFileBytes)
        {
            findings.Add(start.Error(
                FindingCodes.InvalidJson,
                string.Create(CultureInfo.InvariantCulture, $"The file has {bytes.Length:N0} bytes; more than {NsgLimits.MaxFileBytes:N0} are not read."),
                "Check that it is the right file, or split it."));
            return null;
        }

        ReadOnlySpan<byte> span = bytes.Span;
        if (span is [0xEF, 0xBB, 0xBF, ..])
        {
            utf8 = bytes[3..];
        }
        else if (span is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
        {
            Encoding utf16 = span[0] == 0xFF ? Encoding.Unicode : Encoding.BigEndianUnicode;
            utf8 = Encoding.UTF8.GetBytes(utf16.GetString(span[2..]));
        }

        span = utf8.Span;
        if (span.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            findings.Add(start.Error(
                FindingCodes.InvalidJson,
                "The file is empty.",
                "A group without rules is written as {\"name\":\"nsg\",\"properties\":{\"securityRules\":[]}}."));
            return null;
        }

        if (!Utf8.IsValid(span))
        {
            findings.Add(start.Error(FindingCodes.InvalidJson, "The file is not UTF-8 text.", "Save it as UTF-8."));
            return null;
        }

        return JsonText.Of(utf8);
    }

    /// <summary>The finding for a syntax error.</summary>
    public static RuleFinding SyntaxError(JsonException error, JsonText text, string file)
    {
        (int line, long column) = text.PlaceOf(error);
        int broken = text.BrokenStringBefore(line);
        string message = error.Message;
        // The framework adds its own, zero-based place at the end.
        int place = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        if (place >= 0) message = message[..place];
        bool tooDeep = message.Contains("depth", StringComparison.OrdinalIgnoreCase);
        return new RuleFinding(
            FindingSeverity.Error,
            file,
            "",
            line,
            FindingCodes.InvalidJson,
            string.Create(CultureInfo.InvariantCulture, $"Not valid JSON at line {line}, column {column}: {message}"),
            tooDeep ? $"Objects and lists may be nested {MaxDepth} deep."
                : broken > 0 ? string.Create(CultureInfo.InvariantCulture, $"Mend the syntax there or just before; the string that starts on line {broken} runs over the end of that line, perhaps for want of a quote.")
                : "Mend the syntax there or just before.");
    }
}
