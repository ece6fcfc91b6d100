namespace Firewall.Devices;

/// <summary>
/// Lets one worker at a time into a queue that any thread may close. What the queue holds is closed by whoever comes last, the worker that
/// leaves or the one who closes, so that nothing is closed under a worker. Entering and leaving cost one interlocked step each.
/// </summary>
/// <param name="close">Closes what the queue holds; called once.</param>
internal sealed class QueueGate(Action close)
{
    private const int Idle = 0;
    private const int Busy = 1;
    private const int Closing = 2;

    private int _state;

    /// <summary>For the worker inside: false if the queue shall close as soon as it has left.</summary>
    public bool IsOpen => Volatile.Read(ref _state) == Busy;

    /// <summary>Lets a worker in. False if the queue is closed, or another worker is inside.</summary>
    public bool TryEnter() => Interlocked.CompareExchange(ref _state, Busy, Idle) == Idle;

    /// <summary>The worker leaves.</summary>
    public void Leave()
    {
        if (Interlocked.CompareExchange(ref _state, Idle, Busy) != Busy) close();
    }

    /// <summary>Closes the queue, now or when the worker leaves. Later calls do nothing.</summary>
    /// <returns>True if a worker is inside: it may have to be woken.</returns>
    public bool Close()
    {
        int before = Interlocked.Or(ref _state, Closing);
        if (before == Idle) close();
        return before == Busy;
    }
}
