namespace Firewall.Core.Rules;

/// <summary>
/// Azure's limits for network security groups ("Azure subscription and service limits", virtual networking; the numbers in error
/// answers of the network resource provider agree with it).
/// </summary>
public static class NsgLimits
{
    /// <summary>Lowest priority number of a rule of one's own; evaluated first.</summary>
    public const int MinPriority = 100;

    /// <summary>Highest priority number of a rule of one's own.</summary>
    public const int MaxPriority = 4096;

    /// <summary>Rules of one's own in one group.</summary>
    public const int MaxRules = 1000;

    /// <summary>Values of one field (source prefixes, destination ports, …), summed over all rules of one group.</summary>
    public const int MaxAddressesOrPorts = 4000;

    /// <summary>Application security groups on one side of one rule.</summary>
    public const int MaxApplicationSecurityGroupsPerSide = 10;

    /// <summary>Distinct application security groups in all rules of one group.</summary>
    public const int MaxApplicationSecurityGroupsPerGroup = 100;

    /// <summary>Characters in the name of a group or a rule.</summary>
    public const int MaxNameLength = 80;

    /// <summary>Characters in a rule's description.</summary>
    public const int MaxDescriptionLength = 140;

    /// <summary>Lowest <c>flowTimeoutInMinutes</c> of a virtual network.</summary>
    public const int MinFlowTimeoutInMinutes = 4;

    /// <summary>Highest <c>flowTimeoutInMinutes</c> of a virtual network.</summary>
    public const int MaxFlowTimeoutInMinutes = 30;

    /// <summary>Our own limit: a rules file larger than this is refused instead of read. Azure's largest group is far below it.</summary>
    public const int MaxFileBytes = 64 * 1024 * 1024;
}
