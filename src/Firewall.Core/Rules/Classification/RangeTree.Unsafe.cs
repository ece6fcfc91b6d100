using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Firewall.Core.Rules.Classification;

/// <content>
/// The search, without the checks of array bounds that would double its time when compiled ahead: node numbers come from counts of at
/// most <see cref="KeysPerNode"/> keys in layers that the constructor made large enough, and there is one spare node behind them.
/// </content>
internal sealed partial class RangeTree
{
    /// <summary>How many keys are smaller than the number: the index of its range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(uint value)
    {
        int wanted = Flip(value);
        int node = 0;
        int smaller = 0;
        ref int keys = ref MemoryMarshal.GetArrayDataReference(_keys);
        foreach (int layer in _layers)
        {
            node = (node * (KeysPerNode + 1)) + smaller;
            smaller = CountSmaller(ref Unsafe.Add(ref keys, layer + (node * KeysPerNode)), wanted);
        }

        return (node * KeysPerNode) + smaller;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int CountSmaller(ref int node, int wanted)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return BitOperations.PopCount(Vector512.LessThan(Vector512.LoadUnsafe(ref node), Vector512.Create(wanted)).ExtractMostSignificantBits());
        }

        if (Vector256.IsHardwareAccelerated)
        {
            Vector256<int> eight = Vector256.Create(wanted);
            uint low = Vector256.LessThan(Vector256.LoadUnsafe(ref node), eight).ExtractMostSignificantBits();
            uint high = Vector256.LessThan(Vector256.LoadUnsafe(ref node, 8), eight).ExtractMostSignificantBits();
            return BitOperations.PopCount(low | (high << 8));
        }

        Vector128<int> four = Vector128.Create(wanted);
        Vector128<int> a = Vector128.LessThan(Vector128.LoadUnsafe(ref node), four);
        Vector128<int> b = Vector128.LessThan(Vector128.LoadUnsafe(ref node, 4), four);
        Vector128<int> c = Vector128.LessThan(Vector128.LoadUnsafe(ref node, 8), four);
        Vector128<int> d = Vector128.LessThan(Vector128.LoadUnsafe(ref node, 12), four);
        if (!Sse2.IsSupported) return -Vector128.Sum(a + b + c + d);
        // One byte for each key; a program compiled ahead for all x64 processors since 2009 has nothing wider.
        Vector128<sbyte> bytes = Sse2.PackSignedSaturate(Sse2.PackSignedSaturate(a, b), Sse2.PackSignedSaturate(c, d));
        return BitOperations.PopCount((uint)Sse2.MoveMask(bytes));
    }
}
