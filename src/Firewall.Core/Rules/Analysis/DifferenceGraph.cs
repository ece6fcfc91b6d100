using System.Numerics;
using System.Runtime.InteropServices;
using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// The packets of a <see cref="RuleSpace"/> sorted by a verdict, as a decision graph: a node for each different future, and for each
/// node the classes of its field that lead to the same next node. Paths from the root to a verdict are disjoint regions, and equal
/// parts are stored once, which keeps them few.
/// </summary>
internal sealed class DifferenceGraph
{
    private readonly RuleSpace _space;
    private readonly Func<ulong[], int> _verdict;
    private readonly BitmapTable[] _seen = new BitmapTable[RuleSpace.Fields];
    private readonly List<int>[] _nodeOfSeen = new List<int>[RuleSpace.Fields];
    private readonly ulong[][] _rules = new ulong[RuleSpace.Fields + 1][];
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<Node, int> _known = [];
    private readonly ulong[]?[] _all = new ulong[]?[RuleSpace.Fields];
    private readonly int _verdicts;

    /// <param name="space">The packets.</param>
    /// <param name="verdicts">How many verdicts there are. Regions of verdict 0 are not listed.</param>
    /// <param name="verdict">From the set of rules that fit to a verdict, 0 to <paramref name="verdicts"/> - 1.</param>
    public DifferenceGraph(RuleSpace space, int verdicts, Func<ulong[], int> verdict)
    {
        _space = space;
        _verdict = verdict;
        _verdicts = verdicts;
        for (int field = 0; field < RuleSpace.Fields; field++) (_seen[field], _nodeOfSeen[field]) = (new BitmapTable(space.Words), []);
        for (int field = 0; field <= RuleSpace.Fields; field++) _rules[field] = new ulong[space.Words];
    }

    /// <summary>All regions with another verdict than 0, each with a packet in it.</summary>
    public IEnumerable<(int Verdict, TrafficRegion Region, PacketInfo Witness)> Regions()
    {
        if (_space.IsEmpty) return [];
        _space.AllRules.CopyTo(_rules[0], 0);
        int root = Build(RuleSpace.Protocol);
        return Paths(root, new List<int>?[RuleSpace.Fields]);
    }

    private int Build(int field)
    {
        if (field == RuleSpace.Fields) return _verdict(_rules[field]);
        int seen = _seen[field].Intern(_rules[field]);
        List<int> nodes = _nodeOfSeen[field];
        if (seen < nodes.Count) return nodes[seen];
        SortedDictionary<int, List<int>> branches = [];
        if (field != RuleSpace.Protocol && _space.GoesByRules(field, _rules[field]))
        {
            BuildByRules(field, branches);
        }

        int count = branches.Count > 0 ? 0 : _space.CountOf(field);
        for (int index = 0; index < count; index++)
        {
            _space.Step(field, index, _rules[field], _rules[field + 1]);
            int next = field == RuleSpace.Protocol ? BuildPorts(index) : Build(field + 1);
            Add(branches, next, index);
        }

        if (field == RuleSpace.DestinationPort)
        {
            _space.Step(field, RuleSpace.Portless, _rules[field], _rules[RuleSpace.Destination]);
            Add(branches, Build(RuleSpace.Destination), RuleSpace.Portless);
        }

        // The order of visits gives a set its number before its own futures are known, but no set is its own future.
        int node = Reduce(field, branches);
        nodes.Add(node);
        return node;
    }

    private void BuildByRules(int field, SortedDictionary<int, List<int>> branches)
    {
        FieldSplit split = _space.Split(field, _rules[field], _all[field] ??= _space.SplitOf(field).AllClasses);
        for (int part = 0; part < split.Parts; part++)
        {
            split.RulesOf(part).CopyTo(_rules[field + 1]);
            int next = Build(field + 1);
            ReadOnlySpan<ulong> classes = split.ClassesOf(part);
            for (int word = 0; word < classes.Length; word++)
            {
                for (ulong left = classes[word]; left != 0; left &= left - 1) Add(branches, next, (word * 64) + BitOperations.TrailingZeroCount(left));
            }
        }

        // Equal nodes must have equal lists, and the first class shows the region.
        foreach (List<int> classes in branches.Values) classes.Sort();
    }

    private int BuildPorts(int protocolClass)
    {
        if (_space.HasPorts(protocolClass)) return Build(RuleSpace.DestinationPort);
        _space.Step(RuleSpace.DestinationPort, RuleSpace.Portless, _rules[RuleSpace.DestinationPort], _rules[RuleSpace.Destination]);
        return Build(RuleSpace.Destination);
    }

    /// <summary>A field that changes nothing gets no node.</summary>
    private int Reduce(int field, SortedDictionary<int, List<int>> branches)
    {
        if (branches.Count == 1) return branches.First().Key;
        branches.Remove(0);
        Node node = new(field, [.. branches.Keys], [.. branches.Values]);
        ref int id = ref CollectionsMarshal.GetValueRefOrAddDefault(_known, node, out bool isKnown);
        if (!isKnown)
        {
            id = _verdicts + _nodes.Count;
            _nodes.Add(node);
        }

        return id;
    }

    private static void Add(SortedDictionary<int, List<int>> branches, int next, int index)
    {
        if (!branches.TryGetValue(next, out List<int>? classes)) branches[next] = classes = [];
        classes.Add(index);
    }

