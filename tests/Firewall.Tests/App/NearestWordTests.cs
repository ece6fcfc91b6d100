using Firewall.Control;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>Which word somebody meant; and that nobody keeps a processor busy by asking.</summary>
public sealed class NearestWordTests
{
    [Theory]
    [InlineData("alow-ssh", "allow-ssh")]
    [InlineData("lalow-ssh", "allow-ssh")]
    [InlineData("ALLOW", "allow-ssh")]
    [InlineData("deny-al", "deny-all")]
    [InlineData("x", null)]
    [InlineData("something-else", null)]
    public void A_word_is_found_by_what_is_like_it(string written, string? meant) => Assert.Equal(meant, NearestWord.Find(written, ["allow-ssh", "deny-all"]));

    [Fact]
    public void Nobody_means_a_word_by_a_very_long_one()
    {
        string name = new('a', 100);
        Assert.Equal(name, NearestWord.Find(name[..^1] + "b", [name]));
        Assert.Null(NearestWord.Find(name + "b", [name]));
    }

    [Fact]
    public void A_word_that_is_too_short_or_too_long_is_not_compared()
    {
        string written = new('a', 60);
        string[] known = [.. Enumerable.Range(1, 39).Select(length => new string('a', length)), .. Enumerable.Range(81, 40).Select(length => new string('b', length))];
        NearestWord.Find(written, known);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(NearestWord.Find(written, known));
        // Comparing needs room for both words.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000);
    }
}
