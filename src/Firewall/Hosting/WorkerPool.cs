using Firewall.Control;
using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;

namespace Firewall.Hosting;

/// <summary>The workers of a device: one thread, engine and drop ring for each queue, and the tables that they share.</summary>
internal sealed class WorkerPool : IDisposable
{
    // At 100 ms between drains this is 40,000 drops a second and worker; more are counted as lost.
    private const int DropRingCapacity = 4096;

    private readonly List<WorkerThread> _threads = [];
    private readonly PolicyStore _policies;
    private readonly long[] _ends;

    /// <summary>Makes the workers; <see cref="Start"/> starts them.</summary>
    /// <param name="queues">The device's queues.</param>
    /// <param name="flows">The connection table, made for as many workers as there are queues; the pool owns it.</param>
    /// <param name="options">The configuration.</param>
    /// <param name="policies">Where the policy of now is.</param>
    /// <param name="failed">Called once if a worker ends without having been stopped.</param>
    public WorkerPool(IReadOnlyList<IPacketQueue> queues, FlowTable flows, FirewallOptions options, PolicyStore policies, Action<string> failed)
    {
        _policies = policies;
        Flows = flows;
        var fragments = new FragmentTable();
        List<EventRing<DropEvent>> drops = [];
        foreach (IPacketQueue queue in queues)
        {
            var ring = new EventRing<DropEvent>(DropRingCapacity);
            drops.Add(ring);
            var engine = new FirewallEngine(Flows, fragments, EngineOptionsOf(options, policies.Current), ring);
            var worker = new PacketWorker(queue, engine) { Reject = options.Reject };
            _threads.Add(new WorkerThread(_threads.Count, queue, worker, policies, failed));
        }

        Drops = drops;
        _ends = new long[_threads.Count];
    }

    /// <summary>The connection table.</summary>
    public FlowTable Flows { get; }

    /// <summary>Denied packets, one ring for each worker; for one reader.</summary>
    public IReadOnlyList<EventRing<DropEvent>> Drops { get; }

    /// <summary>How many workers there are.</summary>
    public int Count => _threads.Count;

    /// <summary>What each worker has counted.</summary>
    public IReadOnlyList<EngineCounters> Counters => [.. _threads.Select(t => t.Worker.Engine.Counters)];

    /// <summary>How many batches with packets each worker has had, and how long they took together.</summary>
    public IReadOnlyList<(long Count, TimeSpan Busy)> Batches => [.. _threads.Select(t => (t.Batches, t.Busy))];

    /// <summary>The workers, by number, that have not begun a turn for a while: they hang, or are stopped.</summary>
    /// <param name="longest">Milliseconds that a turn may take.</param>
    public IReadOnlyList<int> Hanging(long longest)
    {
        long now = Environment.TickCount64;
        return [.. Enumerable.Range(0, Count).Where(number => now - _threads[number].LastTurn > longest)];
    }

    /// <summary>Packets allowed so far, over all workers.</summary>
    public long AllowedPackets => _threads.Sum(t => t.Worker.Engine.Counters.AllowedPackets);

    /// <summary>Packets denied so far, over all workers.</summary>
    public long DeniedPackets => _threads.Sum(t => t.Worker.Engine.Counters.DeniedPackets);

    /// <summary>Starts all threads; also again after a stop.</summary>
    public void Start()
    {
        foreach (WorkerThread thread in _threads) thread.Start();
    }

    /// <summary>Wants a worker to end a flow; false if it has its hands full. For one thread at a time.</summary>
    public bool TryEnd(int worker, in FlowEnd end)
    {
        if (!_threads[worker].Worker.Ends.TryAdd(end)) return false;
        _ends[worker]++;
        return true;
    }

    /// <summary>True if all that <see cref="TryEnd"/> took is done. For the thread that called it.</summary>
    public bool HaveEndedAll => !_threads.Where((thread, number) => thread.Worker.Ended != _ends[number]).Any();

    /// <summary>Makes idle workers look for work.</summary>
    public void Wake()
    {
        foreach (WorkerThread thread in _threads) thread.Wake();
    }

    /// <summary>Takes over those settings that can change while the workers run.</summary>
    public void Apply(FirewallOptions options)
    {
        EngineOptions engineOptions = EngineOptionsOf(options, _policies.Current);
        foreach (WorkerThread thread in _threads)
        {
            thread.Worker.Reject = options.Reject;
            thread.Worker.Engine.Apply(engineOptions);
        }
    }

    /// <summary>Stops all threads. The flow table goes on living until it is disposed.</summary>
    public void Stop()
    {
        List<TimeoutException> failures = [];
        foreach (WorkerThread thread in _threads)
        {
            try
            {
                thread.Stop();
            }
            catch (TimeoutException e)
            {
                failures.Add(e);
            }
        }

        if (failures.Count > 0) throw new TimeoutException(string.Join(", ", failures.Select(f => f.Message)));
    }

    /// <summary>Frees the flow table. Only after <see cref="Stop"/>: it is plain memory to the workers.</summary>
    public void Dispose() => Flows.Dispose();

    private static EngineOptions EngineOptionsOf(FirewallOptions options, Policy policy) =>
        new() { Timeouts = FlowTimeoutsReader.Of(options, policy), PicksUpMidStream = options.PicksUpMidStream };
}
