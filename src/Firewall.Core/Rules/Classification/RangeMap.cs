using System.Numerics;

namespace Firewall.Core.Rules.Classification;

/// <summary>All numbers cut into adjoining ranges, each with a value; neighbours differ.</summary>
/// <typeparam name="T">An unsigned integer type whose whole range is covered.</typeparam>
internal sealed class RangeMap<T>
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private readonly T[] _lasts;

    private RangeMap(T[] lasts, int[] values)
    {
        _lasts = lasts;
        Values = values;
    }

    /// <summary>The last numbers of all ranges but the last, which ends with the largest number.</summary>
    public ReadOnlySpan<T> InnerLasts => _lasts.AsSpan(0, _lasts.Length - 1);

    /// <summary>The last numbers of all ranges.</summary>
    public ReadOnlySpan<T> Lasts => _lasts;

    /// <summary>One value for each range.</summary>
    public int[] Values { get; }

    /// <summary>The one value that all these numbers have, or null.</summary>
    public int? ValueOfAll(T first, T last)
    {
        int range = Array.BinarySearch(_lasts, first);
        if (range < 0) range = ~range;
        return last <= _lasts[range] ? Values[range] : null;
    }

    /// <summary>Gives the ranges other values, in place: there can be a hundred thousand.</summary>
    /// <returns>This map.</returns>
    public RangeMap<T> Replace(Func<int, int> value)
    {
        for (int range = 0; range < Values.Length; range++) Values[range] = value(Values[range]);
        return this;
    }

    /// <summary>
    /// Cuts the numbers at the ends of all sets. Whenever sets begin or end, <paramref name="toggle"/> is called for each of them, and
    /// then <paramref name="value"/> for the value of the range that begins.
    /// </summary>
    public static RangeMap<T> Sweep(IReadOnlyList<IntervalSet<T>> sets, Action<int> toggle, Func<int> value)
    {
        int events = 0;
        foreach (IntervalSet<T> set in sets) events += set.Count * 2;
        T[] places = new T[events];
        int[] owners = new int[events];
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
        List<T> ends = new(count + 1);
        List<int> values = new(count + 1);
        int next = 0;
        T start = T.MinValue;
        while (true)
        {
            while (next < count && places[next] == start) toggle(owners[next++]);
            int current = value();
            if (values.Count > 0 && values[^1] == current)
            {
                ends.RemoveAt(ends.Count - 1);
            }
            else
            {
                values.Add(current);
            }

            if (next == count)
            {
                ends.Add(T.MaxValue);
                return new RangeMap<T>([.. ends], [.. values]);
            }

            start = places[next];
            ends.Add(start - T.One);
        }
    }
}
