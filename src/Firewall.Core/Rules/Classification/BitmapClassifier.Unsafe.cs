using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Firewall.Core.Rules.Classification;

/// <content>
/// The first bit that the bitmaps have in common, without checks of array bounds: classes come from the tables that were made together
/// with the bitmaps, each of which has as many words as all others.
/// </content>
internal sealed partial class BitmapClassifier
{
    private const uint AllEmpty = (1 << WordsPerBlock) - 1;

    private int FirstCommon(in Classes classes)
    {
        int words = _words;
        ref ulong a = ref Row(_sourceBits, classes.Source, words);
        ref ulong b = ref Row(_destinationBits, classes.Destination, words);
        ref ulong c = ref Row(_destinationPorts.Bits, classes.DestinationPort, words);
        ref ulong d = ref Row(_sourcePorts.Bits, classes.SourcePort, words);
        ref ulong e = ref Row(_protocolBits, classes.Protocol, words);
        if (words >= WordsPerBlock)
        {
            for (nuint at = 0; at < (nuint)words; at += WordsPerBlock)
            {
                // Where the first common bit lies is anybody's guess, so it is computed and not branched for.
                uint empty = EmptyWords(ref a, ref b, ref c, ref d, ref e, at);
                if (empty == AllEmpty) continue;
                nuint word = at + (nuint)BitOperations.TrailingZeroCount(~empty);
                return ((int)word * 64) + BitOperations.TrailingZeroCount(Common(ref a, ref b, ref c, ref d, ref e, word));
            }

            return -1;
        }

        for (nuint word = 0; word < (nuint)words; word++)
        {
            ulong common = Common(ref a, ref b, ref c, ref d, ref e, word);
            if (common != 0) return ((int)word * 64) + BitOperations.TrailingZeroCount(common);
        }

        return -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref ulong Row(ulong[] bits, int index, int words) => ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(bits), (nint)index * words);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Common(ref ulong a, ref ulong b, ref ulong c, ref ulong d, ref ulong e, nuint word) =>
        Unsafe.Add(ref a, word) & Unsafe.Add(ref b, word) & Unsafe.Add(ref c, word) & Unsafe.Add(ref d, word) & Unsafe.Add(ref e, word);

    /// <summary>A bit for each of the eight words from there on that has no bit in common.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint EmptyWords(ref ulong a, ref ulong b, ref ulong c, ref ulong d, ref ulong e, nuint at)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<ulong> common = Vector512.LoadUnsafe(ref a, at) & Vector512.LoadUnsafe(ref b, at) & Vector512.LoadUnsafe(ref c, at)
                & Vector512.LoadUnsafe(ref d, at) & Vector512.LoadUnsafe(ref e, at);
            return (uint)Vector512.Equals(common, Vector512<ulong>.Zero).ExtractMostSignificantBits();
        }

        if (Vector256.IsHardwareAccelerated)
        {
            return Vector256.Equals(Four(ref a, ref b, ref c, ref d, ref e, at), Vector256<ulong>.Zero).ExtractMostSignificantBits()
                | (Vector256.Equals(Four(ref a, ref b, ref c, ref d, ref e, at + 4), Vector256<ulong>.Zero).ExtractMostSignificantBits() << 4);
        }

        return EmptyOfTwo(ref a, ref b, ref c, ref d, ref e, at) | (EmptyOfTwo(ref a, ref b, ref c, ref d, ref e, at + 2) << 2)
            | (EmptyOfTwo(ref a, ref b, ref c, ref d, ref e, at + 4) << 4) | (EmptyOfTwo(ref a, ref b, ref c, ref d, ref e, at + 6) << 6);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Four(ref ulong a, ref ulong b, ref ulong c, ref ulong d, ref ulong e, nuint at) =>
        Vector256.LoadUnsafe(ref a, at) & Vector256.LoadUnsafe(ref b, at) & Vector256.LoadUnsafe(ref c, at)
        & Vector256.LoadUnsafe(ref d, at) & Vector256.LoadUnsafe(ref e, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint EmptyOfTwo(ref ulong a, ref ulong b, ref ulong c, ref ulong d, ref ulong e, nuint at)
    {
        Vector128<ulong> two = Vector128.LoadUnsafe(ref a, at) & Vector128.LoadUnsafe(ref b, at) & Vector128.LoadUnsafe(ref c, at)
            & Vector128.LoadUnsafe(ref d, at) & Vector128.LoadUnsafe(ref e, at);
        // The instruction by name, for the reason that RangeTree128 gives.
        Vector128<ulong> empty = Sse41.IsSupported ? Sse41.CompareEqual(two, Vector128<ulong>.Zero) : Vector128.Equals(two, Vector128<ulong>.Zero);
        return empty.ExtractMostSignificantBits();
    }
}
