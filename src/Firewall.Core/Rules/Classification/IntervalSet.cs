using System.Numerics;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// A set of numbers, held as sorted intervals that neither overlap nor touch. Immutable. The one representation of addresses,
/// ports and protocols that matching and set reasoning share.
/// </summary>
/// <typeparam name="T">An unsigned integer type whose whole range is the universe.</typeparam>
internal sealed class IntervalSet<T> : IEquatable<IntervalSet<T>>
    where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
{
    private readonly T[] _first;
    private readonly T[] _last;
    private int _hash;

    private IntervalSet(T[] first, T[] last)
    {
        _first = first;
        _last = last;
    }

    /// <summary>No number.</summary>
    public static IntervalSet<T> Empty { get; } = new([], []);

    /// <summary>Every number.</summary>
    public static IntervalSet<T> All { get; } = new([T.MinValue], [T.MaxValue]);

    /// <summary>How many intervals.</summary>
    public int Count => _first.Length;

    public bool IsEmpty => _first.Length == 0;

    public bool IsAll => _first.Length == 1 && _first[0] == T.MinValue && _last[0] == T.MaxValue;

    /// <summary>The lowest numbers of the intervals, ascending.</summary>
    public ReadOnlySpan<T> Firsts => _first;

    /// <summary>The highest numbers of the intervals, ascending.</summary>
    public ReadOnlySpan<T> Lasts => _last;

    public static IntervalSet<T> Of(T first, T last) => new([first], [last]);

    /// <summary>Makes a set of intervals in any order, overlapping or not. The list is sorted in place.</summary>
    public static IntervalSet<T> From(List<(T First, T Last)> intervals)
    {
        if (intervals.Count == 0) return Empty;
        intervals.Sort(static (a, b) => a.First.CompareTo(b.First));
        List<T> first = new(intervals.Count);
        List<T> last = new(intervals.Count);
        (T from, T to) = intervals[0];
        foreach ((T start, T end) in intervals)
        {
            if (to == T.MaxValue || start <= to + T.One)
            {
                if (end > to) to = end;
                continue;
            }

            first.Add(from);
            last.Add(to);
            (from, to) = (start, end);
        }

        first.Add(from);
        last.Add(to);
        return new([.. first], [.. last]);
    }

    /// <summary>True if the number is in the set. Does not allocate.</summary>
    public bool Contains(T value)
    {
        T[] first = _first;
        int low = 0;
        int high = first.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (first[middle] <= value) low = middle + 1;
            else high = middle;
        }

        return low > 0 && value <= _last[low - 1];
    }

    public IntervalSet<T> Union(IntervalSet<T> other)
    {
        if (IsAll || other.IsEmpty || ReferenceEquals(this, other)) return this;
        if (other.IsAll || IsEmpty) return other;
        List<(T, T)> all = new(Count + other.Count);
        for (int i = 0; i < _first.Length; i++) all.Add((_first[i], _last[i]));
        for (int i = 0; i < other._first.Length; i++) all.Add((other._first[i], other._last[i]));
        return From(all);
    }

    public IntervalSet<T> Complement()
    {
        if (IsEmpty) return All;
        List<T> first = new(Count + 1);
        List<T> last = new(Count + 1);
        T next = T.MinValue;
        bool ended = false;
        for (int i = 0; i < _first.Length; i++)
        {
            if (_first[i] > next)
            {
                first.Add(next);
                last.Add(_first[i] - T.One);
            }

            ended = _last[i] == T.MaxValue;
            if (!ended) next = _last[i] + T.One;
        }

        if (!ended)
        {
            first.Add(next);
            last.Add(T.MaxValue);
        }

        return new([.. first], [.. last]);
    }

    public IntervalSet<T> Intersect(IntervalSet<T> other)
    {
        if (IsAll || other.IsEmpty || ReferenceEquals(this, other)) return other;
        if (other.IsAll || IsEmpty) return this;
        List<T> first = [];
        List<T> last = [];
        int i = 0;
        int j = 0;
        while (i < _first.Length && j < other._first.Length)
        {
            T from = T.Max(_first[i], other._first[j]);
            T to = T.Min(_last[i], other._last[j]);
            if (from <= to)
            {
                first.Add(from);
                last.Add(to);
            }

            if (_last[i] < other._last[j]) i++;
            else j++;
        }

        return first.Count == 0 ? Empty : new([.. first], [.. last]);
    }

    public IntervalSet<T> Except(IntervalSet<T> other) => other.IsEmpty || IsEmpty ? this : Intersect(other.Complement());

    public bool Overlaps(IntervalSet<T> other)
    {
        int i = 0;
        int j = 0;
        while (i < _first.Length && j < other._first.Length)
        {
            if (_last[i] < other._first[j]) i++;
            else if (other._last[j] < _first[i]) j++;
            else return true;
        }

        return false;
    }

    /// <summary>True if every number of <paramref name="other"/> is in this set.</summary>
    public bool Covers(IntervalSet<T> other)
    {
        int i = 0;
        for (int j = 0; j < other._first.Length; j++)
        {
            while (i < _first.Length && _last[i] < other._first[j]) i++;
            if (i == _first.Length || _first[i] > other._first[j] || _last[i] < other._last[j]) return false;
        }

        return true;
    }

    public bool Equals(IntervalSet<T>? other) =>
        ReferenceEquals(this, other) || other is not null && _first.AsSpan().SequenceEqual(other._first) && _last.AsSpan().SequenceEqual(other._last);

    public override bool Equals(object? obj) => Equals(obj as IntervalSet<T>);

    public override int GetHashCode()
    {
        // Computed once: a rule list may ask a thousand times for the hash of a tag with ten thousand intervals.
        if (_hash != 0) return _hash;
        HashCode hash = default;
        foreach (T value in _first) hash.Add(value);
        foreach (T value in _last) hash.Add(value);
        return _hash = hash.ToHashCode() | 1;
    }
}
