namespace Firewall.Core.Rules;

/// <summary>
/// The codes of findings. The first block are Azure's own error codes, seen in answers of its network resource provider; the
/// second block are ours, for faults that Azure's code is not known for or that Azure cannot have.
/// </summary>
public static class FindingCodes
{
    /// <summary>Two rules of one direction with the same priority.</summary>
    public const string Conflict = "SecurityRuleConflict";

    /// <summary>A priority outside of 100–4096.</summary>
    public const string InvalidPriority = "SecurityRuleInvalidPriority";

    /// <summary>A port field that is neither a port, a range, nor <c>*</c>.</summary>
    public const string InvalidPortRange = "SecurityRuleInvalidPortRange";

    /// <summary>An address field that is neither an address, a prefix without host bits, a known tag, nor <c>*</c>.</summary>
    public const string InvalidAddressPrefix = "SecurityRuleInvalidAddressPrefix";

    /// <summary>An unknown protocol.</summary>
    public const string InvalidProtocol = "SecurityRuleInvalidProtocol";

    /// <summary>A tag or <c>*</c> in a list of prefixes.</summary>
    public const string UnsupportedValue = "SecurityRuleParameterContainsUnsupportedValue";

    /// <summary>One prefix of a list contains another.</summary>
    public const string OverlappingSubnets = "OverlappingSubnetsNotPermittedInSecurityRule";

    /// <summary>A required field with one spelling is not set.</summary>
    public const string ParameterMissing = "SecurityRuleParameterMissing";

    /// <summary>A required field with several spellings is not set in any of them.</summary>
    public const string ParametersMissing = "SecurityRuleParametersMissing";

    /// <summary>More than ten application security groups on one side of a rule.</summary>
    public const string TooManyApplicationSecurityGroups = "NumberOfApplicationSecurityGroupsReferencedInSecurityRuleLimitReached";

    /// <summary>More than 1,000 rules in a group.</summary>
    public const string RuleCountLimit = "SecurityRuleCountLimitReached";

    /// <summary>More than 4,000 prefixes or port ranges of one field over all rules of a group.</summary>
    public const string AddressesOrPortsLimit = "SecurityRuleAddressesOrPortsPerSecurityGroupLimitReached";

    /// <summary>A name that Azure does not take.</summary>
    public const string InvalidName = "InvalidResourceName";

    /// <summary>Two rules of one group, or two groups, with the same name.</summary>
    public const string DuplicateName = "DuplicateResourceName";

    /// <summary>A value of the wrong JSON type, or a document of an unknown shape.</summary>
    public const string InvalidFormat = "InvalidRequestFormat";

    /// <summary>Several spellings of one field are set at once. Azure's message is known, its code is not.</summary>
    public const string ParametersConflict = "SecurityRuleParametersConflict";

    /// <summary>An unknown <c>access</c>. By analogy with <see cref="InvalidProtocol"/>.</summary>
    public const string InvalidAccess = "SecurityRuleInvalidAccess";

    /// <summary>An unknown <c>direction</c>. By analogy with <see cref="InvalidProtocol"/>.</summary>
    public const string InvalidDirection = "SecurityRuleInvalidDirection";

    /// <summary>An <c>icmpTypes</c> that names no ICMP type, or in a rule of another protocol. The field is ours.</summary>
    public const string InvalidIcmpType = "SecurityRuleInvalidIcmpType";

    /// <summary>A description of more than 140 characters.</summary>
    public const string DescriptionTooLong = "SecurityRuleDescriptionTooLong";

    /// <summary>More than 100 distinct application security groups in one group.</summary>
    public const string TooManyDistinctApplicationSecurityGroups = "NumberOfApplicationSecurityGroupsPerSecurityGroupLimitReached";

    /// <summary>The file is not JSON.</summary>
    public const string InvalidJson = "InvalidJson";

    /// <summary>An ARM template expression that cannot be worked out without deploying it.</summary>
    public const string TemplateExpression = "TemplateExpressionNotEvaluated";

    /// <summary>A rule is defined twice in a template, and differently.</summary>
    public const string RuleDefinedTwice = "SecurityRuleDefinedTwice";

    /// <summary>A rule that can match no packet.</summary>
    public const string RuleNeverMatches = "SecurityRuleNeverMatches";

    /// <summary>A rule names an application security group without members.</summary>
    public const string EmptyApplicationSecurityGroup = "ApplicationSecurityGroupEmpty";

    /// <summary>Several groups, and nothing says which addresses they apply to.</summary>
    public const string NoAssociation = "NetworkSecurityGroupNotAssociated";

    /// <summary>A subnet or network interface is associated with a group that none of the files has.</summary>
    public const string GroupNotKnown = "NetworkSecurityGroupNotKnown";

    /// <summary>Subnets or network interfaces with different groups share addresses.</summary>
    public const string OverlappingAssociations = "NetworkSecurityGroupAssociationsOverlap";

    /// <summary>A service tag of Azure's whose addresses are not known: no service tag file was given, or it does not have it.</summary>
    public const string ServiceTagNotKnown = "ServiceTagNotKnown";

    /// <summary>A virtual network's <c>flowTimeoutInMinutes</c> outside of 4–30.</summary>
    public const string InvalidFlowTimeout = "VirtualNetworkInvalidFlowTimeout";
}
