using System.Numerics;
using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>
/// All packets of one IP version between two sets of addresses, cut by one or more rule lists into classes that the rules do not
/// tell apart. Walks go field by field and carry the set of rules that still fit; equal sets lead to equal futures, so each is
/// walked once. That makes statements about all packets exact and still quick: nothing is sampled.
/// </summary>
/// <remarks>
/// The fields' order is kind (protocol and ICMP type), destination port, source port, destination, source: few classes first. Packets without ports (other
/// protocols than TCP and UDP, and later fragments) go from the protocol straight to the addresses. A rule that fits everything
/// in the fields still to come ends its list: what comes after it in the list cannot matter and is dropped from the set, which
/// makes many sets equal. <c>keep</c> says how many such rules are kept: two, where it matters what would decide without the first.
/// </remarks>
internal sealed class RuleSpace
{
    /// <summary>Number of the field, and with <see cref="Fields"/> of the end of a walk.</summary>
    public const int Protocol = 0, DestinationPort = 1, SourcePort = 2, Destination = 3, Source = 4, Fields = 5;

    /// <summary>In a path: the packet has no ports.</summary>
    public const int Portless = -1;

    // IPv4-mapped addresses are never on the wire as IPv6, and this code holds IPv4 addresses in that form.
    private static readonly IntervalSet<UInt128> s_mapped =
        IntervalSet<UInt128>.Of(IpAddress.FromIPv4(0).Bits, IpAddress.FromIPv4(uint.MaxValue).Bits);

    private static readonly IntervalSet<uint> s_icmp = IntervalSet<uint>.From([PacketKind.Whole(IpProtocol.Icmp)]);
    private static readonly IntervalSet<uint> s_icmpv6 = IntervalSet<uint>.From([PacketKind.Whole(IpProtocol.Icmpv6)]);
    private static readonly IntervalSet<uint> s_withoutPorts = PacketKind.All.Except(PacketKind.WithPorts);

    // What witnesses are made of, where a class has it: TCP, ping and ESP, addresses for documentation (RFC 5737, RFC 3849) and of private networks.
    private static readonly uint[] s_v4Kinds =
        [PacketKind.Typeless(IpProtocol.Tcp), PacketKind.Typed(IpProtocol.Icmp, 8 << 8), PacketKind.Typeless(IpProtocol.Esp), PacketKind.Typeless(2)];

    private static readonly uint[] s_v6Kinds =
        [PacketKind.Typeless(IpProtocol.Tcp), PacketKind.Typed(IpProtocol.Icmpv6, 128 << 8), PacketKind.Typeless(IpProtocol.Esp), PacketKind.Typeless(2)];

    private static readonly uint[] s_v4Samples = [0xCB00_710A, 0xC633_640A, 0xC000_020A, 0x0A00_0004, 0xC0A8_0004, 0xAC10_0004];
    private static readonly UInt128[] s_v6Samples = [new(0x2001_0DB8_0000_0000, 10), new(0xFD00_0000_0000_0000, 4)];

    private readonly ResolvedRule[] _rules;
    private readonly ulong[][] _bits = new ulong[Fields][];
    private readonly ulong[] _portless;
    private readonly ulong[] _live;
    private readonly ulong[][] _full = new ulong[Fields + 1][];
    private readonly FieldClasses<uint>? _v4Sources;
    private readonly FieldClasses<uint>? _v4Destinations;
    private readonly FieldClasses<UInt128>? _v6Sources;
    private readonly FieldClasses<UInt128>? _v6Destinations;
    private readonly FieldClasses<uint> _kinds;
    private readonly FieldClasses<ushort> _sourcePorts;
    private readonly FieldClasses<ushort> _destinationPorts;
    private readonly int _keep;
    private readonly FieldSplit?[] _splits = new FieldSplit?[Fields];

