using Firewall.Core.Rules;

namespace Firewall.Control;

/// <summary>What was read from the rules files and the service tag file, before it is compiled.</summary>
/// <param name="Groups">The network security groups; with errors, as far as they could be read.</param>
/// <param name="Options">What to compile them with: the address spaces that were asked for, the tags, the network around the rules.</param>
/// <param name="Findings">Everything that is wrong with the files.</param>
internal sealed record ParsedRules(IReadOnlyList<NetworkSecurityGroup> Groups, PolicyOptions Options, IReadOnlyList<RuleFinding> Findings)
{
    /// <summary>True if the groups cannot be used.</summary>
    public bool HasErrors => Findings.Any(finding => finding.IsError);
}
