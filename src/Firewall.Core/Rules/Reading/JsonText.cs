using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// A file's text as the framework's reader takes it, with the lines as the file has them. Templates may have line breaks and tabs
/// within strings, which strict JSON does not know: they are escaped here.
/// </summary>
internal sealed class JsonText
{
    private readonly List<int> _breaks;
    private readonly List<int> _starts;

    private JsonText(ReadOnlyMemory<byte> utf8, List<int> breaks, List<int> starts)
    {
        Utf8 = utf8;
        _breaks = breaks;
        _starts = starts;
    }

    /// <summary>The text, with no control characters within strings.</summary>
    public ReadOnlyMemory<byte> Utf8 { get; }

    /// <param name="utf8">Valid UTF-8; kept if there is nothing to escape.</param>
    public static JsonText Of(ReadOnlyMemory<byte> utf8)
    {
        ReadOnlySpan<byte> span = utf8.Span;
        MemoryStream? escaped = null;
        List<int> breaks = [];
        List<int> starts = [];
        int copied = 0;
        int at = 0;
        while (NextString(span, ref at))
        {
            int start = at++;
            bool isBroken = false;
            while (at < span.Length && span[at] != '"')
            {
                if (span[at] == '\\')
                {
                    at += 2;
                    continue;
                }

                if (span[at] < ' ')
                {
                    escaped ??= new MemoryStream(utf8.Length + 256);
                    escaped.Write(span[copied..at]);
                    if (span[at] == '\n')
                    {
                        if (!isBroken) starts.Add((int)escaped.Length - (at - start));
                        isBroken = true;
                        breaks.Add((int)escaped.Length);
                    }

                    escaped.Write("\\u00"u8);
                    escaped.Write([(byte)('0' + (span[at] >> 4)), "0123456789abcdef"u8[span[at] & 15]]);
                    copied = at + 1;
                }

                at++;
            }

            at++;
        }

        if (escaped is null) return new JsonText(utf8, breaks, starts);
        escaped.Write(span[copied..]);
        return new JsonText(escaped.ToArray(), breaks, starts);
    }

    /// <summary>Counts lines up to an offset; offsets must come in ascending order.</summary>
    public LineCounter Lines() => new(this);

    /// <summary>The 1-based line and column, in bytes, of a syntax error.</summary>
    public (int Line, long Column) PlaceOf(JsonException error)
    {
        ReadOnlySpan<byte> utf8 = Utf8.Span;
        int offset = 0;
        for (long line = error.LineNumber ?? 0; line > 0 && utf8[offset..].IndexOf((byte)'\n') is >= 0 and int length; line--) offset += length + 1;
        int lineStart = offset;
        offset = (int)Math.Min(utf8.Length, offset + (error.BytePositionInLine ?? 0));
        int broken = _breaks.FindLastIndex(place => place >= lineStart && place < offset);
        if (broken >= 0) lineStart = _breaks[broken] + BreakLength;
        return (Lines().LineOf(offset), offset - lineStart + 1);
    }

    /// <summary>The line on which the last string before a syntax error starts that has a line break in it; 0 if there is none.</summary>
    public int BrokenStringBefore(int line)
    {
        int found = 0;
        LineCounter lines = Lines();
        foreach (int start in _starts)
        {
            int its = lines.LineOf(start);
            if (its <= line) found = its;
        }

        return found;
    }

    private const int BreakLength = 6;

    /// <summary>Goes to the quote that opens the next string, past comments.</summary>
    private static bool NextString(ReadOnlySpan<byte> span, ref int at)
    {
        while (at < span.Length)
        {
            int next = span[at..].IndexOfAny((byte)'"', (byte)'/');
            if (next < 0) return false;
            at += next;
            if (span[at] == '"') return true;
            ReadOnlySpan<byte> rest = span[(at + 1)..];
            ReadOnlySpan<byte> end = rest is [(byte)'*', ..] ? "*/"u8 : "\n"u8;
            int length = rest is [(byte)'*' or (byte)'/', ..] ? rest[1..].IndexOf(end) : -2;
            if (length == -1) return false;
            at += length == -2 ? 1 : 2 + length + end.Length;
        }

        return false;
    }

    /// <summary>Counts lines as the file has them.</summary>
    public struct LineCounter(JsonText text)
    {
        private int _counted;
        private int _newlines;
        private int _broken;

        /// <summary>The 1-based line of an offset in <see cref="Utf8"/>.</summary>
        public int LineOf(int offset)
        {
            _newlines += text.Utf8.Span[_counted..offset].Count((byte)'\n');
            _counted = offset;
            while (_broken < text._breaks.Count && text._breaks[_broken] < offset) _broken++;
            return _newlines + _broken + 1;
        }
    }
}