    /// <param name="lists">Rule lists, each in the order of evaluation.</param>
    /// <param name="sources">Where packets come from.</param>
    /// <param name="destinations">Where packets go to.</param>
    /// <param name="isIPv4">Which IP version.</param>
    /// <param name="keep">How many rules that fit everything are kept in each list.</param>
    public RuleSpace(
        IReadOnlyList<IReadOnlyList<ResolvedRule>> lists, AddressSet sources, AddressSet destinations, bool isIPv4, int keep)
    {
        _keep = keep;
        IsIPv4 = isIPv4;
        _rules = [.. lists.SelectMany(list => list)];
        Words = Math.Max(1, (_rules.Length + 63) / 64);
        int start = 0;
        List<(int Start, int End)> ranges = [];
        foreach (IReadOnlyList<ResolvedRule> list in lists)
        {
            ranges.Add((start, start + list.Count));
            start += list.Count;
        }

        Lists = ranges;
        AsksForIcmpTypes = Array.Exists(_rules, rule => !rule.IcmpTypes.IsAll);
        // With types, classes of ICMP are kept apart from others, so that regions can be told in the words of rules.
        _kinds = AsksForIcmpTypes
            ? FieldClasses<uint>.Of([.. Group(PacketKind.Of)], Words, PacketKind.WithPorts, s_icmp, s_icmpv6, s_withoutPorts.Except(s_icmp).Except(s_icmpv6))
            : FieldClasses<uint>.Of([.. Group(PacketKind.Of)], Words, PacketKind.WithPorts, s_withoutPorts);
        _destinationPorts = FieldClasses<ushort>.Of([.. Group(rule => rule.DestinationPorts)], Words, IntervalSet<ushort>.All);
        _sourcePorts = FieldClasses<ushort>.Of([.. Group(rule => rule.SourcePorts)], Words, IntervalSet<ushort>.All);
        _bits[Protocol] = _kinds.Bits;
        _bits[DestinationPort] = _destinationPorts.Bits;
        _bits[SourcePort] = _sourcePorts.Bits;
        _portless = Mask(rule => rule.CoversAllPorts);
        Func<ResolvedRule, bool> fitsSources;
        Func<ResolvedRule, bool> fitsDestinations;
        if (isIPv4)
        {
            _v4Sources = FieldClasses<uint>.Of([.. Group(rule => rule.Source.V4)], Words, sources.V4);
            _v4Destinations = FieldClasses<uint>.Of([.. Group(rule => rule.Destination.V4)], Words, destinations.V4);
            (_bits[Source], _bits[Destination]) = (_v4Sources.Bits, _v4Destinations.Bits);
            IsEmpty = sources.V4.IsEmpty || destinations.V4.IsEmpty;
            fitsSources = rule => rule.Source.V4.Covers(sources.V4);
            fitsDestinations = rule => rule.Destination.V4.Covers(destinations.V4);
        }
        else
        {
            IntervalSet<UInt128> from = sources.V6.Except(s_mapped);
            IntervalSet<UInt128> to = destinations.V6.Except(s_mapped);
            _v6Sources = FieldClasses<UInt128>.Of([.. Group(rule => rule.Source.V6)], Words, from);
            _v6Destinations = FieldClasses<UInt128>.Of([.. Group(rule => rule.Destination.V6)], Words, to);
            (_bits[Source], _bits[Destination]) = (_v6Sources.Bits, _v6Destinations.Bits);
            IsEmpty = from.IsEmpty || to.IsEmpty;
            fitsSources = rule => rule.Source.V6.Covers(from);
            fitsDestinations = rule => rule.Destination.V6.Covers(to);
        }

        _live = isIPv4
            ? Mask(rule => rule.Source.V4.Overlaps(sources.V4) && rule.Destination.V4.Overlaps(destinations.V4))
            : Mask(rule => rule.Source.V6.Overlaps(sources.V6) && rule.Destination.V6.Overlaps(destinations.V6));
        ulong[] allSources = Mask(fitsSources);
        ulong[] allDestinations = And(allSources, Mask(fitsDestinations));
        ulong[] allSourcePorts = And(allDestinations, Mask(rule => rule.SourcePorts.IsAll));
        ulong[] allPorts = And(allSourcePorts, _portless);
        _full[Protocol] = new ulong[Words];
        _full[DestinationPort] = allPorts;
        _full[SourcePort] = allSourcePorts;
        _full[Destination] = allDestinations;
        _full[Source] = allSources;
        _full[Fields] = Mask(_ => true);
    }

    /// <summary>True if there is no packet of this version between these addresses.</summary>
    public bool IsEmpty { get; }

    public bool IsIPv4 { get; }

    /// <summary>True if a rule tells ICMP types apart.</summary>
    public bool AsksForIcmpTypes { get; }

    /// <summary>Length of a set of rules.</summary>
    public int Words { get; }

    /// <summary>The rules of all lists, one list behind the other; positions are the bits of sets.</summary>
    public IReadOnlyList<ResolvedRule> Rules => _rules;

