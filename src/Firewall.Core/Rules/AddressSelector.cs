using Firewall.Core.Packets;

namespace Firewall.Core.Rules;

/// <summary>Which of Azure's ways to name addresses one side of a rule uses; exactly one is allowed.</summary>
public enum AddressSelectorKind : byte
{
    /// <summary><c>*</c>: every address of both families.</summary>
    Any,

    /// <summary>A prefix or a list of prefixes.</summary>
    Prefixes,

    /// <summary>A service tag.</summary>
    ServiceTag,

    /// <summary>One or more application security groups.</summary>
    ApplicationSecurityGroups,
}

/// <summary>The source or destination of a rule, as written; the policy compiler resolves tags and groups to addresses.</summary>
public sealed record AddressSelector
{
    private AddressSelector()
    {
    }

    /// <summary>Every address.</summary>
    public static AddressSelector Any { get; } = new() { Kind = AddressSelectorKind.Any };

    /// <summary>Which of the following properties counts.</summary>
    public AddressSelectorKind Kind { get; private init; }

    /// <summary>Prefixes without host bits; they do not overlap. Both families may stand side by side.</summary>
    public IReadOnlyList<IpPrefix> Prefixes { get; private init; } = [];

    /// <summary>The tag as written; compared without case.</summary>
    public string ServiceTag { get; private init; } = "";

    /// <summary>Resource ids (or bare names) of application security groups; compared without case.</summary>
    public IReadOnlyList<string> ApplicationSecurityGroups { get; private init; } = [];

    /// <summary>Where it stands in the file.</summary>
    public RuleOrigin Origin { get; init; } = RuleOrigin.None;

    /// <summary>A selector of prefixes.</summary>
    public static AddressSelector OfPrefixes(IReadOnlyList<IpPrefix> prefixes) =>
        new() { Kind = AddressSelectorKind.Prefixes, Prefixes = prefixes };

    /// <summary>A selector of a service tag.</summary>
    public static AddressSelector OfServiceTag(string tag) => new() { Kind = AddressSelectorKind.ServiceTag, ServiceTag = tag };

    /// <summary>A selector of application security groups.</summary>
    public static AddressSelector OfApplicationSecurityGroups(IReadOnlyList<string> groups) =>
        new() { Kind = AddressSelectorKind.ApplicationSecurityGroups, ApplicationSecurityGroups = groups };

    /// <summary>True if both name the same addresses in the same way; where they were read does not count.</summary>
    public bool Equals(AddressSelector? other) =>
        other is not null && Kind == other.Kind && Prefixes.SequenceEqual(other.Prefixes)
        && string.Equals(ServiceTag, other.ServiceTag, StringComparison.OrdinalIgnoreCase)
        && ApplicationSecurityGroups.SequenceEqual(other.ApplicationSecurityGroups, StringComparer.OrdinalIgnoreCase);

    /// <summary>True if both are written in the same way, in the same case too; where they were read does not count.</summary>
    internal bool IsWrittenAs(AddressSelector other) =>
        Equals(other) && string.Equals(ServiceTag, other.ServiceTag, StringComparison.Ordinal)
        && ApplicationSecurityGroups.SequenceEqual(other.ApplicationSecurityGroups, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        HashCode.Combine(Kind, Prefixes.Count, StringComparer.OrdinalIgnoreCase.GetHashCode(ServiceTag), ApplicationSecurityGroups.Count);

    /// <summary>What one would write in a rule.</summary>
    public override string ToString() => Kind switch
    {
        AddressSelectorKind.Any => "*",
        AddressSelectorKind.ServiceTag => ServiceTag,
        AddressSelectorKind.Prefixes => string.Join(',', Prefixes),
        _ => string.Join(',', ApplicationSecurityGroups.Select(id => id[(id.LastIndexOf('/') + 1)..])),
    };
}
