using System.Globalization;
using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>Works out which groups each protected address is under, from what is known of subnets and network interfaces.</summary>
internal static class Associations
{
    /// <summary>The map of chains, or null with findings.</summary>
    public static ChainMap? Map(IReadOnlyList<CompiledGroup> groups, PolicyOptions options, List<RuleFinding> findings)
    {
        if (groups.Count == 0)
        {
            findings.Add(RuleOrigin.None.Error(
                FindingCodes.NoAssociation, "There is no network security group.", "Give a file with one; one without rules is legal and leaves the default rules."));
            return null;
        }

        List<Site> subnets = Once(options.Network.Subnets.Select(subnet => new Site(
            subnet.Id, AddressSet.From(subnet.AddressPrefixes), GroupOf(groups, subnet.Id, subnet.NetworkSecurityGroup, group => group.Subnets))));
        List<Site> interfaces = Once(options.Network.NetworkInterfaces.Select(nic => new Site(
            nic.Id, Hosts(nic.Addresses), GroupOf(groups, nic.Id, nic.NetworkSecurityGroup, group => group.NetworkInterfaces))));
        bool isAssociated = subnets.Concat(interfaces).Any(site => site.Group is not null);
        AddressSet inside = Inside(options, subnets, interfaces);
        if (!isAssociated)
        {
            if (groups.Count == 1) return new ChainMap(inside, new GroupChain([new ChainStep(groups[0], PolicyCompiler.AllProtected)]));
            findings.Add(groups[1].Group.Origin.Error(
                FindingCodes.NoAssociation,
                string.Create(CultureInfo.InvariantCulture, $"There are {groups.Count} network security groups ({string.Join(", ", groups.Take(5).Select(group => group.Label))}), and nothing says which addresses they apply to."),
                "Give one group, or add the subnets or network interfaces they are associated with: az network vnet show, az network nic list."));
            return null;
        }

        foreach (CompiledGroup group in groups)
        {
            if (subnets.Concat(interfaces).Any(site => site.Group == group)) continue;
            findings.Add(group.Group.Origin.Warning(
                FindingCodes.NoAssociation, $"Network security group {group.Label} is associated with no known subnet or network interface: it applies to nothing.",
                "Add the subnet or network interface, or remove the group."));
        }

        return Check(subnets, findings) && Check(interfaces, findings) ? new ChainMap(Cut(inside, subnets, interfaces)) : null;
    }

    /// <summary>
    /// The sites that have addresses, each once. Two exports may have it, and a template that was exported has a subnet in its network and
    /// beside it, under ids of two forms.
    /// </summary>
    private static List<Site> Once(IEnumerable<Site> sites) =>
        [.. sites.Where(site => !site.Addresses.IsEmpty).DistinctBy(site => (site.Addresses, site.Group))];

    /// <summary>The group of a subnet or network interface: either side may name the other.</summary>
    private static CompiledGroup? GroupOf(
        IReadOnlyList<CompiledGroup> groups, string site, string? named, Func<NetworkSecurityGroup, IReadOnlyList<string>> sites)
    {
        if (named is not null)
        {
            CompiledGroup? exact = groups.FirstOrDefault(group => group.Group.Id is { } id && ResourceId.AreTheSame(id, named));
            return exact ?? groups.FirstOrDefault(group => ResourceId.AreTheSame(group.Group.Id ?? group.Group.Name, named));
        }

        return groups.FirstOrDefault(group => sites(group.Group).Any(id => ResourceId.AreTheSame(id, site)));
    }

    private static AddressSet Inside(PolicyOptions options, List<Site> subnets, List<Site> interfaces)
    {
        if (options.ProtectedAddresses is { } given) return AddressSet.From(given);
        AddressSet all = AddressSet.From(options.EffectiveVirtualNetwork);
        foreach (Site site in subnets.Concat(interfaces)) all = all.Union(site.Addresses);
        return all;
    }

    /// <summary>An address in two subnets, or of two network interfaces, would be under the groups of both.</summary>
    private static bool Check(List<Site> sites, List<RuleFinding> findings)
    {
        bool isGood = true;
        AddressSet seen = AddressSet.Empty;
        foreach (Site site in sites)
        {
            if (seen.Overlaps(site.Addresses))
            {
                Site other = sites.First(candidate => candidate.Addresses.Overlaps(site.Addresses));
                findings.Add(RuleOrigin.None.Error(
                    FindingCodes.OverlappingAssociations, $"{other.Id} and {site.Id} have addresses in common.", "Give one virtual network, without leftovers of another."));
                isGood = false;
            }

            seen = seen.Union(site.Addresses);
        }

        return isGood;
    }

    /// <summary>Cuts the protected addresses so that each piece lies in at most one subnet and belongs to at most one network interface.</summary>
    private static List<(AddressSet Addresses, GroupChain Chain)> Cut(AddressSet inside, List<Site> subnets, List<Site> interfaces)
    {
        List<(AddressSet, GroupChain)> pieces = [];
        AddressSet rest = inside;
        foreach (Site subnet in subnets)
        {
            // What is left, as no address may be mapped twice.
            AddressSet open = subnet.Addresses.Intersect(rest);
            foreach (Site nic in interfaces)
            {
                AddressSet both = open.Intersect(nic.Addresses);
                if (nic.Group is null || both.IsEmpty) continue;
                Add(both, subnet, nic);
                open = open.Intersect(both.Complement());
            }

            Add(open, subnet, null);
            rest = rest.Intersect(subnet.Addresses.Complement());
        }

        foreach (Site nic in interfaces)
        {
            AddressSet alone = rest.Intersect(nic.Addresses);
            Add(alone, null, nic);
            rest = rest.Intersect(alone.Complement());
        }

        Add(rest, null, null);
        return pieces;

        void Add(AddressSet addresses, Site? subnet, Site? nic)
        {
            if (addresses.IsEmpty) return;
            List<ChainStep> steps = [];
            if (subnet?.Group is { } first) steps.Add(new ChainStep(first, subnet.Id));
            if (nic?.Group is { } second) steps.Add(new ChainStep(second, nic.Id));
            pieces.Add((addresses, new GroupChain(steps)));
        }
    }

    private static AddressSet Hosts(IReadOnlyList<IpAddress> addresses) =>
        AddressSet.From(addresses.Select(address => IpPrefix.Create(address, address.IsIPv4 ? 32 : 128)));

    /// <summary>A subnet or network interface with its addresses and its group, if it has one.</summary>
    private sealed record Site(string Id, AddressSet Addresses, CompiledGroup? Group);
}