    /// <summary>Where each list lies among the rules.</summary>
    public IReadOnlyList<(int Start, int End)> Lists { get; }

    /// <summary>The set with which a walk starts: all rules that fit any packet of this version between these addresses.</summary>
    public ulong[] AllRules => [.. _live];

    /// <summary>How many classes a field has.</summary>
    public int CountOf(int field) => _bits[field].Length / Words;

    /// <summary>True if packets of this class of protocols may have ports.</summary>
    public bool HasPorts(int protocolClass) => IpProtocol.HasPorts(ProtocolOf(protocolClass));

    /// <summary>The lowest protocol of the class; if rules ask for ICMP types, a class of ICMP has no other.</summary>
    public byte ProtocolOf(int protocolClass) => PacketKind.ProtocolOf(_kinds.ValuesOf(protocolClass).Firsts[0]);

    /// <summary>True if values of the class fit the rule.</summary>
    public bool Fits(int field, int index, int rule) => field == DestinationPort && index == Portless
        ? (_portless[rule / 64] >> (rule % 64) & 1) != 0
        : (_bits[field][(index * Words) + (rule / 64)] >> (rule % 64) & 1) != 0;

    /// <summary>Which class of kinds holds the protocol, one with ports.</summary>
    public int ClassOfProtocol(byte protocol)
    {
        int index = 0;
        while (!_kinds.ValuesOf(index).Contains(PacketKind.Typeless(protocol))) index++;
        return index;
    }

    /// <summary>Which class of destination ports holds the port.</summary>
    public int ClassOfDestinationPort(ushort port)
    {
        for (int index = 0; index < _destinationPorts.Count; index++)
        {
            if (_destinationPorts.ValuesOf(index).Contains(port)) return index;
        }

        return Portless;
    }

    /// <summary>One step of a walk: which of the rules still fit when the field has values of that class.</summary>
    /// <param name="field">The field that is decided.</param>
    /// <param name="index">The class; <see cref="Portless"/> for a destination port means none, and the next field is the destination.</param>
    /// <param name="rules">The rules that fitted until now.</param>
    /// <param name="next">Gets the rules that fit after this field.</param>
    public void Step(int field, int index, ReadOnlySpan<ulong> rules, Span<ulong> next)
    {
        bool isPortless = field == DestinationPort && index == Portless;
        ReadOnlySpan<ulong> bits = isPortless ? _portless : _bits[field].AsSpan(index * Words, Words);
        for (int word = 0; word < next.Length; word++) next[word] = rules[word] & bits[word];
        // At the end of a walk only the first rules are looked at, so there is nothing to drop.
        if (field == Source) return;
        ReadOnlySpan<ulong> full = _full[isPortless ? Destination : field + 1];
        foreach ((int start, int end) in Lists) Cut(next, full, start, end);
    }

    /// <summary>Sorts the classes of a field into parts that rules do not tell apart. One for each field, so one walk at a time.</summary>
    public FieldSplit SplitOf(int field) => _splits[field] ??= new FieldSplit(_bits[field], Words, _rules.Length, Lists);

    /// <summary>Sorts the classes of a field by the rules that still fit, or those of them that are wanted.</summary>
    public FieldSplit Split(int field, ReadOnlySpan<ulong> rules, ReadOnlySpan<ulong> classes)
    {
        FieldSplit split = SplitOf(field);
        split.Split(rules, classes, _full[field + 1], _keep);
        return split;
    }

    /// <summary>
    /// True if it pays to go by rules: always in the last field, where few rules are left and most parts are closed at once, else if there
    /// are few rules for the classes.
    /// </summary>
    public bool GoesByRules(int field, ReadOnlySpan<ulong> rules)
    {
        if (field == Source) return true;
        long left = 0;
        foreach (ulong word in rules) left += BitOperations.PopCount(word);
        long classes = CountOf(field);
        const int CostOfClass = 32;
        return left * Math.Min(left, classes) * (classes / 64 + 1) < classes * (Words + CostOfClass);
    }

    /// <summary>The first rule of a set within a list, or -1.</summary>
    public static int FirstOf(ReadOnlySpan<ulong> rules, int start, int end)
    {
        for (int word = start / 64; word < (end + 63) / 64; word++)
        {
            ulong bits = rules[word];
            if (word == start / 64) bits &= ulong.MaxValue << (start % 64);
            if (bits == 0) continue;
            int found = (word * 64) + BitOperations.TrailingZeroCount(bits);
            return found < end ? found : -1;
        }

        return -1;
    }

