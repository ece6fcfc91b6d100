using System.Diagnostics;
using Firewall.Control;
using Firewall.Core.Dataplane;

namespace Firewall.Hosting;

/// <summary>The thread that turns one worker: reads the clock and the policy once per batch, until it is stopped or its queue ends.</summary>
internal sealed class WorkerThread
{
    // So often does an idle worker look after its flow records.
    private const int IdleMilliseconds = 100;

    // What the thread does, or is asked for.
    private const int Ended = 0;
    private const int Running = 1;
    private const int Stopping = 2;

    private readonly PacketWorker _worker;
    private readonly IPacketQueue _queue;
    private readonly PolicyStore _policies;
    private readonly Action<string> _failed;
    private readonly string _name;
    private Thread? _thread;
    private int _state = Ended;
    private long _lastTurn = Environment.TickCount64;
    private long _batches;
    private long _busyTicks;

    /// <summary>Makes the thread; <see cref="Start"/> starts it.</summary>
    /// <param name="number">0 for the first; part of the thread's name.</param>
    /// <param name="queue">The worker's queue, to be woken when it has to stop.</param>
    /// <param name="worker">The loop's body.</param>
    /// <param name="policies">Where the policy of now is.</param>
    /// <param name="failed">Called once, from the thread, if it ends without having been stopped.</param>
    public WorkerThread(int number, IPacketQueue queue, PacketWorker worker, PolicyStore policies, Action<string> failed)
    {
        _queue = queue;
        _worker = worker;
        _policies = policies;
        _failed = failed;
        // Linux shows the first 15 characters (pthread_setname_np(3)).
        _name = $"firewall-{number}";
    }

    /// <summary>The loop's body.</summary>
    public PacketWorker Worker => _worker;

    /// <summary>How long <see cref="Stop"/> waits for the thread.</summary>
    public TimeSpan LongestStop { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>When the worker last began a turn, in milliseconds; an idle one does so ten times a second.</summary>
    public long LastTurn => Volatile.Read(ref _lastTurn);

    /// <summary>Batches with packets so far.</summary>
    public long Batches => Volatile.Read(ref _batches);

    /// <summary>How long they took from the first verdict until the last packet was sent, all together.</summary>
    public TimeSpan Busy => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _busyTicks));

    /// <summary>Starts the thread; also again after a stop. One that did not stop in time goes on.</summary>
    public void Start()
    {
        // A second thread beside it would use the same batch and the same place in the table.
        if (Interlocked.CompareExchange(ref _state, Running, Stopping) == Stopping) return;
        _state = Running;
        _thread = new Thread(Run) { Name = _name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>Makes the thread look for work if it waits for packets.</summary>
    public void Wake() => _queue.Wake();

    /// <summary>Ends the thread after the batch it is at, and waits for it.</summary>
    /// <exception cref="TimeoutException">It is still at it; it ends when it has done with it, unless <see cref="Start"/> lets it go on.</exception>
    public void Stop()
    {
        Interlocked.CompareExchange(ref _state, Stopping, Running);
        _queue.Wake();
        if (_thread is { IsAlive: true } running && !running.Join(LongestStop)) throw new TimeoutException($"{_name} did not stop");
    }

    private void Run()
    {
        string why = "the device is gone";
#pragma warning disable CA1031 // An exception that left the thread would end the process without taking the routing down.
        try
        {
            while (true)
            {
                if (!MayGoOn()) return;
                if (!_worker.Receive(IdleMilliseconds)) break;
                long now = Environment.TickCount64;
                Volatile.Write(ref _lastTurn, now);
                long start = Stopwatch.GetTimestamp();
                if (_worker.Process(_policies.Current, now) == 0) continue;
                Volatile.Write(ref _busyTicks, _busyTicks + Stopwatch.GetTimestamp() - start);
                Volatile.Write(ref _batches, _batches + 1);
            }
        }
        catch (Exception e)
        {
            why = e is IOException ? e.Message : $"internal error, please report it: {e.GetType().Name}: {e.Message}";
        }
#pragma warning restore CA1031

        // The device may be closed under a worker that did not stop in time; nobody waits for it any more.
        if (Interlocked.Exchange(ref _state, Ended) == Running) _failed(why);
    }

    // False once it was asked to stop, which cannot be taken back from then on.
    private bool MayGoOn() => Volatile.Read(ref _state) == Running || Interlocked.CompareExchange(ref _state, Ended, Stopping) == Running;
}
