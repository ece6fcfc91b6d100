using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// A packet's protocol and, where it has one, its ICMP type and code, as one number of 25 bits: protocol (8), "no type" (1), type (8),
/// code (8). Only an ICMP message that is whole, or the first fragment of one, has a type.
/// </summary>
internal static class PacketKind
{
    /// <summary>All kinds.</summary>
    public static IntervalSet<uint> All { get; } = IntervalSet<uint>.Of(0, Whole(byte.MaxValue).Last);

    /// <summary>The kinds of the protocols that have ports.</summary>
    public static IntervalSet<uint> WithPorts { get; } = IntervalSet<uint>.From([Whole(IpProtocol.Tcp), Whole(IpProtocol.Udp)]);

    private const int ProtocolShift = 17;
    private const uint NoType = 1 << 16;

    /// <summary>True for the protocols that have types.</summary>
    public static bool IsIcmp(byte protocol) => protocol is IpProtocol.Icmp or IpProtocol.Icmpv6;

    /// <summary>True if the packet's ICMP type and code were read. Does not allocate.</summary>
    public static bool HasType(in PacketInfo packet) => IsIcmp(packet.Protocol) && !packet.IsLaterFragment;

    /// <summary>Type and code of a packet that has them.</summary>
    public static ushort TypeOf(in PacketInfo packet) => IcmpTypeRange.Number(packet.IcmpType, packet.IcmpCode);

    /// <summary>The kind without a type: of protocols that have none, and of later fragments.</summary>
    public static uint Typeless(byte protocol) => ((uint)protocol << ProtocolShift) | NoType;

    /// <summary>The kind of an ICMP message.</summary>
    public static uint Typed(byte protocol, ushort type) => ((uint)protocol << ProtocolShift) | type;

    /// <summary>All kinds of a protocol.</summary>
    public static (uint First, uint Last) Whole(byte protocol) =>
        ((uint)protocol << ProtocolShift, ((uint)protocol << ProtocolShift) | (2 * NoType - 1));

    /// <summary>The protocol of a kind.</summary>
    public static byte ProtocolOf(uint kind) => (byte)(kind >> ProtocolShift);

    /// <summary>The kinds that a rule fits.</summary>
    public static IntervalSet<uint> Of(ResolvedRule rule)
    {
        RuleProtocol protocol = rule.Rule.Protocol;
        if (rule.IcmpTypes.IsAll)
        {
            if (protocol.IsAny) return IntervalSet<uint>.All;
            (uint first, uint last) = Whole(protocol.Number);
            return IntervalSet<uint>.Of(first, last);
        }

        List<(uint, uint)> kinds = [];
        foreach (byte icmp in (byte[])[IpProtocol.Icmp, IpProtocol.Icmpv6])
        {
            for (int i = 0; protocol.Matches(icmp) && i < rule.IcmpTypes.Count; i++)
            {
                kinds.Add((Typed(icmp, rule.IcmpTypes.Firsts[i]), Typed(icmp, rule.IcmpTypes.Lasts[i])));
            }
        }

        return IntervalSet<uint>.From(kinds);
    }

    /// <summary>The protocols that a set of kinds has any packet of.</summary>
    public static IntervalSet<byte> ProtocolsOf(IntervalSet<uint> kinds)
    {
        List<(byte, byte)> protocols = [];
        for (int i = 0; i < kinds.Count; i++) protocols.Add((ProtocolOf(kinds.Firsts[i]), ProtocolOf(kinds.Lasts[i])));
        return IntervalSet<byte>.From(protocols);
    }

    /// <summary>The types and codes of a protocol in a set of kinds.</summary>
    public static IntervalSet<ushort> TypesOf(IntervalSet<uint> kinds, byte protocol)
    {
        IntervalSet<uint> typed = kinds.Intersect(IntervalSet<uint>.Of(Typed(protocol, 0), Typed(protocol, ushort.MaxValue)));
        List<(ushort, ushort)> types = [];
        for (int i = 0; i < typed.Count; i++) types.Add(((ushort)typed.Firsts[i], (ushort)typed.Lasts[i]));
        return IntervalSet<ushort>.From(types);
    }

    /// <summary>Gives a packet the protocol of the kind and, for ICMP, the type and code, or makes it a later fragment.</summary>
    public static void Apply(uint kind, ref PacketInfo packet)
    {
        packet.Protocol = ProtocolOf(kind);
        if (!IsIcmp(packet.Protocol)) return;
        if ((kind & NoType) != 0) (packet.IsFragment, packet.FragmentOffset) = (true, 8);
        else (packet.IcmpType, packet.IcmpCode) = ((byte)(kind >> 8), (byte)kind);
    }
}
