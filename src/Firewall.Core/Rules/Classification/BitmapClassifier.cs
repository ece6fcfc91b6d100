using System.Numerics;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Finds the first rule that applies in a time that hardly depends on how many rules there are, and not at all on how they are
/// chosen: each field of the packet is looked up once and gives the set of rules that it fits, as a bitmap in the order of
/// evaluation; the first bit that all have in common is the rule. Protocol and ICMP type are one field. Immutable; never allocates.
/// </summary>
internal sealed class BitmapClassifier : IRuleClassifier
{
    private const int ProtocolField = 0;
    private const int SourceField = 1;
    private const int DestinationField = 2;
    private const int SourcePortField = 3;
    private const int DestinationPortField = 4;

    private readonly ResolvedRule[] _rules;
    private readonly int _words;

    private readonly int[] _protocols;
    private readonly IcmpIndex? _icmp;
    private readonly AddressIndex _sources;
    private readonly AddressIndex _destinations;
    private readonly PortMap _sourcePorts;
    private readonly PortMap _destinationPorts;
    private readonly BitmapRows _rows;

    /// <summary>Builds the tables; takes up to some hundred milliseconds with the whole service tag file.</summary>
    /// <param name="rules">In the order of evaluation.</param>
    /// <param name="known">Another classifier, with which this one shares the tables that are the same in both.</param>
    public BitmapClassifier(IEnumerable<ResolvedRule> rules, BitmapClassifier? known = null)
    {
        _rules = [.. rules];
        _words = BitmapRows.WordsFor(_rules.Length);
        BitmapTable[] tables = new BitmapTable[BitmapRows.Fields];
        for (int field = 0; field < tables.Length; field++) tables[field] = new BitmapTable(_words);
        int[] protocols = ClassesOfProtocols(tables[ProtocolField]);
        (RangeMap<ushort> V4, RangeMap<ushort> V6)? types = ClassesOfTypes(tables[ProtocolField]);
        (RangeMap<uint> V4, RangeMap<UInt128> V6) sources = ClassesOfAddresses(rule => rule.Source, tables[SourceField]);
        (RangeMap<uint> V4, RangeMap<UInt128> V6) destinations = ClassesOfAddresses(rule => rule.Destination, tables[DestinationField]);
        (RangeMap<ushort> Map, int Portless) sourcePorts = ClassesOfPorts(rule => rule.SourcePorts, tables[SourcePortField]);
        (RangeMap<ushort> Map, int Portless) destinationPorts = ClassesOfPorts(rule => rule.DestinationPorts, tables[DestinationPortField]);
        // How the rows lie is known when all classes are.
        _rows = new BitmapRows(tables, _words, known?._rows);
        Func<int, int> ValueOf(int field) => classOfField => _rows.ValueOf(field, classOfField);
        _protocols = Array.ConvertAll(protocols, ValueOf(ProtocolField).Invoke);
        _icmp = types is { } some ? new IcmpIndex(some.V4.Replace(ValueOf(ProtocolField)), some.V6.Replace(ValueOf(ProtocolField))) : null;
        _sources = new AddressIndex(sources.V4.Replace(ValueOf(SourceField)), sources.V6.Replace(ValueOf(SourceField)), known?._sources);
        _destinations = new AddressIndex(
            destinations.V4.Replace(ValueOf(DestinationField)), destinations.V6.Replace(ValueOf(DestinationField)), known?._destinations);
        _sourcePorts = new PortMap(sourcePorts.Map, sourcePorts.Portless, ValueOf(SourcePortField));
        _destinationPorts = new PortMap(destinationPorts.Map, destinationPorts.Portless, ValueOf(DestinationPortField));
        foreach (BitmapTable table in tables) table.Release();
    }

    /// <summary>The classifier of these rules: the one that is known, if it has the very same ones.</summary>
    public static BitmapClassifier Of(IReadOnlyList<ResolvedRule> rules, BitmapClassifier? known) =>
        known is not null && rules.SequenceEqual(known._rules) ? known : new BitmapClassifier(rules, known);

    public IReadOnlyList<ResolvedRule> Rules => _rules;

    /// <summary>The most words of each bitmap that a search reads.</summary>
    public int Words => _words;

    /// <summary>True if a search reads three bitmaps, false if five.</summary>
    public bool IsCrossed => _rows.IsCrossed;

    public int Classify(in PacketInfo packet)
    {
        BitmapRows.FieldValues values = default;
        values[SourceField] = _sources.Find(packet.Source);
        values[DestinationField] = _destinations.Find(packet.Destination);
        values[SourcePortField] = _sourcePorts.Portless;
        values[DestinationPortField] = _destinationPorts.Portless;
        if (packet.HasPorts)
        {
            values[SourcePortField] = _sourcePorts.Find(packet.SourcePort);
            values[DestinationPortField] = _destinationPorts.Find(packet.DestinationPort);
        }

        values[ProtocolField] = _icmp is not null && PacketKind.HasType(in packet) ? _icmp.Find(in packet) : _protocols[packet.Protocol];
        return _rows.FirstCommon(in values);
    }

    private int[] ClassesOfProtocols(BitmapTable table)
    {
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

        return classes;
    }

    private (RangeMap<ushort> V4, RangeMap<ushort> V6)? ClassesOfTypes(BitmapTable table)
    {
        if (Array.TrueForAll(_rules, rule => rule.IcmpTypes.IsAll)) return null;
        return (TypesOf(IpProtocol.Icmp), TypesOf(IpProtocol.Icmpv6));

        RangeMap<ushort> TypesOf(byte protocol)
        {
            (List<IntervalSet<ushort>> sets, List<ulong[]> masks) =
                Group(rule => rule.Rule.Protocol.Matches(protocol) ? rule.IcmpTypes : IntervalSet<ushort>.Empty);
            return Sweep(sets, masks, table);
        }
    }

    private (RangeMap<uint> V4, RangeMap<UInt128> V6) ClassesOfAddresses(Func<ResolvedRule, AddressSet> side, BitmapTable table)
    {
        (List<AddressSet> sets, List<ulong[]> masks) = Group(side);
        return (Sweep([.. sets.Select(set => set.V4)], masks, table), Sweep([.. sets.Select(set => set.V6)], masks, table));
    }

    private (RangeMap<ushort> Map, int Portless) ClassesOfPorts(Func<ResolvedRule, IntervalSet<ushort>> side, BitmapTable table)
    {
        (List<IntervalSet<ushort>> sets, List<ulong[]> masks) = Group(side);
        RangeMap<ushort> map = Sweep(sets, masks, table);
        ulong[] portless = new ulong[_words];
        for (int set = 0; set < sets.Count; set++)
        {
            if (!sets[set].IsAll) continue;
            for (int word = 0; word < _words; word++) portless[word] |= masks[set][word];
        }

        return (map, table.Intern(portless));
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
}
