using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>Which chain of groups an address is under. Addresses in no range are not protected.</summary>
internal sealed class ChainMap
{
    private readonly AddressSet _protected;
    private readonly GroupChain _everywhere;

    /// <summary>One chain for all protected addresses: a single group without associations.</summary>
    public ChainMap(AddressSet protectedAddresses, GroupChain everywhere)
    {
        _protected = protectedAddresses;
        _everywhere = everywhere;
    }

    /// <summary>The one chain of all protected addresses, or null if subnets and network interfaces have chains of their own.</summary>
    public GroupChain? Everywhere => _everywhere;

    /// <summary>All chains.</summary>
    public IReadOnlyList<GroupChain> Chains => [_everywhere];

    /// <summary>The chain of an address, or null if the address is not protected. Does not allocate.</summary>
    public GroupChain? Find(IpAddress address) => _protected.Contains(address) ? _everywhere : null;
}
