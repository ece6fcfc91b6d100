using CsCheck;
using Firewall.Core.Rules.Classification;
using Xunit;

namespace Firewall.Tests.Rules.Classification;

public class IntervalSetTests
{
    private static readonly Gen<IntervalSet<byte>> s_set = Gen.Select(Gen.Byte, Gen.Byte).Array[0, 6].Select(pairs =>
        IntervalSet<byte>.From([.. pairs.Select(pair => (Math.Min(pair.Item1, pair.Item2), Math.Max(pair.Item1, pair.Item2)))]));

    [Fact]
    public void Operations_agree_with_sets_of_single_numbers() =>
        Gen.Select(s_set, s_set).Sample((a, b) =>
        {
            HashSet<byte> left = Numbers(a);
            HashSet<byte> right = Numbers(b);
            return Numbers(a.Union(b)).SetEquals(left.Union(right))
                && Numbers(a.Intersect(b)).SetEquals(left.Intersect(right))
                && Numbers(a.Except(b)).SetEquals(left.Except(right))
                && Numbers(a.Complement()).SetEquals(Numbers(IntervalSet<byte>.All).Except(left))
                && a.Overlaps(b) == left.Overlaps(right)
                && a.Covers(b) == right.IsSubsetOf(left)
                && a.Equals(b) == left.SetEquals(right)
                && (!a.Equals(b) || a.GetHashCode() == b.GetHashCode())
                && a.IsEmpty == (left.Count == 0)
                && a.IsAll == (left.Count == 256);
        }, iter: 20_000);

    [Fact]
    public void Intervals_never_touch() => s_set.Sample(set =>
        Enumerable.Range(1, Math.Max(0, set.Count - 1)).All(i => set.Firsts[i] > set.Lasts[i - 1] + 1), iter: 5000);

    private static HashSet<byte> Numbers(IntervalSet<byte> set) =>
        [.. Enumerable.Range(0, 256).Select(i => (byte)i).Where(set.Contains)];
}
