namespace Firewall.Core.Rules.Reading;

/// <summary>A group while it is being read. Rules of one name are merged: a template lists each rule inside the group and as a resource of its own.</summary>
internal sealed class GroupBuilder(string name, string? id, RuleOrigin origin)
{
    private readonly Dictionary<string, int> _byName = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, int> _claimByName = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<RuleClaim> _claims = [];
    private readonly List<SecurityRule> _rules = [];

    public string Name { get; } = name;

    public string? Id { get; } = id;

    public RuleOrigin Origin { get; } = origin;

    public bool FlushConnection { get; set; }

    public List<string> Subnets { get; } = [];

    public List<string> NetworkInterfaces { get; } = [];

    public IReadOnlyList<SecurityRule> Rules => _rules;

    /// <summary>What each rule claims, those with errors too, in the order of the file.</summary>
    public IReadOnlyList<RuleClaim> Claims => _claims;

    /// <summary>How many rules the file has, also those that could not be read.</summary>
    public int RuleCount { get; set; }

    /// <summary>Adds a rule of the group's own list.</summary>
    /// <param name="claim">What it claims; null if it could not be read that far.</param>
    /// <param name="rule">The rule; null if it has errors.</param>
    /// <param name="findings">Gets an error if the name is taken.</param>
    public void Add(RuleClaim? claim, SecurityRule? rule, List<RuleFinding> findings)
    {
        if (claim is not { } claimed) return;
        bool isNew = _claimByName.TryAdd(claimed.Name, _claims.Count);
        RuleClaim first = isNew ? claimed : _claims[_claimByName[claimed.Name]];
        _claims.Add(claimed);
        // A rule without a name has that error, and stands for no other.
        if (!isNew && claimed.Name != RuleReader.Nameless)
        {
            findings.Add(claimed.Origin.Error(
                FindingCodes.DuplicateName,
                $"Network security group {Id ?? Name} has two security rules with the same name {claimed.Name} (the other is on line {first.Origin.Line}).",
                "Rename one of them; the case of letters does not make names different."));
        }

        if (rule is not null && _byName.TryAdd(rule.Name, _rules.Count)) _rules.Add(rule);
    }

    /// <summary>Adds a rule that stands beside the group as a resource of its own. Azure deploys it after the group, so it wins.</summary>
    /// <param name="claim">What it claims; null if it could not be read that far.</param>
    /// <param name="rule">The rule; null if it has errors.</param>
    /// <param name="findings">Gets a warning if it differs from the rule in the group.</param>
    public void Merge(RuleClaim? claim, SecurityRule? rule, List<RuleFinding> findings)
    {
        if (claim is not { } claimed) return;
        if (_claimByName.TryAdd(claimed.Name, _claims.Count)) _claims.Add(claimed);
        else _claims[_claimByName[claimed.Name]] = claimed;
        if (rule is null) return;
        if (_byName.TryAdd(rule.Name, _rules.Count))
        {
            _rules.Add(rule);
            return;
        }

        int index = _byName[rule.Name];
        SecurityRule first = _rules[index];
        _rules[index] = rule;
        if (first.MeansTheSameAs(rule)) return;
        findings.Add(rule.Origin.Warning(
            FindingCodes.RuleDefinedTwice,
            $"Security rule {rule.Name} stands in the group (line {first.Origin.Line}) and as a resource of its own, and the two differ.",
            "The resource counts, as Azure deploys it last; remove one of the two."));
    }

    public NetworkSecurityGroup Build() => new()
    {
        Name = Name,
        Id = Id,
        FlushConnection = FlushConnection,
        SecurityRules = [.. _rules],
        Subnets = [.. Subnets],
        NetworkInterfaces = [.. NetworkInterfaces],
        Origin = Origin,
    };
}
