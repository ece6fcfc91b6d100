using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Looks at the rules one after the other, exactly as Azure documents it. Slow with many rules and plain to read: the oracle that
/// the compiled classifier is held against, and what explains a verdict.
/// </summary>
internal sealed class LinearClassifier : IRuleClassifier
{
    private readonly ResolvedRule[] _rules;

    public LinearClassifier(IEnumerable<ResolvedRule> rules) => _rules = [.. rules];

    public IReadOnlyList<ResolvedRule> Rules => _rules;

    public int Classify(in PacketInfo packet)
    {
        for (int i = 0; i < _rules.Length; i++)
        {
            if (_rules[i].Matches(in packet)) return i;
        }

        return -1;
    }
}
