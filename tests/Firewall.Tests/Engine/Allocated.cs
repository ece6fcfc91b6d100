namespace Firewall.Tests.Engine;

/// <summary>What a piece of code allocates on this thread.</summary>
internal static class Allocated
{
    private const int Rounds = 5;

    /// <summary>
    /// The bytes of the round that allocated least: what a packet costs shows in every round, what the just-in-time compiler does on this thread
    /// in one.
    /// </summary>
    public static long LeastBy(Action round)
    {
        long least = long.MaxValue;
        for (int i = 0; i < Rounds; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
