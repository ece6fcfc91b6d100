using System.Buffers;
using System.Numerics;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// All numbers cut into adjoining ranges, each with a value; neighbours differ. What an index is built from: its memory comes from a pool, since
/// the map of a whole service tag file is megabytes that a reload would leave to the garbage collector. <see cref="Release"/> gives it back.
/// </summary>
/// <typeparam name="T">An unsigned integer type whose whole range is covered.</typeparam>
internal sealed class RangeMap<T>
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private readonly int _count;
    private T[] _lasts;
    private int[] _values;

    private RangeMap(T[] lasts, int[] values, int count)
    {
        _lasts = lasts;
        _values = values;
        _count = count;
    }

    /// <summary>The last numbers of all ranges but the last, which ends with the largest number.</summary>
    public ReadOnlySpan<T> InnerLasts => _lasts.AsSpan(0, _count - 1);

    /// <summary>The last numbers of all ranges.</summary>
    public ReadOnlySpan<T> Lasts => _lasts.AsSpan(0, _count);

    /// <summary>One value for each range.</summary>
    public ReadOnlySpan<int> Values => _values.AsSpan(0, _count);

    /// <summary>The one value that all these numbers have, or null.</summary>
    public int? ValueOfAll(T first, T last)
    {
        int range = Lasts.BinarySearch(first);
        if (range < 0) range = ~range;
        return last <= _lasts[range] ? _values[range] : null;
    }

    /// <summary>Gives the ranges other values, in place: there can be a hundred thousand.</summary>
    /// <returns>This map.</returns>
    public RangeMap<T> Replace(Func<int, int> value)
    {
        for (int range = 0; range < _count; range++) _values[range] = value(_values[range]);
        return this;
    }

    /// <summary>Gives the memory back for the next map; nothing of this one may be used any more.</summary>
    public void Release()
    {
        ArrayPool<T>.Shared.Return(_lasts);
        ArrayPool<int>.Shared.Return(_values);
        (_lasts, _values) = ([], []);
    }

    /// <summary>
    /// Cuts the numbers at the ends of all sets. Whenever sets begin or end, <paramref name="toggle"/> is called for each of them, and
    /// then <paramref name="value"/> for the value of the range that begins.
    /// </summary>
    public static RangeMap<T> Sweep(IReadOnlyList<IntervalSet<T>> sets, Action<int> toggle, Func<int> value)
    {
        int events = 0;
        foreach (IntervalSet<T> set in sets) events += set.Count * 2;
        T[] places = ArrayPool<T>.Shared.Rent(events);
        int[] owners = ArrayPool<int>.Shared.Rent(events);
        int count = 0;
        for (int owner = 0; owner < sets.Count; owner++)
        {
            ReadOnlySpan<T> firsts = sets[owner].Firsts;
            ReadOnlySpan<T> lasts = sets[owner].Lasts;
            for (int i = 0; i < firsts.Length; i++)
            {
                places[count] = firsts[i];
                owners[count++] = owner;
                if (lasts[i] == T.MaxValue) continue;
                places[count] = lasts[i] + T.One;
                owners[count++] = owner;
            }
        }

        Array.Sort(places, owners, 0, count);
        T[] ends = ArrayPool<T>.Shared.Rent(count + 1);
        int[] values = ArrayPool<int>.Shared.Rent(count + 1);
        int ranges = 0;
        int next = 0;
        T start = T.MinValue;
        while (true)
        {
            while (next < count && places[next] == start) toggle(owners[next++]);
            int current = value();
            // One with the value of the range before it goes on with that range.
            if (ranges == 0 || values[ranges - 1] != current) values[ranges++] = current;
            if (next == count) break;
            start = places[next];
            ends[ranges - 1] = start - T.One;
        }

        ends[ranges - 1] = T.MaxValue;
        ArrayPool<T>.Shared.Return(places);
        ArrayPool<int>.Shared.Return(owners);
        return new RangeMap<T>(ends, values, ranges);
    }
}
