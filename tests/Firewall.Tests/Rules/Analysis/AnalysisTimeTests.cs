using System.Globalization;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Analysis;
using Firewall.Tests.Rules.Classification;
using Xunit;

namespace Firewall.Tests.Rules.Analysis;

/// <summary>How long lint and diff take for the hardest rules that are known.</summary>
/// <remarks>
/// Alone, after all other tests: beside them the runtime's compiler does not get to make the searches fast, and they took four times as long.
/// </remarks>
[Collection(nameof(AnalysisTimeTests))]
[CollectionDefinition(nameof(AnalysisTimeTests), DisableParallelization = true)]
public sealed class AnalysisTimeTests
{
    private const double Aim = 5;
    private const string ThreadStatistics = "/proc/thread-self/stat";

    [Fact]
    public void A_thousand_rules_with_every_service_tag_are_linted_in_time()
    {
        ServiceTags tags = ServiceTags.Read(File.ReadAllBytes(SharedFile.OrSkip("data/service-tags/ServiceTags_Public.json")), "tags", out _);
        CompileResult result = PolicyCompiler.Compile([TagRules.Group(tags, 1000)], new PolicyOptions { ServiceTags = tags }, new RuleCatalog(), 1);
        Assert.SkipUnless(File.Exists(ThreadStatistics), "the processor time of a thread is only known on Linux");
        double start = ThreadSeconds();
        IReadOnlyList<LintFinding> findings = PolicyLint.Lint(result.Policy!);
        double linted = ThreadSeconds();
        TestContext.Current.TestOutputHelper?.WriteLine($"{findings.Count} findings in {linted - start} s");
        Assert.InRange(linted - start, 0, Aim);
    }

    [Theory]
    [InlineData(3000, 10)]
    [InlineData(30_000, 15)]
    public void A_thousand_rules_of_one_direction_that_overlap_in_every_field_are_linted_and_compared_in_time(int width, int seconds)
    {
        Assert.SkipUnless(File.Exists(ThreadStatistics), "the processor time of a thread is only known on Linux");
        Policy policy = PolicyCompiler.Compile([OverlappingRules.Group(1000, width, seed: 7)], new PolicyOptions(), new RuleCatalog(), 1).Policy!;
        Policy changed = PolicyCompiler.Compile([OverlappingRules.Group(1000, width, seed: 7, flip: 500)], new PolicyOptions(), new RuleCatalog(), 1).Policy!;
        double start = ThreadSeconds();
        IReadOnlyList<LintFinding> findings = PolicyLint.Lint(policy);
        double linted = ThreadSeconds();
        PolicyDifference difference = PolicyDiff.Compare(policy, changed);
        double compared = ThreadSeconds();
        TestContext.Current.TestOutputHelper?.WriteLine($"{findings.Count} findings in {linted - start} s, {difference.Changes.Count} changes in {compared - linted} s");
        Assert.True(findings.Count > 500 && PolicyDiff.Compare(policy, policy).IsEmpty);
        // Processor time, so that other programs do not count. The aim is five seconds for each; the widest ranges get more, since they take half
        // of it on a machine that at times has half its speed.
        Assert.InRange(compared - start, 0, seconds);
    }

    /// <summary>Seconds of processor time that this thread had: user and system, in hundredths, behind the name in brackets.</summary>
    private static double ThreadSeconds()
    {
        string text = File.ReadAllText(ThreadStatistics);
        string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return (int.Parse(fields[11], CultureInfo.InvariantCulture) + int.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
    }
}