    private IEnumerable<(int, TrafficRegion, PacketInfo)> Paths(int id, List<int>?[] chosen)
    {
        if (id == 0) yield break;
        if (id < _verdicts)
        {
            foreach (List<int> kinds in KindsOf(chosen)) yield return (id, Region(chosen, kinds), Witness(chosen, kinds));
            yield break;
        }

        Node node = _nodes[id - _verdicts];
        for (int branch = 0; branch < node.Next.Length; branch++)
        {
            chosen[node.Field] = node.Classes[branch];
            foreach ((int, TrafficRegion, PacketInfo) region in Paths(node.Next[branch], chosen)) yield return region;
        }

        chosen[node.Field] = null;
    }

    /// <summary>The classes of the first field, apart for ICMP protocols of which only some types are chosen.</summary>
    private List<List<int>> KindsOf(List<int>?[] chosen)
    {
        List<int> others = [.. ChosenOf(chosen, RuleSpace.Protocol)];
        List<List<int>> parts = [];
        if (_space.AsksForIcmpTypes && chosen[RuleSpace.Protocol] is not null)
        {
            foreach (byte protocol in (byte[])[IpProtocol.Icmp, IpProtocol.Icmpv6])
            {
                List<int> own = others.FindAll(index => _space.ProtocolOf(index) == protocol);
                if (own.Count == 0 || IsWhole(_space.Kinds(own), protocol)) continue;
                others.RemoveAll(own.Contains);
                parts.Add(own);
            }
        }

        if (others.Count > 0) parts.Insert(0, others);
        return parts;
    }

    private static bool IsWhole(IntervalSet<uint> kinds, byte protocol)
    {
        (uint first, uint last) = PacketKind.Whole(protocol);
        return kinds.Covers(IntervalSet<uint>.Of(first, last));
    }

    private TrafficRegion Region(List<int>?[] chosen, List<int> kindClasses)
    {
        IntervalSet<uint> kinds = _space.Kinds(kindClasses);
        IntervalSet<byte> protocols = PacketKind.ProtocolsOf(kinds);
        byte lowest = protocols.Firsts[0];
        bool isPartOfIcmp = PacketKind.IsIcmp(lowest) && !IsWhole(kinds, lowest);
        bool hasPorts = protocols.Contains(IpProtocol.Tcp) || protocols.Contains(IpProtocol.Udp);
        bool portless = chosen[RuleSpace.DestinationPort]?.Contains(RuleSpace.Portless) ?? chosen[RuleSpace.SourcePort] is null;
        IEnumerable<int> ports = ChosenOf(chosen, RuleSpace.DestinationPort).Where(index => index != RuleSpace.Portless);
        IntervalSet<ushort> destinationPorts = hasPorts ? _space.DestinationPorts(ports) : IntervalSet<ushort>.Empty;
        return new TrafficRegion(
            protocols,
            _space.Addresses(RuleSpace.Source, ChosenOf(chosen, RuleSpace.Source)),
            destinationPorts.IsEmpty ? IntervalSet<ushort>.Empty : _space.SourcePorts(ChosenOf(chosen, RuleSpace.SourcePort)),
            _space.Addresses(RuleSpace.Destination, ChosenOf(chosen, RuleSpace.Destination)),
            destinationPorts,
            portless)
        {
            IcmpTypeSet = isPartOfIcmp ? PacketKind.TypesOf(kinds, lowest) : IntervalSet<ushort>.All,
            IncludesTypeless = !isPartOfIcmp || kinds.Contains(PacketKind.Typeless(lowest)),
        };
    }

    private PacketInfo Witness(List<int>?[] chosen, List<int> kindClasses)
    {
        Span<int> path = stackalloc int[RuleSpace.Fields];
        for (int field = 0; field < RuleSpace.Fields; field++) path[field] = chosen[field] is { } classes ? classes[0] : 0;
        path[RuleSpace.Protocol] = kindClasses[0];
        // Portless comes last in a list, so it is first only if it is alone.
        if (!_space.HasPorts(path[RuleSpace.Protocol])) path[RuleSpace.DestinationPort] = RuleSpace.Portless;
        if (path[RuleSpace.DestinationPort] == RuleSpace.Portless) path[RuleSpace.SourcePort] = RuleSpace.Portless;
        return _space.Witness(path);
    }

    private IEnumerable<int> ChosenOf(List<int>?[] chosen, int field) => chosen[field] ?? Enumerable.Range(0, _space.CountOf(field));

    /// <summary>A field, and which classes of it lead where. Equal nodes are one.</summary>
    private sealed record Node(int Field, int[] Next, List<int>[] Classes)
    {
        public bool Equals(Node? other) => other is not null && Field == other.Field && Next.AsSpan().SequenceEqual(other.Next)
            && Classes.Zip(other.Classes).All(pair => CollectionsMarshal.AsSpan(pair.First).SequenceEqual(CollectionsMarshal.AsSpan(pair.Second)));

        public override int GetHashCode()
        {
            HashCode hash = default;
            hash.Add(Field);
            hash.AddBytes(MemoryMarshal.AsBytes(Next.AsSpan()));
            foreach (List<int> classes in Classes) hash.AddBytes(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(classes)));
            return hash.ToHashCode();
        }
    }
}
