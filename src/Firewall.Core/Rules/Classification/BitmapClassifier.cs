using System.Numerics;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Finds the first rule that applies in a time that hardly depends on how many rules there are, and not at all on how they are
/// chosen: each field of the packet is looked up once and gives the set of rules that it fits, as a bitmap in the order of
/// evaluation; the first bit that all five have in common is the rule. Protocol and ICMP type are one field. Immutable; never allocates.
/// </summary>
internal sealed partial class BitmapClassifier : IRuleClassifier
{
    private const int WordsPerBlock = 8;

    private readonly ResolvedRule[] _rules;
    private readonly int _words;

    private readonly int[] _protocols;
    private readonly ulong[] _protocolBits;
    private readonly IcmpIndex? _icmp;
    private readonly AddressIndex _sources;
    private readonly ulong[] _sourceBits;
    private readonly AddressIndex _destinations;
    private readonly ulong[] _destinationBits;
    private readonly PortIndex _sourcePorts;
    private readonly PortIndex _destinationPorts;

    /// <summary>Builds the tables; takes up to some hundred milliseconds with the whole service tag file.</summary>
    public BitmapClassifier(IEnumerable<ResolvedRule> rules)
    {
        _rules = [.. rules];
        int words = Math.Max(1, (_rules.Length + 63) / 64);
        // Long bitmaps are read in blocks of eight words.
        _words = words <= 2 ? words : (words + WordsPerBlock - 1) / WordsPerBlock * WordsPerBlock;
        (_protocols, _icmp, _protocolBits) = IndexProtocols();
        (_sources, _sourceBits) = IndexAddresses(rule => rule.Source);
        (_destinations, _destinationBits) = IndexAddresses(rule => rule.Destination);
        _sourcePorts = IndexPorts(rule => rule.SourcePorts);
        _destinationPorts = IndexPorts(rule => rule.DestinationPorts);
    }

    public IReadOnlyList<ResolvedRule> Rules => _rules;

    /// <summary>The most words of each bitmap that a search reads.</summary>
    public int Words => _words;

    public int Classify(in PacketInfo packet)
    {
        Classes classes;
        classes.Source = _sources.Find(packet.Source);
        classes.Destination = _destinations.Find(packet.Destination);
        classes.SourcePort = _sourcePorts.Portless;
        classes.DestinationPort = _destinationPorts.Portless;
        if (packet.HasPorts)
        {
            classes.SourcePort = _sourcePorts.Find(packet.SourcePort);
            classes.DestinationPort = _destinationPorts.Find(packet.DestinationPort);
        }

        classes.Protocol = _icmp is not null && PacketKind.HasType(in packet) ? _icmp.Find(in packet) : _protocols[packet.Protocol];
        return FirstCommon(in classes);
    }

    private (int[] Classes, IcmpIndex? Icmp, ulong[] Bits) IndexProtocols()
    {
        BitmapTable table = new(_words);
        int[] classes = new int[256];
        ulong[] bitmap = new ulong[_words];
        for (int protocol = 0; protocol < classes.Length; protocol++)
        {
            Array.Clear(bitmap);
            for (int rule = 0; rule < _rules.Length; rule++)
            {
                // What has no type, such as a later fragment, fits only rules that do not ask for one.
                if (_rules[rule].Rule.Protocol.Matches((byte)protocol) && _rules[rule].IcmpTypes.IsAll) bitmap[rule / 64] |= 1UL << (rule % 64);
            }

            classes[protocol] = table.Intern(bitmap);
        }

        bool asksForTypes = Array.Exists(_rules, rule => !rule.IcmpTypes.IsAll);
        IcmpIndex? icmp = asksForTypes ? new IcmpIndex(IndexTypes(IpProtocol.Icmp, table), IndexTypes(IpProtocol.Icmpv6, table)) : null;
        return (classes, icmp, table.ToArray());
    }

    private RangeMap<ushort> IndexTypes(byte protocol, BitmapTable table)
    {
        (List<IntervalSet<ushort>> sets, List<ulong[]> masks) =
            Group(rule => rule.Rule.Protocol.Matches(protocol) ? rule.IcmpTypes : IntervalSet<ushort>.Empty);
        return Sweep(sets, masks, table);
    }

    private (AddressIndex Index, ulong[] Bits) IndexAddresses(Func<ResolvedRule, AddressSet> side)
    {
        BitmapTable table = new(_words);
        (List<AddressSet> sets, List<ulong[]> masks) = Group(side);
        RangeMap<uint> v4 = Sweep([.. sets.Select(set => set.V4)], masks, table);
        RangeMap<UInt128> v6 = Sweep([.. sets.Select(set => set.V6)], masks, table);
        return (new AddressIndex(v4, v6), table.ToArray());
    }

    private PortIndex IndexPorts(Func<ResolvedRule, IntervalSet<ushort>> side)
    {
        BitmapTable table = new(_words);
        (List<IntervalSet<ushort>> sets, List<ulong[]> masks) = Group(side);
        RangeMap<ushort> map = Sweep(sets, masks, table);
        ulong[] portless = new ulong[_words];
        for (int set = 0; set < sets.Count; set++)
        {
            if (!sets[set].IsAll) continue;
            for (int word = 0; word < _words; word++) portless[word] |= masks[set][word];
        }

        int portlessClass = table.Intern(portless);
        return new PortIndex(map, portlessClass, table.ToArray());
    }

    /// <summary>The distinct sets of one side, each with the rules that have it: thousands of rules may share a large tag.</summary>
    private (List<TSet> Sets, List<ulong[]> Masks) Group<TSet>(Func<ResolvedRule, TSet> side)
        where TSet : notnull
    {
        Dictionary<TSet, int> known = [];
        List<TSet> sets = [];
        List<ulong[]> masks = [];
        for (int rule = 0; rule < _rules.Length; rule++)
        {
            TSet set = side(_rules[rule]);
            if (!known.TryGetValue(set, out int index))
            {
                index = sets.Count;
                known.Add(set, index);
                sets.Add(set);
                masks.Add(new ulong[_words]);
            }

            masks[index][rule / 64] |= 1UL << (rule % 64);
        }

        return (sets, masks);
    }

    private RangeMap<T> Sweep<T>(List<IntervalSet<T>> sets, List<ulong[]> masks, BitmapTable table)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        ulong[] bitmap = new ulong[_words];
        // A rule has one set on a side, so the masks of the sets have no bit in common and toggling is enough.
        return RangeMap<T>.Sweep(
            sets,
            set =>
            {
                ulong[] mask = masks[set];
                for (int word = 0; word < bitmap.Length; word++) bitmap[word] ^= mask[word];
            },
            () => table.Intern(bitmap));
    }

    /// <summary>What the lookups of one packet gave.</summary>
    private ref struct Classes
    {
        public int Source;
        public int Destination;
        public int SourcePort;
        public int DestinationPort;
        public int Protocol;
    }

    /// <summary>The classes of ports, and that of packets without ports.</summary>
    private sealed class PortIndex
    {
        private readonly RangeTree _tree;
        private readonly int[] _values;

        public PortIndex(RangeMap<ushort> map, int portless, ulong[] bits)
        {
            _tree = RangeTree.Of(map);
            _values = map.Values;
            Portless = portless;
            Bits = bits;
        }

        public int Portless { get; }

        public ulong[] Bits { get; }

        public int Find(ushort port) => _values[_tree.Find(port)];
    }
}
