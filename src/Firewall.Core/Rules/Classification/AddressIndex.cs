using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>Gives every address of both families a small number: a class of rules, or a chain of groups. Immutable; never allocates.</summary>
internal sealed class AddressIndex
{
    private readonly RangeTree _v4;
    private readonly int[] _v4Values;
    private readonly RangeTree128 _v6;

    /// <summary>Takes what the maps say and gives their memory back.</summary>
    /// <param name="v4">Of IPv4 addresses.</param>
    /// <param name="v6">Of IPv6 addresses.</param>
    /// <param name="known">An index, with which this one shares what is the same in both.</param>
    public AddressIndex(RangeMap<uint> v4, RangeMap<UInt128> v6, AddressIndex? known = null)
    {
        _v4 = RangeTree.Of(v4.InnerLasts, known?._v4);
        _v4Values = known is not null && v4.Values.SequenceEqual(known._v4Values) ? known._v4Values : v4.Values.ToArray();
        _v6 = RangeTree128.Of(v6.InnerLasts, v6.Values, known?._v6);
        v4.Release();
        v6.Release();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(IpAddress address) => address.IsIPv4 ? _v4Values[_v4.Find(address.IPv4Bits)] : _v6.Find(address.High, address.Low);
}
