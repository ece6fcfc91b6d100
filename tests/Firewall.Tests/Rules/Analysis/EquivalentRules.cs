using Firewall.Core.Rules;
using Firewall.Core.Rules.Classification;

namespace Firewall.Tests.Rules.Analysis;

/// <summary>Rewrites rules in ways that cannot change what they mean: what a person does who tidies up a group.</summary>
internal sealed class EquivalentRules(ulong seed)
{
    private readonly Random _random = new(unchecked((int)(seed * 31)));
    private int _names;

    /// <summary>How often a rule was cut in two.</summary>
    public int Splits { get; private set; }

    /// <summary>How often two rules changed places.</summary>
    public int Swaps { get; private set; }

    public List<ResolvedRule> Rewrite(List<ResolvedRule> rules, int steps)
    {
        List<ResolvedRule> result = [.. rules];
        for (int step = 0; step < steps; step++)
        {
            switch (_random.Next(4))
            {
                case 0: Split(result); break;
                case 1: Repeat(result); break;
                case 2: Merge(result); break;
                default: Swap(result); break;
            }
        }

        return result;
    }

    /// <summary>One rule becomes two that lie side by side in one field.</summary>
    private void Split(List<ResolvedRule> rules)
    {
        int at = _random.Next(rules.Count);
        ResolvedRule rule = rules[at];
        ResolvedRule low;
        ResolvedRule high;
        if (_random.Next(2) == 0)
        {
            AddressSet half = AddressSet.From([Sample.Prefix(_random.Next(2) == 0 ? "10.0.0.0/9" : "0.0.0.0/1"), Sample.Prefix("2001:db8::/34")]);
            low = Copy(rule, source: rule.Source.Intersect(half));
            high = Copy(rule, source: rule.Source.Intersect(half.Complement()));
        }
        else
        {
            // Halves of all ports would fit no packet without ports: the whole must stay behind them.
            PortRange[] below = [.. rule.Rule.DestinationPorts.Where(range => range.First < 1024).Select(range => new PortRange(range.First, Math.Min(range.Last, (ushort)1023)))];
            if (below.Length == 0) return;
            low = Copy(rule, ports: below);
            high = Copy(rule);
        }

        rules[at] = low;
        rules.Insert(at + 1, high);
        Splits++;
    }

    /// <summary>A rule that comes again further down decides nothing there.</summary>
    private void Repeat(List<ResolvedRule> rules)
    {
        int at = _random.Next(rules.Count);
        rules.Insert(_random.Next(at + 1, rules.Count + 1), Copy(rules[at]));
    }

    /// <summary>Two neighbours that differ in their sources only become one.</summary>
    private void Merge(List<ResolvedRule> rules)
    {
        for (int at = 0; at + 1 < rules.Count; at++)
        {
            (ResolvedRule first, ResolvedRule second) = (rules[at], rules[at + 1]);
            if (!Copy(first, source: AddressSet.All).DecidesLike(Copy(second, source: AddressSet.All))) continue;
            rules[at] = Copy(first, source: first.Source.Union(second.Source));
            rules.RemoveAt(at + 1);
            return;
        }
    }

    /// <summary>Neighbours that say the same, or that no packet fits both of, may change places.</summary>
    private void Swap(List<ResolvedRule> rules)
    {
        int start = _random.Next(rules.Count);
        for (int i = 0; i + 1 < rules.Count; i++)
        {
            int at = (start + i) % (rules.Count - 1);
            (ResolvedRule first, ResolvedRule second) = (rules[at], rules[at + 1]);
            bool isApart = !first.Source.Overlaps(second.Source) || !first.Destination.Overlaps(second.Destination)
                || !PacketKind.Of(first).Overlaps(PacketKind.Of(second));
            if (first.Rule.Access != second.Rule.Access && !isApart) continue;
            (rules[at], rules[at + 1]) = (second, first);
            Swaps++;
            return;
        }
    }

    private ResolvedRule Copy(ResolvedRule rule, AddressSet? source = null, PortRange[]? ports = null) => new(
        rule.Rule with { Name = $"copy{_names++}", DestinationPorts = ports ?? rule.Rule.DestinationPorts }, rule.Number, source ?? rule.Source, rule.Destination);
}
