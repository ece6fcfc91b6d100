using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>Which chain of groups an address is under. Addresses in no range are not protected. Immutable.</summary>
internal sealed class ChainMap
{
    private const int FirstBytes = 256;
    private const int LookCloser = -1;

    private readonly AddressIndex _index;
    // What the first byte of an IPv4 address says, and behind that the first of an IPv6 address: most bytes of the Internet's addresses say
    // it all, and a search takes three times as long.
    private readonly int[] _byFirstByte = new int[2 * FirstBytes];
    // Position 0 stands for "not protected".
    private readonly GroupChain?[] _chains;

    /// <summary>One chain for all protected addresses: a single group without associations.</summary>
    public ChainMap(AddressSet protectedAddresses, GroupChain everywhere)
        : this([(protectedAddresses, everywhere)]) => Everywhere = everywhere;

    /// <param name="entries">Disjoint sets of addresses, each with its chain.</param>
    public ChainMap(IReadOnlyList<(AddressSet Addresses, GroupChain Chain)> entries)
    {
        _chains = [null, .. entries.Select(entry => entry.Chain)];
        Entries = entries;
        int current = 0;
        void Toggle(int entry) => current ^= entry + 1;
        RangeMap<uint> v4 = RangeMap<uint>.Sweep([.. entries.Select(entry => entry.Addresses.V4)], Toggle, () => current);
        current = 0;
        RangeMap<UInt128> v6 = RangeMap<UInt128>.Sweep([.. entries.Select(entry => entry.Addresses.V6)], Toggle, () => current);
        for (int first = 0; first < FirstBytes; first++)
        {
            _byFirstByte[first] = v4.ValueOfAll((uint)first << 24, ((uint)first << 24) | 0xFF_FFFF) ?? LookCloser;
            UInt128 start = (UInt128)first << 120;
            _byFirstByte[FirstBytes + first] = v6.ValueOfAll(start, start | (UInt128.MaxValue >> 8)) ?? LookCloser;
        }

        _index = new AddressIndex(v4, v6);
    }

    /// <summary>The one chain of all protected addresses, or null if subnets and network interfaces have chains of their own.</summary>
    public GroupChain? Everywhere { get; }

    /// <summary>All chains with their addresses.</summary>
    public IReadOnlyList<(AddressSet Addresses, GroupChain Chain)> Entries { get; }

    /// <summary>The chain of an address, or null if the address is not protected. Does not allocate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GroupChain? Find(IpAddress address)
    {
        int chain = _byFirstByte[address.IsIPv4 ? address.IPv4Bits >> 24 : FirstBytes + (address.High >> 56)];
        return _chains[chain == LookCloser ? Search(address) : chain];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Search(IpAddress address) => _index.Find(address);
}
