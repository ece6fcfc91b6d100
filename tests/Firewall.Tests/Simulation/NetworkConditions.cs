namespace Firewall.Tests.Simulation;

/// <summary>What the network does to packets, on either side of the firewall.</summary>
/// <param name="Loss">Share of packets that are lost on one side.</param>
/// <param name="Duplication">Share of packets that come twice.</param>
/// <param name="Delay">Milliseconds that a packet takes at least.</param>
/// <param name="Jitter">Milliseconds that it may take longer: with jitter packets overtake each other.</param>
/// <param name="Straggling">Share of packets that are delayed by seconds, so that they may come after their connection's end.</param>
internal sealed record NetworkConditions(double Loss, double Duplication, int Delay, int Jitter, double Straggling)
{
    /// <summary>A network of chance, from a good one to a bad one.</summary>
    public static NetworkConditions Draw(Random random)
    {
        bool isGood = random.Next(4) == 0;
        return new NetworkConditions(
            isGood ? 0 : random.NextDouble() * 0.12,
            isGood ? 0 : random.NextDouble() * 0.1,
            random.Next(0, 50),
            isGood ? 0 : random.Next(0, 60),
            random.Next(2) == 0 ? 0 : random.NextDouble() * 0.02);
    }

    /// <summary>When the copies of a packet arrive at the other end: none, one, or two delays.</summary>
    public IEnumerable<long> Arrivals(Random random)
    {
        int copies = random.NextDouble() < Duplication ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            if (random.NextDouble() < Loss) continue;
            long delay = Delay + random.Next(Jitter + 1);
            if (random.NextDouble() < Straggling) delay += random.Next(200, 6_000);
            yield return delay;
        }
    }
}
