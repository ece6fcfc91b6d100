using System.Buffers;
using System.Runtime.CompilerServices;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// The bitmaps of all fields' classes, laid out for a search that reads as few of them as it can: the two fields with the most classes
/// keep a row of bits for each class; the others, which in most groups have a handful, are crossed, so that their values together lead to
/// one row. Where that would take too many rows every field keeps its own. Immutable.
/// </summary>
internal sealed partial class BitmapRows
{
    /// <summary>How many fields a packet has: protocol with ICMP type, two addresses, two ports.</summary>
    public const int Fields = 5;

    private const int WordsPerBlock = 16;

    // Beside the trees of addresses they are to stay in a second-level cache of a megabyte.
    private const int MostCrossedBytes = 1 << 18;

    private readonly int _words;
    private readonly int[] _starts = new int[Fields];
    private readonly int[] _strides = new int[Fields];
    private readonly int _widest;
    private readonly int _second;
    private readonly ulong[] _bits;

    /// <param name="tables">The classes of each field, all of them with bitmaps of that many words.</param>
    /// <param name="words">Words of a bitmap, as <see cref="WordsFor"/> says.</param>
    /// <param name="known">Other rows, whose bitmaps are taken if they are the same.</param>
    public BitmapRows(BitmapTable[] tables, int words, BitmapRows? known = null)
    {
        _words = words;
        int[] byClasses = [.. Enumerable.Range(0, Fields).OrderByDescending(field => tables[field].Count)];
        (_widest, _second) = (byClasses[0], byClasses[1]);
        int[] narrow = byClasses[2..];
        long crossed = narrow.Aggregate(1L, (product, field) => product * tables[field].Count);
        IsCrossed = crossed * words * sizeof(ulong) <= MostCrossedBytes;
        int next = 0;
        // They come first, so that what the indexes of these two fields (addresses, nearly always) say does not depend on how many classes the others have.
        int[] own = IsCrossed ? [_widest, _second] : byClasses;
        foreach (int field in own)
        {
            (_starts[field], _strides[field]) = (next, words);
            next += words * tables[field].Count;
        }

        if (IsCrossed)
        {
            _starts[narrow[0]] = next;
            int stride = words;
            foreach (int field in narrow)
            {
                _strides[field] = stride;
                stride *= tables[field].Count;
            }

            next += stride;
        }

        ulong[] bits = ArrayPool<ulong>.Shared.Rent(next);
        foreach (int field in own) tables[field].Bits.CopyTo(bits.AsSpan(_starts[field]));
        if (IsCrossed) Cross(bits, tables, narrow);
        ReadOnlySpan<ulong> filled = bits.AsSpan(0, next);
        _bits = known is not null && filled.SequenceEqual(known._bits) ? known._bits : filled.ToArray();
        ArrayPool<ulong>.Shared.Return(bits);
    }

    /// <summary>True if all fields but the two with the most classes lead to one row together.</summary>
    public bool IsCrossed { get; }

    /// <summary>How many words the bitmaps of that many rules take; long ones are read in blocks.</summary>
    public static int WordsFor(int rules)
    {
        int words = Math.Max(1, (rules + 63) / 64);
        return words <= 2 ? words : (words + WordsPerBlock - 1) / WordsPerBlock * WordsPerBlock;
    }

    /// <summary>What stands for a class of a field in <see cref="FieldValues"/>; never negative.</summary>
    public int ValueOf(int field, int classOfField) => _starts[field] + (classOfField * _strides[field]);

    private void Cross(ulong[] bits, BitmapTable[] tables, int[] narrow)
    {
        (int x, int y, int z) = (narrow[0], narrow[1], narrow[2]);
        for (int i = 0; i < tables[x].Count; i++)
        {
            for (int j = 0; j < tables[y].Count; j++)
            {
                for (int k = 0; k < tables[z].Count; k++)
                {
                    Span<ulong> row = bits.AsSpan(ValueOf(x, i) + ValueOf(y, j) + ValueOf(z, k), _words);
                    tables[x].Bits.Slice(i * _words, _words).CopyTo(row);
                    for (int word = 0; word < _words; word++) row[word] &= tables[y].Bits[(j * _words) + word] & tables[z].Bits[(k * _words) + word];
                }
            }
        }
    }

    /// <summary>What the lookups of one packet gave, each by <see cref="ValueOf"/>.</summary>
    [InlineArray(Fields)]
    public struct FieldValues
    {
        private int _first;
    }
}
