using System.Globalization;
using Firewall.Core.Packets;
using Firewall.Core.Rules.Classification;

namespace Firewall.Core.Rules.Analysis;

/// <summary>A set of packets: every combination of its protocols, ports and addresses, of one IP version.</summary>
public sealed class TrafficRegion
{
    internal TrafficRegion(
        IntervalSet<byte> protocols, AddressSet sources, IntervalSet<ushort> sourcePorts, AddressSet destinations,
        IntervalSet<ushort> destinationPorts, bool includesPortless)
    {
        ProtocolSet = protocols;
        SourceSet = sources;
        SourcePortSet = sourcePorts;
        DestinationSet = destinations;
        DestinationPortSet = destinationPorts;
        IncludesPortless = includesPortless;
    }

    /// <summary>IANA numbers from First to Last.</summary>
    public IReadOnlyList<(byte First, byte Last)> Protocols => Intervals(ProtocolSet);

    /// <summary>Source addresses from First to Last, both included.</summary>
    public IReadOnlyList<(IpAddress First, IpAddress Last)> Sources => Addresses(SourceSet);

    /// <summary>Source ports of those packets that have ports; empty if none has.</summary>
    public IReadOnlyList<PortRange> SourcePorts => [.. Intervals(SourcePortSet).Select(range => new PortRange(range.First, range.Last))];

    /// <summary>Destination addresses from First to Last, both included.</summary>
    public IReadOnlyList<(IpAddress First, IpAddress Last)> Destinations => Addresses(DestinationSet);

    /// <summary>Destination ports of those packets that have ports; empty if none has.</summary>
    public IReadOnlyList<PortRange> DestinationPorts => [.. Intervals(DestinationPortSet).Select(range => new PortRange(range.First, range.Last))];

    /// <summary>True if packets without ports belong to it: protocols other than TCP and UDP, and later fragments.</summary>
    public bool IncludesPortless { get; }

    /// <summary>Types and codes of those ICMP messages that show them; all of them unless the region is about some ICMP types alone.</summary>
    public IReadOnlyList<IcmpTypeRange> IcmpTypes => [.. Intervals(IcmpTypeSet).Select(range => new IcmpTypeRange(range.First, range.Last))];

    /// <summary>True if later fragments of ICMP messages, which show no type, belong to it. Says nothing if it has no ICMP.</summary>
    public bool IncludesTypeless { get; internal init; } = true;

    /// <summary>True if the region is about some types of one ICMP protocol.</summary>
    public bool HasIcmpTypes => !IcmpTypeSet.IsAll || !IncludesTypeless;

    internal IntervalSet<ushort> IcmpTypeSet { get; init; } = IntervalSet<ushort>.All;

    internal IntervalSet<byte> ProtocolSet { get; }

    internal AddressSet SourceSet { get; }

    internal IntervalSet<ushort> SourcePortSet { get; }

    internal AddressSet DestinationSet { get; }

    internal IntervalSet<ushort> DestinationPortSet { get; }

    /// <summary>True if the packet is one of them.</summary>
    public bool Contains(in PacketInfo packet) => ProtocolSet.Contains(packet.Protocol) && SourceSet.Contains(packet.Source) && DestinationSet.Contains(packet.Destination)
        && (!PacketKind.IsIcmp(packet.Protocol) || (PacketKind.HasType(in packet) ? IcmpTypeSet.Contains(PacketKind.TypeOf(in packet)) : IncludesTypeless))
        && (packet.HasPorts ? SourcePortSet.Contains(packet.SourcePort) && DestinationPortSet.Contains(packet.DestinationPort) : IncludesPortless);

    /// <summary><c>Tcp 203.0.113.0/24:* -> 10.0.0.4/32:22</c>, or with types <c>Icmp/8 203.0.113.0/24:* -> …</c>; long lists are cut.</summary>
    public override string ToString() =>
        $"{ProtocolText()} {AddressText(SourceSet)}:{PortText(SourcePortSet)} -> {AddressText(DestinationSet)}:{PortText(DestinationPortSet)}";

    private string ProtocolText() => HasIcmpTypes ? $"{RuleProtocol.Of(ProtocolSet.Firsts[0])}/{TypeText()}"
        : ProtocolSet.IsAll ? "*" : Short(Protocols.Select(range => range.First == range.Last
        ? RuleProtocol.Of(range.First).ToString()
        : string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}")));

    private string TypeText()
    {
        IEnumerable<string> types = IcmpTypes.Select(range => range.ToString());
        return Short(IncludesTypeless ? types.Append("later fragments") : types);
    }

    private static string PortText(IntervalSet<ushort> ports) =>
        ports.IsEmpty || ports.IsAll ? "*" : Short(Intervals(ports).Select(range => new PortRange(range.First, range.Last).ToString()));

    private static string AddressText(AddressSet set)
    {
        if (set.V4.IsAll && set.V6.IsEmpty) return "0.0.0.0/0";
        return Short(Addresses(set).Select(range =>
        {
            UInt128 size = range.Last.Bits - range.First.Bits;
            bool isPrefix = (size & (size + 1)) == 0 && (range.First.Bits & size) == 0;
            int length = (range.First.IsIPv4 ? 32 : 128) - (int)UInt128.PopCount(size);
            return isPrefix ? string.Create(CultureInfo.InvariantCulture, $"{range.First}/{length}") : $"{range.First}-{range.Last}";
        }));
    }

    private static string Short(IEnumerable<string> parts)
    {
        const int Shown = 4;
        string[] all = [.. parts];
        string text = string.Join(',', all.Take(Shown));
        return all.Length > Shown ? string.Create(CultureInfo.InvariantCulture, $"{text},… ({all.Length})") : text;
    }

    private static (T First, T Last)[] Intervals<T>(IntervalSet<T> set)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>, System.Numerics.IMinMaxValue<T>
    {
        (T, T)[] intervals = new (T, T)[set.Count];
        for (int i = 0; i < intervals.Length; i++) intervals[i] = (set.Firsts[i], set.Lasts[i]);
        return intervals;
    }

    private static IReadOnlyList<(IpAddress First, IpAddress Last)> Addresses(AddressSet set) =>
    [
        .. Intervals(set.V4).Select(range => (IpAddress.FromIPv4(range.First), IpAddress.FromIPv4(range.Last))),
        .. Intervals(set.V6).Select(range => (IpAddress.FromBits(range.First), IpAddress.FromBits(range.Last))),
    ];
}
