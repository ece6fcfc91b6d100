using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Firewall.Core.Rules.Classification;

/// <content>The search, without checks of array bounds for the reason that <see cref="RangeTree"/> gives.</content>
internal sealed partial class RangeTree128
{
    /// <summary>The value of the range that holds the number, given as its halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ulong upper, ulong lower)
    {
        long wanted = Flip(upper);
        int node = 0;
        int smaller = 0;
        ref long keys = ref MemoryMarshal.GetArrayDataReference(_keys);
        foreach (int layer in _layers)
        {
            node = (node * (KeysPerNode + 1)) + smaller;
            smaller = CountSmaller(ref Unsafe.Add(ref keys, layer + (node * KeysPerNode)), wanted);
        }

        int found = (node * KeysPerNode) + smaller;
        int value = Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_valueOfUpper), found);
        return value >= 0 ? value : FindWithin(found, upper, lower);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int CountSmaller(ref long node, long wanted)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return BitOperations.PopCount(Vector512.LessThan(Vector512.LoadUnsafe(ref node), Vector512.Create(wanted)).ExtractMostSignificantBits());
        }

        if (Vector256.IsHardwareAccelerated)
        {
            Vector256<long> all = Vector256.Create(wanted);
            uint low = Vector256.LessThan(Vector256.LoadUnsafe(ref node), all).ExtractMostSignificantBits();
            uint high = Vector256.LessThan(Vector256.LoadUnsafe(ref node, 4), all).ExtractMostSignificantBits();
            return BitOperations.PopCount(low | (high << 4));
        }

        Vector128<long> two = Vector128.Create(wanted);
        if (!Sse42.IsSupported)
        {
            return -(int)Vector128.Sum(
                Vector128.LessThan(Vector128.LoadUnsafe(ref node), two) + Vector128.LessThan(Vector128.LoadUnsafe(ref node, 2), two)
                + Vector128.LessThan(Vector128.LoadUnsafe(ref node, 4), two) + Vector128.LessThan(Vector128.LoadUnsafe(ref node, 6), two));
        }

        // Named by its instruction, which the general form is not sure to become. Two bytes for each key.
        Vector128<int> a = Sse42.CompareGreaterThan(two, Vector128.LoadUnsafe(ref node)).AsInt32();
        Vector128<int> b = Sse42.CompareGreaterThan(two, Vector128.LoadUnsafe(ref node, 2)).AsInt32();
        Vector128<int> c = Sse42.CompareGreaterThan(two, Vector128.LoadUnsafe(ref node, 4)).AsInt32();
        Vector128<int> d = Sse42.CompareGreaterThan(two, Vector128.LoadUnsafe(ref node, 6)).AsInt32();
        Vector128<sbyte> bytes = Sse2.PackSignedSaturate(Sse2.PackSignedSaturate(a, b), Sse2.PackSignedSaturate(c, d));
        return BitOperations.PopCount((uint)Sse2.MoveMask(bytes)) >> 1;
    }
}
