using Firewall.Core.Dataplane;

namespace Firewall.Hosting.Handover;

/// <summary>
/// Reads the queues of a device while the flows are taken over that their packets need. The kernel keeps some thousand packets a queue, and
/// to make it keep more loses some (its queueing discipline is taken out while the length changes).
/// </summary>
internal sealed class PacketGathering
{
    private const int StepMilliseconds = 100;

    private readonly GatheringQueue[] _queues;
    private readonly Thread[] _threads;
    private volatile bool _end;

    /// <summary>Begins to gather; nobody else may read now.</summary>
    public PacketGathering(IReadOnlyList<GatheringQueue> queues)
    {
        _queues = [.. queues];
        _threads = [.. _queues.Select(queue => new Thread(() => Gather(queue)) { Name = "firewall-gather", IsBackground = true })];
        foreach (Thread thread in _threads) thread.Start();
    }

    /// <summary>Ends it; the workers may begin.</summary>
    /// <returns>How many packets wait for them.</returns>
    public int End()
    {
        _end = true;
        foreach (GatheringQueue queue in _queues) queue.Wake();
        foreach (Thread thread in _threads) thread.Join();
        return _queues.Sum(queue => queue.Gathered);
    }

    private void Gather(GatheringQueue queue)
    {
        try
        {
            while (!_end && queue.Gather(StepMilliseconds))
            {
            }
        }
        catch (IOException)
        {
            // The worker will meet the same, and knows what to do.
        }
    }
}
