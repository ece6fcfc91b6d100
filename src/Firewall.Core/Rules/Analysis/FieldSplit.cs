using System.Numerics;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// Sorts the classes of one field into parts that a given set of rules does not tell apart. A walk asks at every node, with the few
/// rules that still fit there: going by rules splits a few sets of classes, where going by classes would look at thousands.
/// </summary>
/// <remarks>
/// In each list a part is closed once <c>keep</c> rules fit it that fit everything in the fields still to come: rules behind them
/// cannot matter to it. The buffers are used again by the next split, so a split must be done with before the next one of this field.
/// </remarks>
internal sealed class FieldSplit
{
    private readonly ulong[] _classesOfRule;
    private readonly int _count;
    private readonly int _classWords;
    private readonly int _ruleWords;
    private readonly IReadOnlyList<(int Start, int End)> _lists;
    private ulong[] _classes;
    private ulong[] _rules;
    private int[] _kept;
    private int[] _lowest;
    private int[] _order;

    /// <param name="bits">For each class the bitmap of the rules that it fits.</param>
    /// <param name="ruleWords">Length of such a bitmap.</param>
    /// <param name="rules">How many rules there are.</param>
    /// <param name="lists">Where each list of rules lies.</param>
    public FieldSplit(ulong[] bits, int ruleWords, int rules, IReadOnlyList<(int Start, int End)> lists)
    {
        _count = bits.Length / ruleWords;
        _classWords = Math.Max(1, (_count + 63) / 64);
        _ruleWords = ruleWords;
        _lists = lists;
        _classesOfRule = new ulong[rules * _classWords];
        for (int index = 0; index < _count; index++)
        {
            for (int word = 0; word < ruleWords; word++)
            {
                for (ulong left = bits[(index * ruleWords) + word]; left != 0; left &= left - 1)
                {
                    int rule = (word * 64) + BitOperations.TrailingZeroCount(left);
                    _classesOfRule[(rule * _classWords) + (index / 64)] |= 1UL << (index % 64);
                }
            }
        }

        _classes = new ulong[_classWords * 16];
        _rules = new ulong[ruleWords * 16];
        _kept = new int[16];
        _lowest = new int[16];
        _order = new int[16];
    }

    /// <summary>How many parts the last split made.</summary>
    public int Parts { get; private set; }

    /// <summary>All classes, for a split without restriction.</summary>
    public ulong[] AllClasses
    {
        get
        {
            ulong[] all = new ulong[_classWords];
            for (int index = 0; index < _count; index++) all[index / 64] |= 1UL << (index % 64);
            return all;
        }
    }

    /// <summary>The classes of a part, as a bitmap. Parts are in the order of their lowest classes.</summary>
    public ReadOnlySpan<ulong> ClassesOf(int part) => _classes.AsSpan(_order[part] * _classWords, _classWords);

    /// <summary>The rules that fit a part, without those that cannot matter.</summary>
    public ReadOnlySpan<ulong> RulesOf(int part) => _rules.AsSpan(_order[part] * _ruleWords, _ruleWords);

    /// <summary>The classes of a part, ascending.</summary>
    public IEnumerable<int> MembersOf(int part)
    {
        for (int index = 0; index < _count; index++)
        {
            if ((_classes[(_order[part] * _classWords) + (index / 64)] >> (index % 64) & 1) != 0) yield return index;
        }
    }

    /// <summary>One class of a part, the lowest.</summary>
    public int ClassOf(int part) => _lowest[part];

    /// <summary>The classes that fit a rule, as a bitmap.</summary>
    public ReadOnlySpan<ulong> ClassesOfRule(int rule) => _classesOfRule.AsSpan(rule * _classWords, _classWords);

    /// <summary>True if a class fits both rules.</summary>
    public bool Overlap(int left, int right)
    {
        ReadOnlySpan<ulong> one = ClassesOfRule(left);
        ReadOnlySpan<ulong> other = ClassesOfRule(right);
        for (int word = 0; word < one.Length; word++)
        {
            if ((one[word] & other[word]) != 0) return true;
        }

        return false;
    }

