namespace Firewall.Core.Rules;

/// <summary>What was read from one rules file.</summary>
/// <param name="Groups">The network security groups; with errors, as far as they could be read.</param>
/// <param name="Findings">Everything that is wrong, in the order of the file.</param>
public sealed record RuleFile(IReadOnlyList<NetworkSecurityGroup> Groups, IReadOnlyList<RuleFinding> Findings)
{
    /// <summary>True if the groups cannot be used.</summary>
    public bool HasErrors => Findings.Any(finding => finding.IsError);
}
