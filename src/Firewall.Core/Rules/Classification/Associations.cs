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
            subnet.Id, subnet.Origin, AddressSet.From(subnet.AddressPrefixes), subnet.NetworkSecurityGroup, GroupOf(groups, subnet.Id, subnet.NetworkSecurityGroup, group => group.Subnets))));
        List<Site> interfaces = Once(options.Network.NetworkInterfaces.Select(nic => new Site(
            nic.Id, nic.Origin, Hosts(nic.Addresses), nic.NetworkSecurityGroup, GroupOf(groups, nic.Id, nic.NetworkSecurityGroup, group => group.NetworkInterfaces))));
        List<Site> sites = [.. subnets, .. interfaces];
        AddressSet inside = Inside(options, subnets, interfaces);
        List<Site> missing = sites.FindAll(site => site.IsGroupMissing && site.Addresses.Overlaps(inside));
        findings.AddRange(missing.Select(site => MissingGroup(site, options)));
        bool isAssociated = missing.Count > 0 || sites.Exists(site => site.Group is not null);
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
            if (sites.Exists(site => site.Group == group)) continue;
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
        [.. sites.Where(site => !site.Addresses.IsEmpty).DistinctBy(site => (site.Addresses, site.Group, site.IsGroupMissing ? site.Named : null))];

    /// <summary>
    /// Without its group everything to and from the site would pass, which nobody means who associated one. A subnet of the same network that has none of
    /// the protected addresses decides about no packet here.
    /// </summary>
    private static RuleFinding MissingGroup(Site site, PolicyOptions options)
    {
        string message = $"{site.Id} is associated with network security group {site.Named}, which none of the files has.";
        const string Remedy = "Give that group too, for example with az network nsg show, or take the association out if everything is to pass there.";
        return options.IsForPackets
            ? site.Origin.Error(FindingCodes.GroupNotKnown, message, Remedy)
            : site.Origin.Warning(FindingCodes.GroupNotKnown, message, Remedy);
    }

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
                findings.Add(site.Origin.Error(
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

    /// <summary>A subnet or network interface.</summary>
    /// <param name="Id">Its resource id.</param>
    /// <param name="Origin">Where it stands.</param>
    /// <param name="Addresses">Its addresses.</param>
    /// <param name="Named">The group that it names, if it names one.</param>
    /// <param name="Group">Its group, if it has one that is known.</param>
    private sealed record Site(string Id, RuleOrigin Origin, AddressSet Addresses, string? Named, CompiledGroup? Group)
    {
        public bool IsGroupMissing => Named is not null && Group is null;
    }
}
