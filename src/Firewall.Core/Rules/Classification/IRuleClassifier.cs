using Firewall.Core.Packets;

namespace Firewall.Core.Rules.Classification;

/// <summary>
/// Finds the first rule, by priority, of one direction of one group that applies to a packet. Immutable and safe from any thread;
/// never allocates.
/// </summary>
internal interface IRuleClassifier
{
    /// <summary>The rules in the order of evaluation.</summary>
    IReadOnlyList<ResolvedRule> Rules { get; }

    /// <summary>The position in <see cref="Rules"/> of the first rule that applies, or -1 if none does.</summary>
    int Classify(in PacketInfo packet);
}
