namespace Firewall.Core.Rules.Classification;

/// <summary>
/// The same as <see cref="RangeTree"/> for 128-bit numbers, with a value for each range. The tree is over the distinct upper halves,
/// eight to a node; ranges that begin or end inside one upper half (IPv6 prefixes longer than /64) are few for each, and are searched
/// by their lower halves. Where a range ends with its upper half, as nearly all do, its value is found without a look at more.
/// </summary>
internal sealed partial class RangeTree128
{
    private const int KeysPerNode = 8;
    private const int LookCloser = -1;

    private readonly long[] _keys;
    private readonly int[] _layers;
    private readonly ulong[] _uppers;
    private readonly int[] _starts;
    private readonly int[] _values;
    private readonly int[] _valueOfUpper;
    private readonly ulong[] _lowers;

    /// <param name="lasts">The last numbers of the ranges, ascending; the very last range, which ends with the largest number, may be left out.</param>
    /// <param name="values">One for each range and one for the last, none negative.</param>
    public RangeTree128(ReadOnlySpan<UInt128> lasts, ReadOnlySpan<int> values)
    {
        int uppers = 0;
        for (int i = 0; i < lasts.Length; i++)
        {
            if (i == 0 || UpperOf(lasts[i]) != UpperOf(lasts[i - 1])) uppers++;
        }

        _uppers = new ulong[uppers];
        _starts = new int[uppers + 1];
        _starts[uppers] = lasts.Length;
        _lowers = new ulong[lasts.Length];
        for (int i = lasts.Length - 1; i >= 0; i--)
        {
            _lowers[i] = (ulong)lasts[i];
            if (i == lasts.Length - 1 || UpperOf(lasts[i]) != UpperOf(lasts[i + 1])) uppers--;
            _uppers[uppers] = UpperOf(lasts[i]);
            _starts[uppers] = i;
        }

        _values = values.ToArray();
        _valueOfUpper = ValuesOfUppers();
        List<int> sizes = [];
        for (int keys = _uppers.Length; keys > 0;)
        {
            int nodes = (keys + KeysPerNode - 1) / KeysPerNode;
            sizes.Add(nodes);
            int above = (nodes + KeysPerNode) / (KeysPerNode + 1);
            keys = nodes > 1 ? above * KeysPerNode : 0;
        }

        (_keys, int start) = AlignedNodes.Allocate<long>(sizes.Sum() * KeysPerNode);
        _keys.AsSpan().Fill(long.MaxValue);
        _layers = new int[sizes.Count];
        for (int layer = sizes.Count - 1; layer >= 0; layer--)
        {
            _layers[sizes.Count - 1 - layer] = start;
            start += sizes[layer] * KeysPerNode;
        }

        if (_uppers.Length == 0) return;
        for (int i = 0; i < _uppers.Length; i++) _keys[_layers[^1] + i] = Flip(_uppers[i]);
        int leavesPerChild = 1;
        for (int layer = sizes.Count - 2; layer >= 0; layer--)
        {
            int nodes = sizes[sizes.Count - 1 - layer];
            for (int key = 0; key < nodes * KeysPerNode; key++)
            {
                int child = (key / KeysPerNode * (KeysPerNode + 1)) + (key % KeysPerNode);
                int lastKeyBelow = ((child + 1) * leavesPerChild * KeysPerNode) - 1;
                if (lastKeyBelow < _uppers.Length - 1) _keys[_layers[layer] + key] = Flip(_uppers[lastKeyBelow]);
            }

            leavesPerChild *= KeysPerNode + 1;
        }
    }

    // The same ranges with other values.
    private RangeTree128(RangeTree128 known, ReadOnlySpan<int> values)
    {
        (_keys, _layers, _uppers, _starts, _lowers) = (known._keys, known._layers, known._uppers, known._starts, known._lowers);
        _values = values.ToArray();
        _valueOfUpper = ValuesOfUppers();
    }

    /// <summary>The tree of these ranges: the one that is known, or what of it is the same.</summary>
    public static RangeTree128 Of(ReadOnlySpan<UInt128> lasts, ReadOnlySpan<int> values, RangeTree128? known)
    {
        if (known is null || !known.Holds(lasts)) return new RangeTree128(lasts, values);
        return values.SequenceEqual(known._values) ? known : new RangeTree128(known, values);
    }

    /// <summary>How many keys.</summary>
    public int Count => _lowers.Length;

    /// <summary>How many nodes every search reads.</summary>
    public int Depth => _layers.Length;

    /// <summary>The value of a range whose end shares its upper half with the end of another, or that ends within an upper half.</summary>
    private int FindWithin(int found, ulong upper, ulong lower)
    {
        int low = _starts[found];
        if (_uppers[found] != upper) return _values[low];
        // Halving without branches, which a random address would mispredict.
        int left = _starts[found + 1] - low;
        ulong[] lowers = _lowers;
        while (left > 1)
        {
            int half = left >>> 1;
            low += lowers[low + half - 1] < lower ? half : 0;
            left -= half;
        }

        return _values[low + (lowers[low] < lower ? 1 : 0)];
    }

    private int[] ValuesOfUppers()
    {
        int[] values = new int[_uppers.Length + 1];
        for (int i = 0; i < _uppers.Length; i++)
        {
            bool isWhole = _starts[i + 1] - _starts[i] == 1 && _lowers[_starts[i]] == ulong.MaxValue;
            values[i] = isWhole ? _values[_starts[i]] : LookCloser;
        }

        values[^1] = _values[^1];
        return values;
    }

    private bool Holds(ReadOnlySpan<UInt128> lasts)
    {
        if (lasts.Length != Count) return false;
        for (int upper = 0; upper < _uppers.Length; upper++)
        {
            for (int i = _starts[upper]; i < _starts[upper + 1]; i++)
            {
                if (lasts[i] != new UInt128(_uppers[upper], _lowers[i])) return false;
            }
        }

        return true;
    }

    private static ulong UpperOf(UInt128 number) => (ulong)(number >> 64);

    private static long Flip(ulong value) => (long)(value ^ 0x8000_0000_0000_0000);
}
