using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>Walks through a <see cref="RuleSpace"/> and calls back at the end of every path that is not equal to one walked before.</summary>
internal sealed class RuleWalk
{
    private readonly RuleSpace _space;
    private readonly Func<int, int, bool>? _isWanted;
    private readonly Action<int[], ulong[]> _atEnd;
    private readonly BitmapTable[] _seen = new BitmapTable[RuleSpace.Fields];
    private readonly ulong[][] _rules = new ulong[RuleSpace.Fields + 1][];
    private readonly int[] _path = new int[RuleSpace.Fields];
    private readonly ulong[]?[] _wanted = new ulong[]?[RuleSpace.Fields];
    private bool _isDone;

    /// <param name="space">Where to walk.</param>
    /// <param name="atEnd">Gets the path (a class for each field) and the set of rules that fit; both are borrowed.</param>
    /// <param name="isWanted">Field and class: false leaves the class out.</param>
    public RuleWalk(RuleSpace space, Action<int[], ulong[]> atEnd, Func<int, int, bool>? isWanted = null)
    {
        _space = space;
        _atEnd = atEnd;
        _isWanted = isWanted;
        for (int field = 0; field < RuleSpace.Fields; field++) _seen[field] = new BitmapTable(space.Words);
        for (int field = 0; field <= RuleSpace.Fields; field++) _rules[field] = new ulong[space.Words];
    }

    /// <summary>Ends the walk early.</summary>
    public void Stop() => _isDone = true;

    public void Run()
    {
        if (_space.IsEmpty) return;
        _space.AllRules.CopyTo(_rules[0], 0);
        Walk(RuleSpace.Protocol);
    }

    private void Walk(int field)
    {
        if (field == RuleSpace.Fields)
        {
            _atEnd(_path, _rules[field]);
            return;
        }

        if (field > RuleSpace.Protocol)
        {
            int before = _seen[field].Count;
            if (_seen[field].Intern(_rules[field]) < before) return;
        }

        if (field != RuleSpace.Protocol && _space.GoesByRules(field, _rules[field]))
        {
            FieldSplit split = _space.Split(field, _rules[field], Wanted(field));
            for (int part = 0; part < split.Parts && !_isDone; part++)
            {
                _path[field] = split.ClassOf(part);
                split.RulesOf(part).CopyTo(_rules[field + 1]);
                Walk(field + 1);
            }

            return;
        }

        int count = _space.CountOf(field);
        for (int index = 0; index < count && !_isDone; index++)
        {
            if (_isWanted is not null && !_isWanted(field, index)) continue;
            _path[field] = index;
            _space.Step(field, index, _rules[field], _rules[field + 1]);
            if (field != RuleSpace.Protocol)
            {
                Walk(field + 1);
                continue;
            }

            if (_space.HasPorts(index)) Walk(RuleSpace.DestinationPort);
            if (_isDone || (_isWanted is not null && !_isWanted(RuleSpace.DestinationPort, RuleSpace.Portless))) continue;
            _path[RuleSpace.DestinationPort] = _path[RuleSpace.SourcePort] = RuleSpace.Portless;
            _space.Step(RuleSpace.DestinationPort, RuleSpace.Portless, _rules[RuleSpace.DestinationPort], _rules[RuleSpace.Destination]);
            Walk(RuleSpace.Destination);
        }
    }

    private ulong[] Wanted(int field)
    {
        if (_wanted[field] is { } known) return known;
        ulong[] classes = _space.SplitOf(field).AllClasses;
        for (int index = 0; _isWanted is not null && index < _space.CountOf(field); index++)
        {
            if (!_isWanted(field, index)) classes[index / 64] &= ~(1UL << (index % 64));
        }

        return _wanted[field] = classes;
    }
}
