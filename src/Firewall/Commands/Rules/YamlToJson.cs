using System.Globalization;
using System.Text;
using System.Text.Json;
using Firewall.Core.Rules;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Firewall.Commands.Rules;

/// <summary>
/// Turns YAML into JSON in which every value stands on the line where it stood, so that one reader serves both and its findings name
/// the right line. Values stay text, as JSON strings: nothing becomes a number or a truth value by the way it looks. Only a bare
/// <c>null</c>, <c>~</c> or nothing at all is null.
/// </summary>
/// <remarks>
/// Of YAML's features for object graphs only aliases of single values are taken (<c>source: &amp;office 198.51.100.7</c>, then
/// <c>source: *office</c>): with aliases of whole collections a short file can stand for an endless document.
/// </remarks>
internal sealed class YamlToJson
{
    /// <summary>Nobody writes more cases by hand; the parser takes several hundred bytes of memory for each byte of hostile input.</summary>
    public const int MaxBytes = 16 * 1024 * 1024;

    private const int MaxDepth = 32;
    private const string InvalidYaml = "InvalidYaml";
    private const string QuoteRemedy =
        "Mend it there or just before. Text that begins with [ { * & ! or has ': ' or ' #' in it needs quotes, such as \"[fd00::4]:22\".";

    private readonly string _file;
    private readonly List<RuleFinding> _findings;
    private readonly StringBuilder _json = new();
    private readonly Stack<Collection> _open = new();
    private readonly Dictionary<string, Scalar> _anchors = new(StringComparer.Ordinal);
    private int _line = 1;

    private YamlToJson(string file, List<RuleFinding> findings)
    {
        _file = file;
        _findings = findings;
    }

    /// <summary>The JSON as UTF-8, or null with a finding.</summary>
    public static byte[]? Convert(byte[] yaml, string file, List<RuleFinding> findings)
    {
        var start = new RuleOrigin(file, "", 0);
        if (yaml.Length > MaxBytes)
        {
            findings.Add(start.Error(
                InvalidYaml, string.Create(CultureInfo.InvariantCulture, $"The file has {yaml.Length:N0} bytes; more than {MaxBytes:N0} are not read."),
                "Check that it is the right file, or split it."));
            return null;
        }

        try
        {
            var text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
            using var decoder = new StreamReader(new MemoryStream(yaml), text, detectEncodingFromByteOrderMarks: true);
            using var reader = new StringReader(decoder.ReadToEnd());
            var conversion = new YamlToJson(file, findings);
            return conversion.Run(new Parser(reader)) ? Encoding.UTF8.GetBytes(conversion._json.ToString()) : null;
        }
        catch (DecoderFallbackException)
        {
            findings.Add(start.Error(InvalidYaml, "The file is not UTF-8 text.", "Save it as UTF-8."));
        }
        catch (YamlException e)
        {
            findings.Add(new RuleOrigin(file, "", Line(e.Start)).Error(
                InvalidYaml, string.Create(CultureInfo.InvariantCulture, $"Not valid YAML at line {Line(e.Start)}, column {e.Start.Column}: {e.Message}"), QuoteRemedy));
        }

        return null;
    }

    private bool Run(Parser parser)
    {
        int documents = 0;
        while (MoveNext(parser))
        {
            ParsingEvent? now = parser.Current;
            bool isGood = now switch
            {
                DocumentStart when ++documents > 1 => Refuse(now, "The file holds more than one YAML document.", "Keep one, without a line '---' in between."),
                MappingStart mapping => Begin(mapping, isMapping: true),
                SequenceStart sequence => Begin(sequence, isMapping: false),
                MappingEnd or SequenceEnd => End(now),
                Scalar scalar => Write(scalar, scalar),
                AnchorAlias alias => Write(alias),
                _ => true,
            };
            if (!isGood) return false;
        }

        return _json.Length > 0 || Refuse(null, "The file is empty.", "Write 'cases:' and a list of cases.");
    }

