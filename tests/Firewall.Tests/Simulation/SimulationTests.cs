using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace Firewall.Tests.Simulation;

/// <summary>
/// One seed drives hosts, links, engine and clock. A failure prints its seed and the last packets; run that seed alone with the environment
/// variable FIREWALL_SIMULATION_SEED, and others, drawn at random, as many as FIREWALL_SIMULATION_WORLDS says.
/// </summary>
public sealed class SimulationTests
{
    private const int Worlds = 400;

    // Always the same ones, so that a run says something about a change; a search for worlds that break an invariant draws its seeds.
    private const int FirstSeed = 1;
    private const int ConversationsPerWorld = 6;
    private const long LongestWorld = 24L * 3600 * 1000;

    [Fact]
    public void Conversations_over_a_bad_network_finish_with_all_their_bytes()
    {
        int seed = Setting("FIREWALL_SIMULATION_SEED", -1);
        bool isOne = seed >= 0;
        int worlds = isOne ? 1 : Setting("FIREWALL_SIMULATION_WORLDS", 0);
        if (!isOne) seed = worlds > 0 ? Random.Shared.Next() : FirstSeed;
        if (worlds == 0) worlds = Worlds;
        var clock = Stopwatch.StartNew();
        var excused = new Dictionary<string, int>();
        int finished = 0;
        long packets = 0;
        for (int i = 0; i < worlds; i++) finished += RunWorld(unchecked(seed + i) & int.MaxValue, excused, ref packets);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"seeds {seed}..{seed + worlds - 1}: {finished} connections, {packets} packets in {clock.Elapsed.TotalSeconds:0.0} s"));
        foreach ((string name, int times) in excused.OrderBy(static pair => pair.Key)) TestContext.Current.TestOutputHelper?.WriteLine($"  excused {times} x {name}");
        Assert.True(finished >= worlds * ConversationsPerWorld, $"only {finished} connections came to their end");
    }

    // A simulation that finds nothing proves something only if it finds what is there.
    [Theory]
    [InlineData(PlantedFault.PassesStrangers)]
    [InlineData(PlantedFault.ForgetsScales)]
    [InlineData(PlantedFault.ForgetsWhatWasSent)]
    [InlineData(PlantedFault.EndsFlowsByTheFirstFin)]
    public void A_planted_fault_is_found_in_a_few_worlds(object planted)
    {
        const int FewWorlds = 20;
        long packets = 0;
        for (int seed = FirstSeed; seed < FirstSeed + FewWorlds; seed++)
        {
            if (Play(seed, (PlantedFault)planted, [], ref packets, out _) is not null) return;
        }

        Assert.Fail($"{planted} went unnoticed in {FewWorlds} worlds");
    }

    private static int RunWorld(int seed, Dictionary<string, int> excused, ref long packets)
    {
        string? broken = Play(seed, PlantedFault.None, excused, ref packets, out int finished);
        Assert.True(broken is null, broken);
        return finished;
    }

    /// <summary>Plays one world to its end. Returns what was broken, with the last packets; null if nothing was.</summary>
    private static string? Play(int seed, PlantedFault fault, Dictionary<string, int> excused, ref long packets, out int finished)
    {
        finished = 0;
        var random = new Random(seed);
        var time = new SimulatedTime();
        using var firewall = new SimulatedFirewall(time, fault);
        NetworkConditions network = NetworkConditions.Draw(random);
        bool isAttacked = random.Next(4) == 0;
        var conversations = new List<Conversation>();
        for (int i = 0; i < ConversationsPerWorld; i++)
        {
            var conversation = new Conversation(time, random, firewall, network, i, excused);
            conversations.Add(conversation);
            time.After(random.Next(0, 2_000), conversation.Begin);
        }

        if (isAttacked) new Attacker(time, random, firewall, conversations).Begin();
        try
        {
            while (conversations.Exists(static conversation => !conversation.IsOver))
            {
                if (!time.Step(LongestWorld)) throw new InvariantException("a conversation never came to its end");
            }
        }
        catch (InvariantException broken)
        {
            Conversation culprit = broken.Message.Contains("never", StringComparison.Ordinal) || Conversation.LastJudged is null
                ? conversations.First(static conversation => !conversation.IsOver)
                : Conversation.LastJudged;
            return $"seed {seed}: {broken.Message}\n{network}{(isAttacked ? ", attacked" : "")}\n"
                + $"{culprit.OutsideEndpoint} {culprit.Outside.State} {culprit.Outside.Traits}\n{culprit.InsideEndpoint} {culprit.Inside.State} {culprit.Inside.Traits}\n{culprit.Trace}";
        }

        packets += firewall.Packets;
        finished = conversations.Sum(static conversation => conversation.Finished);
        return null;
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : otherwise;
}
