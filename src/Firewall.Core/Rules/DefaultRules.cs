namespace Firewall.Core.Rules;

/// <summary>
/// The six rules that every network security group has and that cannot be removed, with the names, priorities and descriptions
/// that Azure's API gives them (example NetworkSecurityGroupGet.json of the network resource provider).
/// </summary>
public static class DefaultRules
{
    /// <summary>The lowest priority number of a default rule.</summary>
    public const int FirstPriority = 65000;

    /// <summary>All six, inbound first, each direction in the order of evaluation.</summary>
    public static IReadOnlyList<SecurityRule> All { get; } =
    [
        Rule("AllowVnetInBound", 65000, RuleDirection.Inbound, Access.Allow, "VirtualNetwork", "VirtualNetwork", "Allow inbound traffic from all VMs in VNET"),
        Rule("AllowAzureLoadBalancerInBound", 65001, RuleDirection.Inbound, Access.Allow, "AzureLoadBalancer", "*", "Allow inbound traffic from azure load balancer"),
        Rule("DenyAllInBound", 65500, RuleDirection.Inbound, Access.Deny, "*", "*", "Deny all inbound traffic"),
        Rule("AllowVnetOutBound", 65000, RuleDirection.Outbound, Access.Allow, "VirtualNetwork", "VirtualNetwork", "Allow outbound traffic from all VMs to all VMs in VNET"),
        Rule("AllowInternetOutBound", 65001, RuleDirection.Outbound, Access.Allow, "*", "Internet", "Allow outbound traffic from all VMs to Internet"),
        Rule("DenyAllOutBound", 65500, RuleDirection.Outbound, Access.Deny, "*", "*", "Deny all outbound traffic"),
    ];

    private static SecurityRule Rule(
        string name, int priority, RuleDirection direction, Access access, string source, string destination, string description) => new()
        {
            Name = name,
            Description = description,
            Protocol = RuleProtocol.Any,
            Source = Selector(source),
            SourcePorts = [PortRange.Any],
            Destination = Selector(destination),
            DestinationPorts = [PortRange.Any],
            Access = access,
            Priority = priority,
            Direction = direction,
            IsDefault = true,
        };

    private static AddressSelector Selector(string text) => text == "*" ? AddressSelector.Any : AddressSelector.OfServiceTag(text);
}
