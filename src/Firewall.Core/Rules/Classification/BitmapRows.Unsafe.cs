using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Firewall.Core.Rules.Classification;

/// <content>
/// The first bit that rows have in common, without checks of array bounds: values come from the tables that were made together with the
/// rows, each of which has as many words as all others.
/// </content>
internal sealed partial class BitmapRows
{
    private const uint AllEmpty = (1 << WordsPerBlock) - 1;

    // The first and third of each operand's four numbers.
    private const byte EvenOnes = 0b10_00_10_00;

    private interface IRows
    {
        ulong Word(nuint at);

        Vector128<ulong> Two(nuint at);

        Vector256<ulong> Four(nuint at);

        Vector512<ulong> Eight(nuint at);
    }

    /// <summary>The first rule that all values allow, or -1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int FirstCommon(in FieldValues values)
    {
        ref ulong bits = ref MemoryMarshal.GetArrayDataReference(_bits);
        if (IsCrossed)
        {
            int widest = values[_widest];
            int second = values[_second];
            int crossed = values[0] + values[1] + values[2] + values[3] + values[4] - widest - second;
            return First(new ThreeRows(ref Unsafe.Add(ref bits, crossed), ref Unsafe.Add(ref bits, widest), ref Unsafe.Add(ref bits, second)));
        }

        return First(new FiveRows(
            new ThreeRows(ref Unsafe.Add(ref bits, values[0]), ref Unsafe.Add(ref bits, values[1]), ref Unsafe.Add(ref bits, values[2])),
            ref Unsafe.Add(ref bits, values[3]),
            ref Unsafe.Add(ref bits, values[4])));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int First<TRows>(in TRows rows)
        where TRows : struct, IRows, allows ref struct
    {
        int words = _words;
        if (words < WordsPerBlock)
        {
            for (nuint word = 0; word < (nuint)words; word++)
            {
                ulong common = rows.Word(word);
                if (common != 0) return ((int)word * 64) + BitOperations.TrailingZeroCount(common);
            }

            return -1;
        }

        for (nuint at = 0; at < (nuint)words; at += WordsPerBlock)
        {
            // Where the first common bit lies is anybody's guess, so it is computed and not branched for.
            uint empty = EmptyWords(in rows, at);
            if (empty == AllEmpty) continue;
            nuint word = at + (nuint)BitOperations.TrailingZeroCount(~empty);
            return ((int)word * 64) + BitOperations.TrailingZeroCount(rows.Word(word));
        }

        return -1;
    }

    /// <summary>A bit for each of the sixteen words from there on that has no bit in common.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint EmptyWords<TRows>(in TRows rows, nuint at)
        where TRows : struct, IRows, allows ref struct
    {
        if (Vector512.IsHardwareAccelerated) return (uint)(EmptyOf(rows.Eight(at)) | (EmptyOf(rows.Eight(at + 8)) << 8));
        if (Vector256.IsHardwareAccelerated)
        {
            return EmptyOf(rows.Four(at)) | (EmptyOf(rows.Four(at + 4)) << 4) | (EmptyOf(rows.Four(at + 8)) << 8) | (EmptyOf(rows.Four(at + 12)) << 12);
        }

        if (!Sse41.IsSupported)
        {
            uint empty = 0;
            for (int word = 0; word < WordsPerBlock; word++) empty |= (rows.Word(at + (nuint)word) == 0 ? 1u : 0) << word;
            return empty;
        }

        // By instruction, for the reason that RangeTree128 gives. One byte for each word.
        Vector128<short> low = Sse2.PackSignedSaturate(EmptyOf(rows.Two(at), rows.Two(at + 2)), EmptyOf(rows.Two(at + 4), rows.Two(at + 6)));
        Vector128<short> high = Sse2.PackSignedSaturate(EmptyOf(rows.Two(at + 8), rows.Two(at + 10)), EmptyOf(rows.Two(at + 12), rows.Two(at + 14)));
        return (uint)Sse2.MoveMask(Sse2.PackSignedSaturate(low, high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong EmptyOf(Vector512<ulong> eight) => Vector512.Equals(eight, Vector512<ulong>.Zero).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint EmptyOf(Vector256<ulong> four) => Vector256.Equals(four, Vector256<ulong>.Zero).ExtractMostSignificantBits();

    /// <summary>Minus one for each of four words that is zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> EmptyOf(Vector128<ulong> two, Vector128<ulong> next) => Sse.Shuffle(
        Sse41.CompareEqual(two, Vector128<ulong>.Zero).AsSingle(), Sse41.CompareEqual(next, Vector128<ulong>.Zero).AsSingle(), EvenOnes).AsInt32();

    private readonly ref struct ThreeRows(ref ulong a, ref ulong b, ref ulong c) : IRows
    {
        private readonly ref ulong _a = ref a;
        private readonly ref ulong _b = ref b;
        private readonly ref ulong _c = ref c;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public ulong Word(nuint at) => Unsafe.Add(ref _a, at) & Unsafe.Add(ref _b, at) & Unsafe.Add(ref _c, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector128<ulong> Two(nuint at) => Vector128.LoadUnsafe(ref _a, at) & Vector128.LoadUnsafe(ref _b, at) & Vector128.LoadUnsafe(ref _c, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<ulong> Four(nuint at) => Vector256.LoadUnsafe(ref _a, at) & Vector256.LoadUnsafe(ref _b, at) & Vector256.LoadUnsafe(ref _c, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<ulong> Eight(nuint at) => Vector512.LoadUnsafe(ref _a, at) & Vector512.LoadUnsafe(ref _b, at) & Vector512.LoadUnsafe(ref _c, at);
    }

    private readonly ref struct FiveRows(ThreeRows three, ref ulong d, ref ulong e) : IRows
    {
        private readonly ThreeRows _three = three;
        private readonly ref ulong _d = ref d;
        private readonly ref ulong _e = ref e;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public ulong Word(nuint at) => _three.Word(at) & Unsafe.Add(ref _d, at) & Unsafe.Add(ref _e, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector128<ulong> Two(nuint at) => _three.Two(at) & Vector128.LoadUnsafe(ref _d, at) & Vector128.LoadUnsafe(ref _e, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<ulong> Four(nuint at) => _three.Four(at) & Vector256.LoadUnsafe(ref _d, at) & Vector256.LoadUnsafe(ref _e, at);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<ulong> Eight(nuint at) => _three.Eight(at) & Vector512.LoadUnsafe(ref _d, at) & Vector512.LoadUnsafe(ref _e, at);
    }
}
