using System.Globalization;
using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.SystemTests.Conntrack;

/// <summary>
/// The same packets through our engine and through the kernel's nf_conntrack under the same rules: packet by packet both have to say the
/// same, but for the differences that docs/CONNTRACK-DIFFERENCES.md explains.
/// </summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    // The same conversations each time. FIREWALL_CONVERSATION_SEED=n FIREWALL_CONVERSATIONS=20000 for others, and for the long run.
    private const int FirstSeed = 55_000;
    private const int UsualConversations = 6_000;
    private const int FirstSeedOfPickUps = 1;
    private const int UsualPickUps = 1_500;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Generated_conversations_get_the_kernels_verdicts(bool isIPv6) => Run(isIPv6, picksUp: false);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void So_do_they_where_connections_are_picked_up_in_their_middle(bool isIPv6) => Run(isIPv6, picksUp: true);

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Captured_conversations_get_the_kernels_verdicts(bool isIPv6, bool picksUp)
    {
        using var kernel = new KernelConntrack(loose: picksUp);
        using var ours = new OurConntrack(new EngineOptions { PicksUpMidStream = picksUp });
        var differences = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var failures = new List<string>();
        long compared = 0;
        int conversations = 0;
        foreach ((string file, IReadOnlyList<TestPacket> packets) in CapturedConversations.ReadAll(isIPv6))
        {
            conversations++;
            if (Compare(kernel, ours, packets, differences, ref compared) is string failure) failures.Add($"{failure}  {file}");
        }

        output.WriteLine($"{conversations} conversations, {compared} packets");
        foreach ((string name, int times) in differences) output.WriteLine($"  {times} x {name}");
        Assert.True(failures.Count == 0, $"{failures.Count} conversations differ\n{Summary(failures)}");
    }

    private void Run(bool isIPv6, bool picksUp)
    {
        int seed = Setting("FIREWALL_CONVERSATION_SEED", picksUp ? FirstSeedOfPickUps : FirstSeed);
        int conversations = Setting("FIREWALL_CONVERSATIONS", picksUp ? UsualPickUps : UsualConversations);
        output.WriteLine($"seeds {seed}..{seed + conversations - 1}");
        using var kernel = new KernelConntrack(loose: picksUp);
        using var ours = new OurConntrack(new EngineOptions { PicksUpMidStream = picksUp });
        var differences = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var failures = new List<string>();
        long compared = 0;
        for (int i = 0; i < conversations; i++)
        {
            var random = new Random(unchecked(seed + i));
            IReadOnlyList<TestPacket> packets = random.Next(4) == 0 ? IcmpScript.Draw(random, isIPv6, i) : TcpScript.Draw(random, isIPv6, i);
            if (Compare(kernel, ours, packets, differences, ref compared) is string failure) failures.Add($"{failure}  seed {seed + i}");
        }

        output.WriteLine($"{conversations} conversations, {compared} packets");
        foreach ((string name, int times) in differences) output.WriteLine($"  {times} x {name}");
        Assert.True(failures.Count == 0, $"{failures.Count} conversations differ\n{Summary(failures)}");
        if (picksUp || seed != FirstSeed || conversations < UsualConversations) return;
        string[] stale = [.. KnownDifference.All.Where(static difference => !difference.IsRare).Select(static difference => difference.Name).Where(name => !differences.ContainsKey(name))];
        Assert.True(stale.Length == 0, $"listed, but not seen any more: {string.Join(", ", stale)}");
    }

    /// <summary>Runs packets through both until they differ. Returns the trace if no listed difference explains it.</summary>
    private static string? Compare(KernelConntrack kernel, OurConntrack ours, IReadOnlyList<TestPacket> packets, SortedDictionary<string, int> differences, ref long compared)
    {
        var trace = new StringBuilder();
        KnownDifference? lasting = null;
        foreach (TestPacket packet in packets)
        {
            Step step = ours.Judge(packet.Bytes);
            bool passes = kernel.Passes(packet.Bytes, packet.FromOutside);
            compared++;
            KnownDifference? known = KnownDifference.All.FirstOrDefault(difference => difference.Occurs(step));
            lasting ??= KnownDifference.All.FirstOrDefault(difference => difference.IsLasting && difference.Occurs(step));
            trace.Append(CultureInfo.InvariantCulture, $"  {packet.Text}  => {step.Verdict.Access} {step.Verdict.Reason} {step.After.State}\n");
            if (step.Verdict.IsAllowed == passes) continue;
            known ??= lasting;
            if (known is null)
                return $"{step.Kind}, but the kernel {(passes ? "forwards" : "drops")}\n{trace}  ours: {step.Before}\n  kernel: {kernel.Entries($"port={Math.Max(step.Info.SourcePort, step.Info.DestinationPort)} ")}\n";
            differences[known.Name] = differences.GetValueOrDefault(known.Name) + 1;
            if (step.Info.Protocol == IpProtocol.Tcp) return null; // what one has let through and the other has not, both remember
        }

        return null;
    }

    // The shortest conversation of each kind of difference.
    private static string Summary(List<string> failures) => string.Join("\n\n",
        from failure in failures
        group failure by failure[..failure.IndexOf('\n', StringComparison.Ordinal)] into kind
        orderby kind.Count() descending
        select $"{kind.Count()} x {kind.MinBy(static failure => failure.Count(static letter => letter == '\n'))}");

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : otherwise;
}
