namespace Firewall.Core.Rules.Cases;

/// <summary>Runs expectations against a policy.</summary>
public static class RuleCaseRunner
{
    /// <summary>One result for each case, in order.</summary>
    public static IReadOnlyList<RuleCaseResult> Run(Policy policy, IEnumerable<RuleCase> cases)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(cases);
        return [.. cases.Select(each => Run(policy, each))];
    }

    private static RuleCaseResult Run(Policy policy, RuleCase expected)
    {
        Explanation answer = Ask(policy, expected);
        string? flowLogName = answer.Groups.Count == 0 ? null : answer.Groups[^1].MatchedRule?.Identity.FlowLogName;
        bool isRule = expected.Rule is null
            || Is(expected.Rule, answer.RuleName) || Is(expected.Rule, flowLogName) || (answer.RuleName is { } name && Is(expected.Rule, ResourceId.NameOf(name)));
        bool passed = answer.Access == expected.Access && isRule;
        string message = passed ? "" : $"expected {expected.Access}{(expected.Rule is null ? "" : $" by {expected.Rule}")}, but it is {answer.Access} by {answer.RuleName ?? "no rule"}";
        return new RuleCaseResult(expected, passed, answer.Access, answer.RuleName, message);
    }

    private static Explanation Ask(Policy policy, RuleCase asked)
    {
        if (asked.Direction is not { } direction)
        {
            return PolicyExplainer.Explain(policy, asked.Protocol, asked.Source, asked.SourcePort, asked.Destination, asked.DestinationPort, asked.IcmpType, asked.IcmpCode);
        }

        bool isInbound = direction == RuleDirection.Inbound;
        return PolicyExplainer.Explain(policy, new FlowQuery(
            direction, asked.Protocol,
            isInbound ? asked.Destination : asked.Source, isInbound ? asked.DestinationPort : asked.SourcePort,
            isInbound ? asked.Source : asked.Destination, isInbound ? asked.SourcePort : asked.DestinationPort)
        {
            IcmpType = asked.IcmpType,
            IcmpCode = asked.IcmpCode,
        });
    }

    private static bool Is(string expected, string? name) => string.Equals(expected, name, StringComparison.OrdinalIgnoreCase);
}
