namespace Firewall.Core.Rules;

/// <summary>What the policy compiler made of a set of groups.</summary>
/// <param name="Policy">The policy, or null if there are errors.</param>
/// <param name="Findings">What was found while compiling: unknown tags, missing associations, rules that can never match.</param>
public sealed record CompileResult(Policy? Policy, IReadOnlyList<RuleFinding> Findings);
