using System.Text.Json;

namespace Firewall.Core.Rules.Reading;

/// <summary>
/// The strings of one file, each kept once: property names and values such as <c>Inbound</c> or <c>*</c> stand in every rule, and as strings of
/// their own they were a fifth of what reading a file leaves to the garbage collector.
/// </summary>
internal sealed class JsonWords
{
    // Longer ones are ids and descriptions, of which no two are the same.
    private const int Longest = 64;

    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>The string or property name at which the reader stands.</summary>
    /// <exception cref="InvalidOperationException">It holds half of a surrogate pair.</exception>
    public string Read(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length > Longest) return reader.GetString() ?? "";
        Span<char> text = stackalloc char[Longest];
        text = text[..reader.CopyString(text)];
        HashSet<string>.AlternateLookup<ReadOnlySpan<char>> known = _known.GetAlternateLookup<ReadOnlySpan<char>>();
        if (known.TryGetValue(text, out string? word)) return word;
        word = text.ToString();
        _known.Add(word);
        return word;
    }
}
