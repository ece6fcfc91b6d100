using Firewall.Admin;
using Firewall.Admin.Flows;
using Firewall.Control;
using Firewall.Core.Engine;
using Firewall.Core.Rules;

namespace Firewall.Hosting;

/// <summary>How often each rule decided, and what passed under it: what the workers have counted, with what an earlier process had. For any thread.</summary>
/// <param name="workers">The workers.</param>
/// <param name="policies">Which rules are in force.</param>
/// <param name="before">What an earlier process counted, without the flows that were taken over from it.</param>
/// <param name="time">The wall clock.</param>
internal sealed class RuleCounts(WorkerPool workers, PolicyStore policies, IReadOnlyList<RuleHitStatus> before, TimeProvider time)
{
    private readonly Dictionary<(string, string, string), RuleHitStatus> _before = before.GroupBy(KeyOf).ToDictionary(g => g.Key, g => g.Last());

    /// <summary>The rules in force, and of the others those that ever decided.</summary>
    /// <param name="flows">What flows carried.</param>
    public IReadOnlyList<RuleHitStatus> Of(FlowFigures flows)
    {
        IReadOnlyList<EngineCounters> counters = workers.Counters;
        IReadOnlySet<int> inForce = EffectiveRules.NumbersOf(policies.Current);
        List<RuleHitStatus> hits = [];
        HashSet<(string, string, string)> told = [];
        for (int number = 1; number < policies.Catalog.Count; number++)
        {
            if (policies.Catalog[number] is not { } rule) continue;
            var now = new RuleHitStatus(
                rule.SecurityGroup, rule.FlowLogName, rule.Direction.ToString(), inForce.Contains(number),
                counters.Sum(c => c.Rules.CountOf(number)),
                counters.Sum(c => c.Rules.PacketsOf(number)) + flows.PacketsOf(number),
                counters.Sum(c => c.Rules.BytesOf(number)) + flows.BytesOf(number),
                LastOf(number, counters));
            told.Add(KeyOf(now));
            if (_before.TryGetValue(KeyOf(now), out RuleHitStatus? known)) now = Add(now, known);
            if (now.InForce || now.Hits > 0 || now.Packets > 0) hits.Add(now);
        }

        hits.AddRange(_before.Where(known => !told.Contains(known.Key)).Select(known => known.Value with { InForce = false }));
        return hits;
    }

    private DateTimeOffset? LastOf(int rule, IReadOnlyList<EngineCounters> counters)
    {
        EngineCounters[] hit = [.. counters.Where(c => c.Rules.CountOf(rule) > 0)];
        return hit.Length == 0 ? null : time.GetUtcNow() - TimeSpan.FromMilliseconds(Math.Max(0, Environment.TickCount64 - hit.Max(c => c.Rules.LastOf(rule))));
    }

    private static RuleHitStatus Add(RuleHitStatus now, RuleHitStatus before) => now with
    {
        Hits = now.Hits + before.Hits,
        Packets = now.Packets + before.Packets,
        Bytes = now.Bytes + before.Bytes,
        LastHit = now.LastHit ?? before.LastHit,
    };

    private static (string, string, string) KeyOf(RuleHitStatus rule) => (rule.SecurityGroup, rule.Rule, rule.Direction);
}
