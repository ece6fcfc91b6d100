namespace Firewall.Core.Rules;

/// <summary>What was read from one rules file, or from several together.</summary>
/// <param name="Groups">The network security groups; with errors, as far as they could be read.</param>
/// <param name="Findings">Everything that is wrong, in the order of the file.</param>
public sealed record RuleFile(IReadOnlyList<NetworkSecurityGroup> Groups, IReadOnlyList<RuleFinding> Findings)
{
    /// <summary>The subnets, network interfaces and virtual networks of the file; give it to <see cref="PolicyOptions.Network"/>.</summary>
    public NetworkTopology Network { get; init; } = NetworkTopology.Empty;

    /// <summary>True if the groups cannot be used.</summary>
    public bool HasErrors => Findings.Any(finding => finding.IsError);

    /// <summary>Several files as one, such as all files of a folder. A group that two files have is an error.</summary>
    public static RuleFile Join(IEnumerable<RuleFile> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        List<NetworkSecurityGroup> groups = [];
        List<RuleFinding> findings = [];
        NetworkTopology network = NetworkTopology.Empty;
        foreach (RuleFile file in files)
        {
            findings.AddRange(file.Findings);
            network = network.With(file.Network);
            foreach (NetworkSecurityGroup group in file.Groups)
            {
                if (groups.Find(known => AreTheSame(known, group)) is { } twice)
                {
                    findings.Add(group.Origin.Error(
                        FindingCodes.DuplicateName,
                        $"Network security group {group.Name} stands in two files; the other is {twice.Origin.File}.",
                        "Remove one of the two."));
                }

                groups.Add(group);
            }
        }

        return new RuleFile(groups, findings) { Network = network };
    }

    // Groups of different resource groups may have one name; without ids the name is all there is.
    private static bool AreTheSame(NetworkSecurityGroup left, NetworkSecurityGroup right) =>
        string.Equals(left.Name, right.Name, StringComparison.OrdinalIgnoreCase)
        && (left.Id is null || right.Id is null || string.Equals(left.Id, right.Id, StringComparison.OrdinalIgnoreCase));
}
