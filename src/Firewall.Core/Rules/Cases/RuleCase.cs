using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Cases;

/// <summary>
/// One expectation: what the rules should say to a flow. With a <see cref="Direction"/> it is asked as IP flow verify asks, of one end's
/// groups alone; without, as the appliance asks, of all groups on the packet's way.
/// </summary>
public sealed record RuleCase
{
    /// <summary>What is expected, in words; the test's name.</summary>
    public required string Name { get; init; }

    /// <summary>Which end's groups are asked; null for all on the way.</summary>
    public RuleDirection? Direction { get; init; }

    /// <summary>IANA number.</summary>
    public required byte Protocol { get; init; }

    /// <summary>Where the first packet comes from.</summary>
    public required IpAddress Source { get; init; }

    /// <summary>Its port; null if unspecified.</summary>
    public ushort? SourcePort { get; init; }

    /// <summary>Where the first packet goes to.</summary>
    public required IpAddress Destination { get; init; }

    /// <summary>Its port; null if unspecified.</summary>
    public ushort? DestinationPort { get; init; }

    /// <summary>The first message's ICMP type; null if unspecified.</summary>
    public byte? IcmpType { get; init; }

    /// <summary>Its code; null if unspecified.</summary>
    public byte? IcmpCode { get; init; }

    /// <summary>The access that is expected.</summary>
    public required Access Access { get; init; }

    /// <summary>The rule that is expected to decide, by its name, <c>securityRules/name</c> or <c>UserRule_name</c>; null if any may.</summary>
    public string? Rule { get; init; }

    /// <summary>Where it stands in the file.</summary>
    public RuleOrigin Origin { get; init; } = RuleOrigin.None;
}

/// <summary>What was read from a file of cases.</summary>
/// <param name="Cases">The cases; with errors, as far as they could be read.</param>
/// <param name="Findings">What is wrong.</param>
public sealed record RuleCaseFile(IReadOnlyList<RuleCase> Cases, IReadOnlyList<RuleFinding> Findings)
{
    /// <summary>True if the cases cannot be run.</summary>
    public bool HasErrors => Findings.Any(finding => finding.IsError);
}

/// <summary>How a case went.</summary>
/// <param name="Case">The case.</param>
/// <param name="Passed">True if the rules say what was expected.</param>
/// <param name="Access">What they say.</param>
/// <param name="Rule">Which rule decided, as <c>securityRules/name</c>; null if none.</param>
/// <param name="Message">What differs; empty if passed.</param>
public sealed record RuleCaseResult(RuleCase Case, bool Passed, Access Access, string? Rule, string Message);
