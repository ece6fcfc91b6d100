using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// Walks through the packets that one rule fits, and tells which of the rules before it decide them. Quicker than a walk through
/// everything: only rules that overlap it count, and one that covers all of it in the fields still to come ends the question.
/// </summary>
internal sealed class RuleRegionWalk
{
    private readonly RuleSpace _space;
    private readonly int _rule;
    private readonly Action<int[], int> _atEnd;
    private readonly BitmapTable[] _seen = new BitmapTable[RuleSpace.Fields];
    private readonly ulong[][] _rules = new ulong[RuleSpace.Fields + 1][];
    private readonly ulong[][] _full = new ulong[RuleSpace.Fields + 1][];
    private readonly int[] _path = new int[RuleSpace.Fields];

    /// <param name="space">A space of one list.</param>
    /// <param name="rule">Position of the rule.</param>
    /// <param name="atEnd">Gets the path, borrowed, and the rule that decides there: one before, or the rule itself.</param>
    public RuleRegionWalk(RuleSpace space, int rule, Action<int[], int> atEnd)
    {
        _space = space;
        _rule = rule;
        _atEnd = atEnd;
        for (int field = 0; field < RuleSpace.Fields; field++) _seen[field] = new BitmapTable(space.Words);
        for (int field = 0; field <= RuleSpace.Fields; field++) (_rules[field], _full[field]) = (new ulong[space.Words], new ulong[space.Words]);
    }

    public void Run()
    {
        if (_space.IsEmpty) return;
        ulong[] live = _space.AllRules;
        if (!Has(live, _rule)) return;
        for (int other = 0; other <= _rule; other++)
        {
            if (!Has(live, other) || !Enumerable.Range(0, RuleSpace.Fields).All(field => _space.SplitOf(field).Overlap(_rule, other))) continue;
            Set(_rules[RuleSpace.Protocol], other);
            Set(_full[RuleSpace.Fields], other);
            for (int field = RuleSpace.Source; field > RuleSpace.Protocol && _space.SplitOf(field).Covers(other, _rule); field--) Set(_full[field], other);
        }

        Walk(RuleSpace.Protocol);
    }

    private void Walk(int field)
    {
        if (field == RuleSpace.Fields)
        {
            _atEnd(_path, RuleSpace.FirstOf(_rules[field], 0, _rule + 1));
            return;
        }

        if (field > RuleSpace.Protocol)
        {
            int before = _seen[field].Count;
            if (_seen[field].Intern(_rules[field]) < before) return;
        }

        FieldSplit split = _space.SplitOf(field);
        // After the protocol may come ports or none, and what covers all ports of the rule need not cover packets without.
        ReadOnlySpan<ulong> full = field == RuleSpace.Protocol ? _full[RuleSpace.Protocol] : _full[field + 1];
        split.Split(_rules[field], split.ClassesOfRule(_rule), full, 1);
        for (int part = 0; part < split.Parts; part++)
        {
            if (field == RuleSpace.Protocol)
            {
                WalkProtocols(split, part);
                continue;
            }

            _path[field] = split.ClassOf(part);
            split.RulesOf(part).CopyTo(_rules[field + 1]);
            Walk(field + 1);
        }
    }

    /// <summary>Protocols that have ports and such that have none may be alike to the rules, so the first of each is taken.</summary>
    private void WalkProtocols(FieldSplit split, int part)
    {
        int[] classes = [.. split.MembersOf(part)];
        ulong[] rules = split.RulesOf(part).ToArray();
        int withPorts = Array.FindIndex(classes, _space.HasPorts);
        if (withPorts >= 0)
        {
            _path[RuleSpace.Protocol] = classes[withPorts];
            rules.CopyTo(_rules[RuleSpace.DestinationPort], 0);
            Walk(RuleSpace.DestinationPort);
        }

        if (!_space.Fits(RuleSpace.DestinationPort, RuleSpace.Portless, _rule)) return;
        int without = Array.FindIndex(classes, index => !_space.HasPorts(index));
        _path[RuleSpace.Protocol] = classes[without >= 0 ? without : withPorts];
        _path[RuleSpace.DestinationPort] = _path[RuleSpace.SourcePort] = RuleSpace.Portless;
        _space.Step(RuleSpace.DestinationPort, RuleSpace.Portless, rules, _rules[RuleSpace.Destination]);
        Walk(RuleSpace.Destination);
    }

    private static bool Has(ulong[] rules, int rule) => (rules[rule / 64] >> (rule % 64) & 1) != 0;

    private static void Set(ulong[] rules, int rule) => rules[rule / 64] |= 1UL << (rule % 64);
}
