using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// The same as <see cref="RangeTree"/> for 128-bit numbers. The tree is over the distinct upper halves, eight to a node; ranges that
/// begin or end inside one upper half (IPv6 prefixes longer than /64) are few for each, and are searched by their lower halves.
/// </summary>
internal sealed class RangeTree128
{
    private const int KeysPerNode = 8;
    private const int CacheLine = 64;

    private readonly long[] _keys;
    private readonly int[] _layers;
    private readonly ulong[] _uppers;
    private readonly int[] _starts;
    private readonly ulong[] _lowers;

    /// <param name="lasts">The last numbers of the ranges, ascending; the very last range, which ends with the largest number, may be left out.</param>
    public RangeTree128(ReadOnlySpan<UInt128> lasts)
    {
        Count = lasts.Length;
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

    /// <summary>How many keys are smaller than the number, given as its halves: the index of its range.</summary>
    public int Find(ulong upper, ulong lower)
    {
        long wanted = Flip(upper);
        int node = 0;
        int smaller = 0;
        long[] keys = _keys;
        int[] layers = _layers;
        for (int layer = 0; layer < layers.Length; layer++)
        {
            node = (node * (KeysPerNode + 1)) + smaller;
            smaller = CountSmaller(keys.AsSpan(layers[layer] + (node * KeysPerNode), KeysPerNode), wanted);
        }

        int found = (node * KeysPerNode) + smaller;
        int low = _starts[found];
        if (found == _uppers.Length || _uppers[found] != upper) return low;
        // Halving without branches, which a random address would mispredict.
        int left = _starts[found + 1] - low;
        ulong[] lowers = _lowers;
        while (left > 1)
        {
            int half = left >>> 1;
            low += lowers[low + half - 1] < lower ? half : 0;
            left -= half;
        }

        return low + (lowers[low] < lower ? 1 : 0);
    }

    private static int CountSmaller(ReadOnlySpan<long> node, long wanted)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return BitOperations.PopCount(Vector512.LessThan(Vector512.Create(node), Vector512.Create(wanted)).ExtractMostSignificantBits());
        }

        if (Vector256.IsHardwareAccelerated)
        {
            Vector256<long> all = Vector256.Create(wanted);
            uint low = Vector256.LessThan(Vector256.Create(node), all).ExtractMostSignificantBits();
            uint high = Vector256.LessThan(Vector256.Create(node[4..]), all).ExtractMostSignificantBits();
            return BitOperations.PopCount(low | (high << 4));
        }

        Vector128<long> two = Vector128.Create(wanted);
        Vector128<long> sum = Vector128.LessThan(Vector128.Create(node), two) + Vector128.LessThan(Vector128.Create(node[2..]), two)
            + Vector128.LessThan(Vector128.Create(node[4..]), two) + Vector128.LessThan(Vector128.Create(node[6..]), two);
        return -(int)Vector128.Sum(sum);
    }

    private static long Flip(ulong value) => (long)(value ^ 0x8000_0000_0000_0000);
}
