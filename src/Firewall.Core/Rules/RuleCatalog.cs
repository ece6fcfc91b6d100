using System.Collections.Concurrent;

namespace Firewall.Core.Rules;

/// <summary>A rule's identity, which outlives reloads: flows that it allowed go on naming it after it is gone.</summary>
/// <param name="SecurityGroup">Name of the network security group.</param>
/// <param name="Name">Name of the rule.</param>
/// <param name="IsDefault">True for one of the six default rules.</param>
/// <param name="Direction">The rule's direction.</param>
public sealed record RuleIdentity(string SecurityGroup, string Name, bool IsDefault, RuleDirection Direction)
{
    /// <summary>The flow-log style name: <c>UserRule_x</c> or <c>DefaultRule_x</c>.</summary>
    public string FlowLogName { get; } = (IsDefault ? "DefaultRule_" : "UserRule_") + Name;

    /// <summary>The IP flow verify style name: <c>securityRules/x</c> or <c>defaultSecurityRules/x</c>.</summary>
    public string ResourceName { get; } = (IsDefault ? "defaultSecurityRules/" : "securityRules/") + Name;
}

/// <summary>
/// Gives every rule that was ever compiled a small number that stays the same across reloads, so that flow records, counters and
/// events can hold four bytes instead of a name. Written when a policy is compiled (off the path), read from anywhere.
/// </summary>
public sealed class RuleCatalog
{
    /// <summary>The number that stands for "no rule".</summary>
    public const int None = 0;

    private readonly ConcurrentDictionary<RuleIdentity, int> _numbers = new();
    private readonly Lock _growing = new();
    private volatile RuleIdentity?[] _rules = new RuleIdentity?[64];
    private int _count = 1;

    /// <summary>One more than the largest number given so far.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The rule of that number, or null for <see cref="None"/> and for numbers never given.</summary>
    public RuleIdentity? this[int number]
    {
        get
        {
            RuleIdentity?[] rules = _rules;
            return (uint)number < (uint)rules.Length ? rules[number] : null;
        }
    }

    /// <summary>The number of that rule; the first call for a rule gives it the next free one.</summary>
    public int Add(RuleIdentity rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        if (_numbers.TryGetValue(rule, out int known)) return known;
        lock (_growing)
        {
            if (_numbers.TryGetValue(rule, out known)) return known;
            int number = _count;
            RuleIdentity?[] rules = _rules;
            if (number == rules.Length) Array.Resize(ref rules, rules.Length * 2);
            rules[number] = rule;
            _rules = rules;
            _numbers[rule] = number;
            Volatile.Write(ref _count, number + 1);
            return number;
        }
    }
}
