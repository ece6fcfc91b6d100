using Firewall.Fuzz;
using Firewall.Tests.Tidy;
using Xunit;

namespace Firewall.Tests.Fuzzing;

/// <summary>Every input of the fuzzers' corpus, where also each finding is kept, holds what the targets promise.</summary>
public sealed class CorpusTests
{
    public static TheoryData<string> Targets => [.. FuzzTarget.All.Select(static target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Every_input_of_the_corpus_is_taken(string name)
    {
        FuzzTarget target = FuzzTarget.Find(name)!;
        string[] inputs = [.. SourceTree.Files($"tests/Firewall.Fuzz/corpus/{name}", "*")];
        Assert.NotEmpty(inputs);
        foreach (string input in inputs) target.Run(File.ReadAllBytes(input));
    }

    [Fact]
    public void A_broken_promise_is_told() =>
        Assert.Equal("it holds", Assert.Throws<BrokenException>(static () => BrokenException.Unless(false, "it holds")).Message);
}
