using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>Gives every address of both families a small number: a class of rules, or a chain of groups. Immutable; never allocates.</summary>
internal sealed class AddressIndex
{
    private readonly RangeTree _v4;
    private readonly int[] _v4Values;
    private readonly RangeTree128 _v6;

    public AddressIndex(RangeMap<uint> v4, RangeMap<UInt128> v6)
    {
        _v4 = new RangeTree(v4.InnerLasts);
        _v4Values = v4.Values;
        _v6 = new RangeTree128(v6.InnerLasts, v6.Values);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(IpAddress address) => address.IsIPv4 ? _v4Values[_v4.Find(address.IPv4Bits)] : _v6.Find(address.High, address.Low);
}
