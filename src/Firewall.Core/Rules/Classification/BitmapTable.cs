using System.Buffers;
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
    private ulong[] _bits = [];

    public BitmapTable(int words) => _words = words;

    /// <summary>How many classes.</summary>
    public int Count => _nextOfHash.Count;

    /// <summary>The class of that set of rules.</summary>
    public int Intern(ReadOnlySpan<ulong> bitmap)
    {
        int code = HashOf(bitmap);
        ref int first = ref CollectionsMarshal.GetValueRefOrAddDefault(_firstOfHash, code, out bool known);
        if (!known) first = -1;
        ReadOnlySpan<ulong> bits = _bits;
        for (int candidate = first; candidate >= 0; candidate = _nextOfHash[candidate])
        {
            if (bits.Slice(candidate * _words, _words).SequenceEqual(bitmap)) return candidate;
        }

        int added = Count;
        _nextOfHash.Add(first);
        first = added;
        int start = added * _words;
        if (start + _words > _bits.Length) Grow(start + _words);
        bitmap.CopyTo(_bits.AsSpan(start));
        return added;
    }

    /// <summary>Gives the memory of the bitmaps back for another table, if there will be one soon; nothing of this one may be used any more.</summary>
    public void Release()
    {
        if (_bits.Length > 0) ArrayPool<ulong>.Shared.Return(_bits);
        _bits = [];
    }

    private void Grow(int needed)
    {
        ulong[] larger = ArrayPool<ulong>.Shared.Rent(Math.Max(needed, 2 * _bits.Length));
        _bits.CopyTo(larger, 0);
        Release();
        _bits = larger;
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
    public ReadOnlySpan<ulong> Bits => _bits.AsSpan(0, Count * _words);
}