    /// <summary>A packet on the path: ordinary values where the classes have them.</summary>
    public PacketInfo Witness(ReadOnlySpan<int> path)
    {
        PacketInfo packet = default;
        PacketKind.Apply(_kinds.Representative(path[Protocol], IsIPv4 ? s_v4Kinds : s_v6Kinds), ref packet);
        if (path[DestinationPort] == Portless)
        {
            if (IpProtocol.HasPorts(packet.Protocol)) (packet.IsFragment, packet.FragmentOffset) = (true, 8);
        }
        else
        {
            packet.DestinationPort = _destinationPorts.Representative(path[DestinationPort]);
            packet.SourcePort = _sourcePorts.Representative(path[SourcePort], 50_000);
        }

        if (IsIPv4)
        {
            packet.Source = IpAddress.FromIPv4(_v4Sources!.Representative(path[Source], s_v4Samples));
            packet.Destination = IpAddress.FromIPv4(_v4Destinations!.Representative(path[Destination], s_v4Samples));
        }
        else
        {
            packet.Source = IpAddress.FromBits(_v6Sources!.Representative(path[Source], s_v6Samples));
            packet.Destination = IpAddress.FromBits(_v6Destinations!.Representative(path[Destination], s_v6Samples));
        }

        return packet;
    }

    public IntervalSet<uint> Kinds(IEnumerable<int> classes) => _kinds.ValuesOf(classes);

    public IntervalSet<ushort> DestinationPorts(IEnumerable<int> classes) => _destinationPorts.ValuesOf(classes);

    public IntervalSet<ushort> SourcePorts(IEnumerable<int> classes) => _sourcePorts.ValuesOf(classes);

    public AddressSet Addresses(int field, IEnumerable<int> classes) => IsIPv4
        ? AddressSet.Of((field == Source ? _v4Sources : _v4Destinations)!.ValuesOf(classes), IntervalSet<UInt128>.Empty)
        : AddressSet.Of(IntervalSet<uint>.Empty, (field == Source ? _v6Sources : _v6Destinations)!.ValuesOf(classes));

    /// <summary>Drops the rules of a list that come after its first rules that fit everything still to come.</summary>
    private void Cut(Span<ulong> rules, ReadOnlySpan<ulong> full, int start, int end)
    {
        int kept = 0;
        for (int word = start / 64; word < (end + 63) / 64; word++)
        {
            ulong own = OwnBits(word, start, end);
            if (kept == _keep)
            {
                rules[word] &= ~own;
                continue;
            }

            ulong ends = rules[word] & full[word] & own;
            while (ends != 0 && kept < _keep)
            {
                kept++;
                if (kept == _keep)
                {
                    int bit = BitOperations.TrailingZeroCount(ends);
                    ulong after = bit == 63 ? 0 : ulong.MaxValue << (bit + 1);
                    rules[word] &= ~(after & own);
                }

                ends &= ends - 1;
            }
        }
    }

    /// <summary>The bits of a word of a set that belong to a list.</summary>
    public static ulong OwnBits(int word, int start, int end)
    {
        ulong own = ulong.MaxValue;
        if (word == start / 64) own &= ulong.MaxValue << (start % 64);
        if (word == end / 64) own &= (1UL << (end % 64)) - 1;
        return own;
    }

    private ulong[] Mask(Func<ResolvedRule, bool> condition)
    {
        ulong[] mask = new ulong[Words];
        for (int rule = 0; rule < _rules.Length; rule++)
        {
            if (condition(_rules[rule])) mask[rule / 64] |= 1UL << (rule % 64);
        }

        return mask;
    }

    private static ulong[] And(ulong[] left, ulong[] right) => [.. left.Zip(right, (a, b) => a & b)];

    private IEnumerable<(TSet Set, ulong[] Rules)> Group<TSet>(Func<ResolvedRule, TSet> side)
        where TSet : notnull
    {
        Dictionary<TSet, ulong[]> masks = [];
        for (int rule = 0; rule < _rules.Length; rule++)
        {
            TSet set = side(_rules[rule]);
            if (!masks.TryGetValue(set, out ulong[]? mask)) masks[set] = mask = new ulong[Words];
            mask[rule / 64] |= 1UL << (rule % 64);
        }

        return masks.Select(entry => (entry.Key, entry.Value));
    }
}
