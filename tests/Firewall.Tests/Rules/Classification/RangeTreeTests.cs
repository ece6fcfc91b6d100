using CsCheck;
using Firewall.Core.Rules.Classification;
using Firewall.Tests.Engine;
using Xunit;

namespace Firewall.Tests.Rules.Classification;

public class RangeTreeTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(271)]
    [InlineData(272)]
    [InlineData(273)]
    [InlineData(4624)]
    [InlineData(4625)]
    [InlineData(100_000)]
    public void Every_size_of_tree_finds_the_range_of_every_edge(int count)
    {
        uint[] keys = [.. Enumerable.Range(0, count).Select(i => (uint)(((ulong)i + 1) * uint.MaxValue / ((ulong)count + 1)))];
        RangeTree tree = new(keys);
        Assert.InRange(tree.Depth, count == 0 ? 0 : 1, 5);
        Assert.Equal(0, tree.Find(0));
        Assert.Equal(count, tree.Find(uint.MaxValue));
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(i, tree.Find(keys[i]));
            Assert.Equal(i + 1, tree.Find(keys[i] + 1));
        }
    }

    [Fact]
    public void Any_keys_are_counted_as_a_plain_count_does() =>
        Gen.Select(Gen.UInt.Array[0, 600], Gen.UInt.Array[1, 50]).Sample((keys, wanted) =>
        {
            uint[] sorted = [.. keys.Distinct().Order()];
            RangeTree tree = new(sorted);
            return wanted.Concat(sorted).All(value => tree.Find(value) == sorted.Count(key => key < value));
        }, iter: 500);

    [Fact]
    public void Keys_of_128_bits_are_counted_as_a_plain_count_does() =>
        // Few upper halves with many lower ones, as host routes have them, and many with few.
        Gen.Select(Gen.Select(Gen.OneOf(Gen.ULong, Gen.ULong[0, 5], Gen.Const(ulong.MaxValue)), Gen.OneOf(Gen.ULong, Gen.ULong[0, 3], Gen.Const(ulong.MaxValue))).Array[0, 400], Gen.Bool).Sample((halves, _) =>
        {
            UInt128[] sorted = [.. halves.Select(half => new UInt128(half.Item1, half.Item2)).Distinct().Order()];
            RangeTree128 tree = new(sorted, [.. Enumerable.Range(0, sorted.Length + 1)]);
            return sorted.SelectMany(key => new[] { key, key + 1, key - 1 })
                .All(value => tree.Find((ulong)(value >> 64), (ulong)value) == sorted.Count(key => key < value));
        }, iter: 100);

    [Fact]
    public void A_search_allocates_nothing()
    {
        RangeTree tree = new([1, 5, 9]);
        int found = 0;
        Assert.Equal(0, Allocated.LeastBy(() => found = tree.Find(7)));
        Assert.Equal(2, found);
    }
}
