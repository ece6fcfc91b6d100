namespace Firewall.Core.Rules.Reading;

/// <summary>What a rule takes for itself in its group, known also of a rule with errors: so that all errors of a file are told at once.</summary>
/// <param name="Name">The rule's name.</param>
/// <param name="Direction">Null if it is missing or wrong.</param>
/// <param name="Priority">0 if it is missing or wrong.</param>
/// <param name="Origin">Where the rule stands.</param>
internal readonly record struct RuleClaim(string Name, RuleDirection? Direction, int Priority, RuleOrigin Origin);
