using System.Runtime.InteropServices;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// The same as <see cref="RangeTree"/> for 128-bit numbers, with a value for each range. The tree is over the distinct upper halves,
/// eight to a node; ranges that begin or end inside one upper half (IPv6 prefixes longer than /64) are few for each, and are searched
/// by their lower halves. Where a range ends with its upper half, as nearly all do, its value is found without a look at more.
/// </summary>
internal sealed partial class RangeTree128
{
    private const int KeysPerNode = 8;
    private const int CacheLine = 64;
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
    public RangeTree128(ReadOnlySpan<UInt128> lasts, int[] values)
    {
        Count = lasts.Length;
        _values = values;
        List<ulong> uppers = [];
        List<int> starts = [];
        _lowers = new ulong[lasts.Length];
        for (int i = 0; i < lasts.Length; i++)
        {
            ulong upper = (ulong)(lasts[i] >> 64);
            _lowers[i] = (ulong)lasts[i];
            if (uppers.Count > 0 && uppers[^1] == upper) continue;
            uppers.Add(upper);
            starts.Add(i);
        }

        _uppers = [.. uppers];
        _starts = [.. starts, lasts.Length];
        _valueOfUpper = new int[_uppers.Length + 1];
        for (int i = 0; i < _uppers.Length; i++)
        {
            bool isWhole = _starts[i + 1] - _starts[i] == 1 && _lowers[_starts[i]] == ulong.MaxValue;
            _valueOfUpper[i] = isWhole ? values[_starts[i]] : LookCloser;
        }

        _valueOfUpper[^1] = values[lasts.Length];
        List<int> sizes = [];
        for (int keys = _uppers.Length; keys > 0;)
        {
            int nodes = (keys + KeysPerNode - 1) / KeysPerNode;
            sizes.Add(nodes);
            int above = (nodes + KeysPerNode) / (KeysPerNode + 1);
            keys = nodes > 1 ? above * KeysPerNode : 0;
        }

        _keys = GC.AllocateUninitializedArray<long>((sizes.Sum() * KeysPerNode) + KeysPerNode, pinned: true);
        _keys.AsSpan().Fill(long.MaxValue);
        int start = (int)((CacheLine - (Marshal.UnsafeAddrOfPinnedArrayElement(_keys, 0) & (CacheLine - 1))) & (CacheLine - 1)) / sizeof(long);
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

    /// <summary>How many keys.</summary>
    public int Count { get; }

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

    private static long Flip(ulong value) => (long)(value ^ 0x8000_0000_0000_0000);
}
