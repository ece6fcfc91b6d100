namespace Firewall.Core.Rules.Classification;

/// <summary>
/// What a policy that is being compiled has in common with the one in force. Rules, their parts and their resolved forms that say the same are
/// taken from there, so that a reload leaves little behind that is new: what is new and lives is moved by the garbage collector, and the
/// packet threads stand still meanwhile. A thousand rules were 1.2 MB of small objects; what they share is none.
/// </summary>
internal sealed class KnownParts
{
    private readonly Dictionary<string, NetworkSecurityGroup> _groups = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<(string Group, RuleDirection Direction, string Rule), ResolvedRule> _resolved = [];
    private readonly Dictionary<(string Group, RuleDirection Direction), BitmapClassifier> _classifiers = [];
    private readonly HashSet<string> _texts = new(StringComparer.Ordinal);

    /// <param name="before">The policy in force; null shares nothing.</param>
    public KnownParts(Policy? before)
    {
        if (before is null) return;
        foreach (CompiledGroup compiled in before.Compiled)
        {
            Know(compiled.Label, RuleDirection.Inbound, compiled.Inbound);
            Know(compiled.Label, RuleDirection.Outbound, compiled.Outbound);
            foreach (ResolvedRule rule in compiled.Inbound.Rules.Concat(compiled.Outbound.Rules)) _resolved.TryAdd((compiled.Label, rule.Rule.Direction, rule.Rule.Name), rule);
        }

        foreach (NetworkSecurityGroup group in before.Groups)
        {
            _groups.TryAdd(group.Id ?? group.Name, group);
            foreach (SecurityRule rule in group.SecurityRules)
            {
                Know(rule.Origin);
                Know(rule.Source.Origin);
                Know(rule.Destination.Origin);
            }
        }
    }

    /// <summary>The same group, made of what is known as far as it can be.</summary>
    public NetworkSecurityGroup Share(NetworkSecurityGroup group)
    {
        if (!_groups.TryGetValue(group.Id ?? group.Name, out NetworkSecurityGroup? known)) return group;
        Dictionary<string, SecurityRule> rules = new(StringComparer.OrdinalIgnoreCase);
        foreach (SecurityRule rule in known.SecurityRules) rules.TryAdd(rule.Name, rule);
        return group with
        {
            SecurityRules = [.. group.SecurityRules.Select(rule => rules.TryGetValue(rule.Name, out SecurityRule? before) ? Share(rule, before) : rule)],
        };
    }

    /// <summary>A rule's resolved form.</summary>
    /// <param name="label">The group's name in the catalog.</param>
    /// <param name="rule">The rule, after <see cref="Share(NetworkSecurityGroup)"/>.</param>
    /// <param name="number">Its number in the catalog.</param>
    /// <param name="source">Where packets come from.</param>
    /// <param name="destination">Where they go to.</param>
    public ResolvedRule Resolve(string label, SecurityRule rule, int number, AddressSet source, AddressSet destination)
    {
        if (!_resolved.TryGetValue((label, rule.Direction, rule.Name), out ResolvedRule? known)) return new ResolvedRule(rule, number, source, destination);
        if (known.Source.Equals(source)) source = known.Source;
        if (known.Destination.Equals(destination)) destination = known.Destination;
        bool isTheSame = ReferenceEquals(known.Rule, rule) && known.Number == number && ReferenceEquals(known.Source, source) && ReferenceEquals(known.Destination, destination);
        return isTheSame ? known : new ResolvedRule(rule, number, source, destination, known);
    }

    /// <summary>The classifier of one direction of a group, made of what is known as far as it can be.</summary>
    public BitmapClassifier Classify(string label, RuleDirection direction, IReadOnlyList<ResolvedRule> rules) =>
        BitmapClassifier.Of(rules, _classifiers.GetValueOrDefault((label, direction)));

    private void Know(string label, RuleDirection direction, IRuleClassifier classifier)
    {
        if (classifier is BitmapClassifier known) _classifiers.TryAdd((label, direction), known);
    }

    private SecurityRule Share(SecurityRule rule, SecurityRule known)
    {
        SecurityRule shared = rule with
        {
            Name = Same(rule.Name, known.Name),
            Id = rule.Id == known.Id ? known.Id : rule.Id,
            Description = rule.Description == known.Description ? known.Description : rule.Description,
            Source = Share(rule.Source, known.Source),
            SourcePorts = Same(rule.SourcePorts, known.SourcePorts),
            Destination = Share(rule.Destination, known.Destination),
            DestinationPorts = Same(rule.DestinationPorts, known.DestinationPorts),
            IcmpTypes = Same(rule.IcmpTypes, known.IcmpTypes),
            Origin = Share(rule.Origin),
        };

        // Selectors are equal wherever they were read, but then they are not the same.
        bool isTheSame = ReferenceEquals(shared.Source, known.Source) && ReferenceEquals(shared.Destination, known.Destination) && shared == known;
        return isTheSame ? known : shared;
    }

    private AddressSelector Share(AddressSelector selector, AddressSelector known)
    {
        if (!selector.IsWrittenAs(known)) return selector;
        return selector.Origin == known.Origin ? known : known with { Origin = Share(selector.Origin) };
    }

    // A rule that was added moves all behind it: their places are then those that others had.
    private RuleOrigin Share(RuleOrigin origin) => origin with { File = Known(origin.File), JsonPath = Known(origin.JsonPath) };

    private void Know(RuleOrigin origin)
    {
        _texts.Add(origin.File);
        _texts.Add(origin.JsonPath);
    }

    private string Known(string text) => _texts.TryGetValue(text, out string? known) ? known : text;

    private static string Same(string text, string known) => string.Equals(text, known, StringComparison.Ordinal) ? known : text;

    private static IReadOnlyList<T> Same<T>(IReadOnlyList<T> list, IReadOnlyList<T> known) => list.SequenceEqual(known) ? known : list;
}
