using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Turns one side of a rule into addresses: prefixes, service tags, members of application security groups.
/// </summary>
internal sealed class TagResolver
{
    private readonly PolicyOptions _options;
    private readonly Dictionary<string, AddressSet> _tags = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, AddressSet> _members = new(StringComparer.OrdinalIgnoreCase);

    public TagResolver(PolicyOptions options)
    {
        _options = options;
        AddressSet virtualNetwork = AddressSet.From([.. options.EffectiveVirtualNetwork, PolicyOptions.AzureHostAddress]);
        _tags["VirtualNetwork"] = virtualNetwork;
        _tags["Internet"] = virtualNetwork.Complement();
        _tags["AzureLoadBalancer"] = AddressSet.From(options.LoadBalancer);
        // The platform's own services, which the tag file leaves out (service tags overview; KMS endpoints of "Windows activation").
        _tags["AzurePlatformDNS"] = Of("168.63.129.16");
        _tags["AzurePlatformIMDS"] = Of("169.254.169.254");
        _tags["AzurePlatformLKM"] = Of("20.118.99.224", "23.102.135.246", "40.83.235.53");
    }

    /// <summary>The addresses of one side of a rule; with an unknown tag a finding, and no addresses.</summary>
    public AddressSet Resolve(SecurityRule rule, AddressSelector selector, List<RuleFinding> findings)
    {
        switch (selector.Kind)
        {
            case AddressSelectorKind.Any:
                return AddressSet.All;
            case AddressSelectorKind.Prefixes:
                return AddressSet.From(selector.Prefixes);
            case AddressSelectorKind.ServiceTag:
                if (Find(selector.ServiceTag) is AddressSet tag) return tag;
                findings.Add(UnknownTag(rule, selector));
                return AddressSet.Empty;
            default:
                return ResolveGroups(rule, selector, findings);
        }
    }

    /// <summary>True for the tags that platform traffic may be filtered with.</summary>
    public static bool IsPlatformTag(AddressSelector selector) =>
        selector.ServiceTag is { Length: > 0 } tag && tag.StartsWith("AzurePlatform", StringComparison.OrdinalIgnoreCase);

    /// <summary>An application security group is its members' addresses. One without members makes the whole rule ineffective, as in Azure.</summary>
    private AddressSet ResolveGroups(SecurityRule rule, AddressSelector selector, List<RuleFinding> findings)
    {
        AddressSet all = AddressSet.Empty;
        foreach (string id in selector.ApplicationSecurityGroups)
        {
            AddressSet members = MembersOf(id);
            if (members.IsEmpty)
            {
                findings.Add(selector.Origin.Warning(
                    FindingCodes.EmptyApplicationSecurityGroup,
                    $"Security rule {rule.Name} names application security group {ResourceId.NameOf(id)}, of which no member is known: the whole rule is not effective.",
                    "Give the network interfaces that are its members, or remove it from the rule."));
                return AddressSet.Empty;
            }

            all = all.Union(members);
        }

        return all;
    }

    /// <summary>The application security groups of one side of a rule of which no member is known, by name.</summary>
    public IEnumerable<string> EmptyGroupsOf(AddressSelector selector) =>
        selector.ApplicationSecurityGroups.Where(id => MembersOf(id).IsEmpty).Select(ResourceId.NameOf);

    private AddressSet MembersOf(string id)
    {
        if (_members.TryGetValue(id, out AddressSet? known)) return known;
        NetworkTopology network = _options.Network;
        IEnumerable<IpPrefix> interfaces = network.NetworkInterfaces
            .Where(nic => nic.ApplicationSecurityGroups.Any(member => ResourceId.AreTheSame(member, id)))
            .SelectMany(nic => nic.Addresses).Select(address => IpPrefix.Create(address, address.IsIPv4 ? 32 : 128));
        IEnumerable<IpPrefix> given = network.ApplicationSecurityGroups.Where(group => ResourceId.AreTheSame(group.Id, id)).SelectMany(group => group.Members);
        return _members[id] = AddressSet.From(interfaces.Concat(given));
    }

    private AddressSet? Find(string tag) =>
        _tags.TryGetValue(tag, out AddressSet? known) ? known : _options.ServiceTags?.AddressesOf(tag);

    private RuleFinding UnknownTag(SecurityRule rule, AddressSelector selector)
    {
        string tag = selector.ServiceTag;
        bool hasFile = _options.ServiceTags is not null;
        // A region that the file does not have is a slip; a service that it does not have may be newer, or not public.
        string service = tag.Split('.')[0];
        bool isInFile = hasFile && _options.ServiceTags!.Names.Any(name =>
            name.StartsWith(service, StringComparison.OrdinalIgnoreCase) && (name.Length == service.Length || name[service.Length] == '.'));
        bool isKnown = KnownTags.Contains(tag) && !isInFile;
        string remedy = hasFile
            ? $"It is neither an address nor a tag of the given service tag file{(_options.ServiceTags!.ChangeNumber.Length == 0 ? "" : $" (change number {_options.ServiceTags.ChangeNumber})")}; check the spelling, or give a newer file."
            : "It is no address, and as a service tag it needs Azure's service tag file (download 56519, ServiceTags_Public_*.json): give it with --service-tags FILE, or as ServiceTags in the configuration.";
        if (!isKnown) return selector.Origin.Error(FindingCodes.InvalidAddressPrefix, $"Security rule {rule.Id ?? rule.Name} has invalid Address prefix. Value provided: {tag}", remedy);
        string message = $"Security rule {rule.Name} names the service tag {tag}, and its addresses are not known.";
        return _options.IsForPackets
            ? selector.Origin.Error(FindingCodes.ServiceTagNotKnown, message, remedy)
            : selector.Origin.Warning(FindingCodes.ServiceTagNotKnown, message, remedy);
    }

    private static AddressSet Of(params ReadOnlySpan<string> addresses)
    {
        List<IpPrefix> prefixes = [];
        foreach (string text in addresses)
        {
            if (IpPrefix.TryParse(text, out IpPrefix prefix, out _)) prefixes.Add(prefix);
        }

        return AddressSet.From(prefixes);
    }
}