    // The parser answers some faults, such as a list that is not closed, with exceptions that name no place.
    private static bool MoveNext(Parser parser)
    {
        try
        {
            return parser.MoveNext();
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            Mark end = parser.Current?.End ?? Mark.Empty;
            throw new YamlException(end, end, "What follows here cannot be read. Perhaps a [, a { or a quote is not closed.", e);
        }
    }

    private bool Begin(NodeEvent node, bool isMapping)
    {
        if (_open.Count == MaxDepth) return Refuse(node, string.Create(CultureInfo.InvariantCulture, $"Nested more than {MaxDepth} deep."), "Cases are a list of flat objects.");
        if (_open.TryPeek(out Collection? parent) && parent.ExpectsKey) return Refuse(node, "A property's name is a list or an object.", QuoteRemedy);
        if (!IsTagGood(node)) return false;
        Separate(node);
        _json.Append(isMapping ? '{' : '[');
        _open.Push(new Collection(isMapping));
        return true;
    }

    private bool End(ParsingEvent at)
    {
        if (_open.Peek() is { IsMapping: true, ExpectsKey: false }) return Refuse(at, "An object ends with a name that has no value.", QuoteRemedy);
        _json.Append(_open.Pop().IsMapping ? '}' : ']');
        Count();
        return true;
    }

    private bool Write(AnchorAlias alias) => _anchors.TryGetValue(alias.Value.Value, out Scalar? scalar)
        ? Write(scalar, alias)
        : Refuse(
            alias, $"The alias *{alias.Value.Value} stands for no single value written before.",
            "Only single values can be repeated by an alias; write out the rest, and put text that begins with * in quotes.");

    private bool Write(Scalar scalar, ParsingEvent at)
    {
        if (!IsTagGood(scalar)) return false;
        if (!scalar.Anchor.IsEmpty) _anchors[scalar.Anchor.Value] = scalar;
        bool isKey = _open.TryPeek(out Collection? parent) && parent.ExpectsKey;
        // The parser loses the value behind such a name.
        if (isKey && scalar is { Style: ScalarStyle.Plain, Value: "" }) return Refuse(at, "A value has no name before its colon.", QuoteRemedy);
        Separate(at);
        if (!isKey && IsNull(scalar)) _json.Append("null");
        else _json.Append('"').Append(JsonEncodedText.Encode(scalar.Value)).Append('"');
        if (isKey) _json.Append(':');
        Count();
        return true;
    }

    /// <summary>What stands before the next value: a comma if it is not the first, and the lines up to it.</summary>
    private void Separate(ParsingEvent next)
    {
        if (_open.TryPeek(out Collection? parent) && parent.NeedsComma) _json.Append(',');
        for (int line = Line(next.Start); _line < line; _line++) _json.Append('\n');
    }

    private void Count()
    {
        if (_open.TryPeek(out Collection? parent)) parent.Count++;
    }

    // Everything is text here, so the tag that says so changes nothing.
    private bool IsTagGood(NodeEvent node) => node.Tag.IsEmpty || node.Tag.IsNonSpecific || node.Tag.Value == "tag:yaml.org,2002:str"
        || Refuse(node, $"Tags such as {node.Tag.Value} are not taken.", "Leave it out; put text that begins with ! in quotes.");

    private bool Refuse(ParsingEvent? at, string message, string remedy)
    {
        _findings.Add(new RuleOrigin(_file, "", at is null ? 0 : Line(at.Start)).Error(InvalidYaml, message, remedy));
        return false;
    }

    private static bool IsNull(Scalar scalar) => scalar is { Style: ScalarStyle.Plain, Value: "" or "~" or "null" or "Null" or "NULL" };

    private static int Line(in Mark mark) => (int)Math.Min(int.MaxValue, mark.Line);

    private sealed class Collection(bool isMapping)
    {
        public bool IsMapping { get; } = isMapping;

        /// <summary>Names and values written so far.</summary>
        public int Count { get; set; }

        public bool ExpectsKey => IsMapping && Count % 2 == 0;

        public bool NeedsComma => Count > 0 && (!IsMapping || Count % 2 == 0);
    }
}