    /// <summary>True if every class that fits the narrow rule fits the wide one.</summary>
    public bool Covers(int wide, int narrow)
    {
        ReadOnlySpan<ulong> outer = ClassesOfRule(wide);
        ReadOnlySpan<ulong> inner = ClassesOfRule(narrow);
        for (int word = 0; word < outer.Length; word++)
        {
            if ((inner[word] & ~outer[word]) != 0) return false;
        }

        return true;
    }

    /// <summary>Splits some classes by some rules.</summary>
    /// <param name="rules">The rules that are still in question.</param>
    /// <param name="classes">The classes.</param>
    /// <param name="full">The rules that fit everything in the fields behind this one.</param>
    /// <param name="keep">How many of these are kept in each list.</param>
    public void Split(ReadOnlySpan<ulong> rules, ReadOnlySpan<ulong> classes, ReadOnlySpan<ulong> full, int keep)
    {
        Parts = 0;
        if (classes.IndexOfAnyExcept(0UL) < 0) return;
        classes.CopyTo(_classes);
        _rules.AsSpan(0, _ruleWords).Clear();
        Parts = 1;
        foreach ((int start, int end) in _lists)
        {
            _kept.AsSpan(0, Parts).Clear();
            int open = Parts;
            for (int word = start / 64; word < (end + 63) / 64 && open > 0; word++)
            {
                for (ulong left = rules[word] & RuleSpace.OwnBits(word, start, end); left != 0 && open > 0; left &= left - 1)
                {
                    open = SplitBy((word * 64) + BitOperations.TrailingZeroCount(left), full, keep);
                }
            }
        }

        // What is listed and shown must not depend on which rule split first.
        for (int part = 0; part < Parts; part++) (_order[part], _lowest[part]) = (part, LowestOf(part));
        Array.Sort(_lowest, _order, 0, Parts);
    }

    private int LowestOf(int part)
    {
        ReadOnlySpan<ulong> classes = _classes.AsSpan(part * _classWords, _classWords);
        int word = classes.IndexOfAnyExcept(0UL);
        return (word * 64) + BitOperations.TrailingZeroCount(classes[word]);
    }

    /// <summary>Splits every open part by one rule; returns how many parts are open then.</summary>
    private int SplitBy(int rule, ReadOnlySpan<ulong> full, int keep)
    {
        bool isFull = (full[rule / 64] >> (rule % 64) & 1) != 0;
        int before = Parts;
        int open = 0;
        for (int part = 0; part < before; part++)
        {
            if (_kept[part] >= keep) continue;
            ReadOnlySpan<ulong> fits = ClassesOfRule(rule);
            Span<ulong> own = _classes.AsSpan(part * _classWords, _classWords);
            bool some = false;
            bool all = true;
            for (int word = 0; word < own.Length; word++)
            {
                ulong hit = own[word] & fits[word];
                some |= hit != 0;
                all &= hit == own[word];
            }

            int fitting = part;
            if (some && !all)
            {
                fitting = Add(part);
                own = _classes.AsSpan(part * _classWords, _classWords);
                Span<ulong> other = _classes.AsSpan(fitting * _classWords, _classWords);
                for (int word = 0; word < own.Length; word++)
                {
                    other[word] = own[word] & fits[word];
                    own[word] &= ~fits[word];
                }

                open++;
            }

            if (some)
            {
                _rules[(fitting * _ruleWords) + (rule / 64)] |= 1UL << (rule % 64);
                if (isFull) _kept[fitting]++;
            }

            if (_kept[fitting] < keep) open++;
        }

        return open;
    }

    /// <summary>Adds a part with the rules of another.</summary>
    private int Add(int like)
    {
        int added = Parts++;
        if (added == _kept.Length)
        {
            Array.Resize(ref _kept, added * 2);
            Array.Resize(ref _lowest, added * 2);
            Array.Resize(ref _order, added * 2);
            Array.Resize(ref _classes, _classWords * added * 2);
            Array.Resize(ref _rules, _ruleWords * added * 2);
        }

        _kept[added] = _kept[like];
        _rules.AsSpan(like * _ruleWords, _ruleWords).CopyTo(_rules.AsSpan(added * _ruleWords, _ruleWords));
        return added;
    }
}
