using System.Runtime.InteropServices;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// The distinct sets of rules that values of one field may match, each a bitmap with one bit for each rule; a class is such a
/// set's number. Filled while a classifier is built, read only afterwards.
/// </summary>
internal sealed class BitmapTable
{
    private static readonly ulong s_seed = (ulong)Random.Shared.NextInt64() | 1;

    private readonly int _words;
    private readonly Dictionary<int, int> _firstOfHash = [];
    private readonly List<int> _nextOfHash = [];
    private readonly List<ulong> _bits = [];

    public BitmapTable(int words) => _words = words;

    /// <summary>How many classes.</summary>
    public int Count => _nextOfHash.Count;

    /// <summary>The class of that set of rules.</summary>
    public int Intern(ReadOnlySpan<ulong> bitmap)
    {
        int code = HashOf(bitmap);
        ref int first = ref CollectionsMarshal.GetValueRefOrAddDefault(_firstOfHash, code, out bool known);
        if (!known) first = -1;
        ReadOnlySpan<ulong> bits = Bits;
        for (int candidate = first; candidate >= 0; candidate = _nextOfHash[candidate])
        {
            if (bits.Slice(candidate * _words, _words).SequenceEqual(bitmap)) return candidate;
        }

        int added = Count;
        _nextOfHash.Add(first);
        first = added;
        _bits.AddRange(bitmap);
        return added;
    }

    // Multiplication to 128 bits, both halves folded: a fifth of the time of the framework's hash of bytes, and like that one not to be
    // foreseen by who writes rules.
    private static int HashOf(ReadOnlySpan<ulong> bitmap)
    {
        ulong hash = s_seed;
        foreach (ulong word in bitmap)
        {
            ulong high = Math.BigMul(hash ^ word, 0x9E37_79B9_7F4A_7C15, out ulong low);
            hash = high ^ low ^ s_seed;
        }

        return (int)(hash ^ (hash >> 32));
    }

    /// <summary>All bitmaps, one behind the other; good until the next is added.</summary>
    public ReadOnlySpan<ulong> Bits => CollectionsMarshal.AsSpan(_bits);
}
