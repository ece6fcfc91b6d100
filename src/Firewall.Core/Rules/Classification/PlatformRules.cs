using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Azure's exception for its own services: traffic with 168.63.129.16 and 169.254.169.254 passes unless a rule with one of their
/// tags says otherwise ("Network security groups", platform considerations).
/// </summary>
internal static class PlatformRules
{
    /// <summary>The name under which the exception shows as a deciding rule.</summary>
    public const string Name = "AllowAzurePlatform";

    private static readonly AddressSet s_services = AddressSet.From([PolicyOptions.AzureHostAddress, IpPrefix.Create(IpAddress.FromIPv4(0xA9FE_A9FE), 32)]);

    private static readonly SecurityRule s_inbound = Exception(RuleDirection.Inbound);
    private static readonly SecurityRule s_outbound = Exception(RuleDirection.Outbound);

    /// <summary>
    /// Puts the exception in its place: after the rules with platform tags, which match nothing else and so may come first, and
    /// before all others.
    /// </summary>
    public static IReadOnlyList<ResolvedRule> Insert(IReadOnlyList<ResolvedRule> rules, RuleDirection direction, string label, RuleCatalog catalog, KnownParts known)
    {
        bool isInbound = direction == RuleDirection.Inbound;
        int number = catalog.Add(new RuleIdentity(label, Name, true, direction));
        ResolvedRule allow = known.Resolve(
            label, isInbound ? s_inbound : s_outbound, number, isInbound ? s_services : AddressSet.All, isInbound ? AddressSet.All : s_services);
        return
        [
            .. rules.Where(IsPlatform),
            allow,
            .. rules.Where(rule => !IsPlatform(rule)),
        ];
    }

    private static SecurityRule Exception(RuleDirection direction) => DefaultRules.All[0] with
    {
        Name = Name,
        Description = "Traffic with Azure's platform services bypasses the rules",
        Direction = direction,
        Priority = 0,
        Source = AddressSelector.Any,
        Destination = AddressSelector.Any,
    };

    private static bool IsPlatform(ResolvedRule rule) =>
        TagResolver.IsPlatformTag(rule.Rule.Source) || TagResolver.IsPlatformTag(rule.Rule.Destination);
}
