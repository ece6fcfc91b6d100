using System.Numerics;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// The values of one field, sorted into classes that no rule tells apart. Each class has the bitmap of the rules that its values
/// fit, and the values themselves.
/// </summary>
/// <typeparam name="T">The field's type.</typeparam>
internal sealed class FieldClasses<T>
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private readonly int _words;
    private readonly List<(T First, T Last)>[] _values;

    private FieldClasses(int words, ulong[] bits, List<(T First, T Last)>[] values)
    {
        _words = words;
        Bits = bits;
        _values = values;
    }

    /// <summary>The bitmaps of all classes, one behind the other.</summary>
    public ulong[] Bits { get; }

    /// <summary>How many classes.</summary>
    public int Count => _values.Length;

    /// <summary>The bitmap of a class.</summary>
    public ReadOnlySpan<ulong> BitsOf(int index) => Bits.AsSpan(index * _words, _words);

    /// <summary>The values of a class.</summary>
    public IntervalSet<T> ValuesOf(int index) => IntervalSet<T>.From([.. _values[index]]);

    /// <summary>The values of several classes.</summary>
    public IntervalSet<T> ValuesOf(IEnumerable<int> indexes) => IntervalSet<T>.From([.. indexes.SelectMany(index => _values[index])]);

    /// <summary>A value of a class for people to look at: the first of the preferred ones that is in it, else its lowest but zero.</summary>
    public T Representative(int index, params ReadOnlySpan<T> preferred)
    {
        IntervalSet<T> values = ValuesOf(index);
        foreach (T value in preferred)
        {
            if (values.Contains(value)) return value;
        }

        return values.Firsts[0] != T.Zero ? values.Firsts[0] : values.Contains(T.One) ? T.One : values.Lasts[^1];
    }

    /// <summary>Sorts the values of one or more domains by the sets of the rules; no class has values of two domains.</summary>
    /// <param name="sets">The distinct sets, each with the bitmap of the rules that have it.</param>
    /// <param name="words">Length of a bitmap.</param>
    /// <param name="domains">Values outside of them are left out.</param>
    public static FieldClasses<T> Of(
        IReadOnlyList<(IntervalSet<T> Set, ulong[] Rules)> sets, int words, params ReadOnlySpan<IntervalSet<T>> domains)
    {
        List<ulong> bits = [];
        List<List<(T, T)>> values = [];
        foreach (IntervalSet<T> domain in domains) Sort(sets, words, domain, bits, values);
        return new FieldClasses<T>(words, [.. bits], [.. values]);
    }

    private static void Sort(
        IReadOnlyList<(IntervalSet<T> Set, ulong[] Rules)> sets, int words, IntervalSet<T> domain, List<ulong> bits, List<List<(T, T)>> values)
    {
        int before = values.Count;
        BitmapTable table = new(words);
        ulong[] bitmap = new ulong[words];
        bool isInside = false;
        RangeMap<T> map = RangeMap<T>.Sweep(
            [domain, .. sets.Select(entry => entry.Set)],
            set =>
            {
                if (set == 0)
                {
                    isInside = !isInside;
                    return;
                }

                ulong[] mask = sets[set - 1].Rules;
                for (int word = 0; word < words; word++) bitmap[word] ^= mask[word];
            },
            () => isInside ? table.Intern(bitmap) : -1);
        for (int i = 0; i < table.Count; i++) values.Add([]);
        T first = T.MinValue;
        for (int range = 0; range < map.Values.Length; range++)
        {
            if (map.Values[range] >= 0) values[before + map.Values[range]].Add((first, map.Lasts[range]));
            if (range + 1 < map.Values.Length) first = map.Lasts[range] + T.One;
        }

        bits.AddRange(table.Bits);
    }
}
