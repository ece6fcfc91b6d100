using System.Runtime.CompilerServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>Which chain of groups an address is under. Addresses in no range are not protected. Immutable.</summary>
internal sealed class ChainMap
{
    private readonly AddressIndex _index;
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
        _index = new AddressIndex(v4, v6);
    }

    /// <summary>The one chain of all protected addresses, or null if subnets and network interfaces have chains of their own.</summary>
    public GroupChain? Everywhere { get; }

    /// <summary>All chains with their addresses.</summary>
    public IReadOnlyList<(AddressSet Addresses, GroupChain Chain)> Entries { get; }

    /// <summary>The chain of an address, or null if the address is not protected. Does not allocate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public GroupChain? Find(IpAddress address) => _chains[_index.Find(address)];
}
