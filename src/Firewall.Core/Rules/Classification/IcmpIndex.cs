using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Gives every ICMP message its class of rules by protocol, type and code. Only there if a rule asks for a type, so that it costs
/// nothing else. Immutable; never allocates.
/// </summary>
internal sealed class IcmpIndex
{
    private readonly RangeTree _v4;
    private readonly int[] _v4Values;
    private readonly RangeTree _v6;
    private readonly int[] _v6Values;

    /// <summary>Takes what the maps say and gives their memory back.</summary>
    /// <param name="v4">Classes of ICMP messages by type and code.</param>
    /// <param name="v6">The same for ICMPv6.</param>
    public IcmpIndex(RangeMap<ushort> v4, RangeMap<ushort> v6)
    {
        (_v4, _v4Values) = (RangeTree.Of(v4), v4.Values.ToArray());
        (_v6, _v6Values) = (RangeTree.Of(v6), v6.Values.ToArray());
        v4.Release();
        v6.Release();
    }

    /// <summary>The class of a packet that has a type.</summary>
    public int Find(in PacketInfo packet)
    {
        ushort type = PacketKind.TypeOf(in packet);
        return packet.Protocol == IpProtocol.Icmp ? _v4Values[_v4.Find(type)] : _v6Values[_v6.Find(type)];
    }
}
