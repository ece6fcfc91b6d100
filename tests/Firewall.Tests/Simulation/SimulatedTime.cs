namespace Firewall.Tests.Simulation;

/// <summary>A clock that only jumps from event to event. Events of one millisecond happen in the order in which they were asked for.</summary>
internal sealed class SimulatedTime
{
    private readonly PriorityQueue<Action, (long Time, long Order)> _events = new();
    private long _order;

    /// <summary>Milliseconds.</summary>
    public long Now { get; private set; }

    /// <summary>Has something done later.</summary>
    public void After(long milliseconds, Action action) => _events.Enqueue(action, (Now + milliseconds, _order++));

    /// <summary>Runs the next event; false if there is none up to the given time, which it then is.</summary>
    public bool Step(long until)
    {
        if (!_events.TryPeek(out _, out (long Time, long Order) due) || due.Time > until)
        {
            Now = Math.Max(Now, until);
            return false;
        }

        Now = due.Time;
        _events.Dequeue()();
        return true;
    }

    /// <summary>A timer that can be set anew and stopped.</summary>
    public SimulatedTimer Timer(Action action) => new(this, action);
}

/// <summary>One of a host's timers.</summary>
internal sealed class SimulatedTimer(SimulatedTime time, Action action)
{
    private long _generation;

    /// <summary>True from its start until it fires or is stopped.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Starts it, anew if it runs.</summary>
    public void Start(long milliseconds)
    {
        long mine = ++_generation;
        IsRunning = true;
        time.After(milliseconds, () =>
        {
            if (mine != _generation) return;
            IsRunning = false;
            action();
        });
    }

    /// <summary>Starts it unless it runs.</summary>
    public void StartIfIdle(long milliseconds)
    {
        if (!IsRunning) Start(milliseconds);
    }

    /// <summary>Stops it.</summary>
    public void Stop()
    {
        _generation++;
        IsRunning = false;
    }
}
