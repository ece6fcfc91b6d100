namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Finds in which of many adjoining ranges of 32-bit numbers a number lies: a static B+ tree whose nodes are one cache line of
/// sixteen keys, so that a hundred thousand ranges take four steps without a branch that depends on the number. Immutable.
/// </summary>
/// <remarks>
/// The keys are the ranges' last numbers, and the answer is how many of them are smaller. The leaves hold all keys in order, padded
/// with the largest number, which is smaller than none; an inner node's key j is the last key below its child j, if there is a
/// child after it. Signed comparison
/// is what vector units have, so the top bit of all numbers is flipped.
/// </remarks>
internal sealed partial class RangeTree
{
    private const int KeysPerNode = 16;

    private readonly int[] _keys;
    private readonly int[] _layers;

    /// <param name="lasts">The last numbers of the ranges, ascending; the very last range, which ends with the largest number, may be left out.</param>
    public RangeTree(ReadOnlySpan<uint> lasts)
    {
        Count = lasts.Length;
        List<int> sizes = [];
        for (int keys = lasts.Length; keys > 0;)
        {
            int nodes = (keys + KeysPerNode - 1) / KeysPerNode;
            sizes.Add(nodes);
            // Each node of the layer above has one child more than it has keys.
            int above = (nodes + KeysPerNode) / (KeysPerNode + 1);
            keys = nodes > 1 ? above * KeysPerNode : 0;
        }

        (_keys, int start) = AlignedNodes.Allocate<int>(sizes.Sum() * KeysPerNode);
        _keys.AsSpan().Fill(int.MaxValue);
        _layers = new int[sizes.Count];
        // The root first, so that the layers that every search reads lie together.
        for (int layer = sizes.Count - 1; layer >= 0; layer--)
        {
            _layers[sizes.Count - 1 - layer] = start;
            start += sizes[layer] * KeysPerNode;
        }

        if (lasts.Length == 0) return;
        for (int i = 0; i < lasts.Length; i++) _keys[_layers[^1] + i] = Flip(lasts[i]);
        int leavesPerChild = 1;
        for (int layer = sizes.Count - 2; layer >= 0; layer--)
        {
            int nodes = sizes[sizes.Count - 1 - layer];
            for (int key = 0; key < nodes * KeysPerNode; key++)
            {
                // Key j of node n separates child j, of which there are seventeen in a node, from the next.
                int node = key / KeysPerNode;
                int child = (node * (KeysPerNode + 1)) + (key % KeysPerNode);
                int lastKeyBelow = ((child + 1) * leavesPerChild * KeysPerNode) - 1;
                if (lastKeyBelow < lasts.Length - 1) _keys[_layers[layer] + key] = Flip(lasts[lastKeyBelow]);
            }

            leavesPerChild *= KeysPerNode + 1;
        }
    }

    /// <summary>The tree of these ranges: the one that is known, if it is that already.</summary>
    public static RangeTree Of(ReadOnlySpan<uint> lasts, RangeTree? known) => known is not null && known.Holds(lasts) ? known : new RangeTree(lasts);

    /// <summary>The tree that finds the ranges of a map of ports or ICMP types.</summary>
    public static RangeTree Of(RangeMap<ushort> map)
    {
        uint[] lasts = new uint[map.InnerLasts.Length];
        for (int i = 0; i < lasts.Length; i++) lasts[i] = map.InnerLasts[i];
        return new RangeTree(lasts);
    }

    /// <summary>How many keys.</summary>
    public int Count { get; }

    /// <summary>How many nodes every search reads.</summary>
    public int Depth => _layers.Length;

    private bool Holds(ReadOnlySpan<uint> lasts)
    {
        if (lasts.Length != Count) return false;
        for (int i = 0; i < lasts.Length; i++)
        {
            if (_keys[_layers[^1] + i] != Flip(lasts[i])) return false;
        }

        return true;
    }

    private static int Flip(uint value) => (int)(value ^ 0x8000_0000);
}
