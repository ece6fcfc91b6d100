namespace Firewall.Devices.Linux.Interop;

/// <summary>
/// Brackets a system call in which a thread sleeps without a bound, so that another thread, or a time, can end it: the call then returns
/// EINTR. One thread sleeps at a time; any thread interrupts.
/// </summary>
/// <remarks>
/// A signal that comes between <see cref="TryBegin"/> and the call finds nobody asleep. So who interrupts sends it until the sleeper has seen
/// the request, and the timer goes off again and again.
/// </remarks>
internal sealed class InterruptibleSleep : IDisposable
{
    private const int NoTimer = -1;

    private int _sleeper; // the thread's number; 0: nobody sleeps
    private int _isRequested;
    private int _thread;
    private int _timer = NoTimer;
    private int _interval;

    /// <summary>Call it before the first sleep, and whenever the time or the thread may be another one than last.</summary>
    /// <param name="timeoutMilliseconds">After so long, or at most twice as long, a sleep ends; it may also end earlier. -1: never.</param>
    /// <returns>False if the process cannot have this; nothing would end a sleep.</returns>
    public bool TryPrepare(int timeoutMilliseconds)
    {
        int thread = ThreadSignal.CurrentThread;
        if (_thread == thread && _interval == timeoutMilliseconds) return true;
        if (!ThreadSignal.IsUsable) return false;
        if (_thread != thread)
        {
            Dispose();
            _timer = ThreadSignal.CreateTimer(thread);
            if (_timer == NoTimer) return false;
            _thread = thread;
        }

        ThreadSignal.SetTimer(_timer, Math.Max(timeoutMilliseconds, 0));
        _interval = timeoutMilliseconds;
        return true;
    }

    /// <summary>Call it right before the system call.</summary>
    /// <returns>False if an interruption is asked for already: do not sleep, but call <see cref="End"/>.</returns>
    public bool TryBegin()
    {
        Volatile.Write(ref _sleeper, _thread);
        Interlocked.MemoryBarrier(); // the other side writes its request before it looks for a sleeper
        return Volatile.Read(ref _isRequested) == 0;
    }

    /// <summary>Call it right after the system call.</summary>
    /// <returns>True if <see cref="Interrupt"/> asked for it, since the last time this was told.</returns>
    public bool End()
    {
        Volatile.Write(ref _sleeper, 0);
        return Volatile.Read(ref _isRequested) != 0 && Interlocked.Exchange(ref _isRequested, 0) != 0;
    }

    /// <summary>Ends the sleep of now, or the next one before it begins.</summary>
    public void Interrupt()
    {
        Interlocked.Exchange(ref _isRequested, 1);
        var spin = default(SpinWait);
        while (Volatile.Read(ref _isRequested) != 0 && Volatile.Read(ref _sleeper) is int thread && thread != 0)
        {
            ThreadSignal.Send(thread);
            spin.SpinOnce();
        }
    }

    /// <summary>Call it when nobody sleeps any more.</summary>
    public void Dispose()
    {
        if (_timer != NoTimer) ThreadSignal.DeleteTimer(_timer);
        _timer = NoTimer;
        _thread = 0;
    }
}
