using Firewall.Core.Engine;
using Firewall.Core.Flows;

namespace Firewall.Logs;

/// <summary>Carries denied packets from the workers' rings to the log and to others who watch, ten times a second.</summary>
internal sealed class DropLogPump : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _draining = new();
    private readonly IReadOnlyList<EventRing<DropEvent>> _rings;
    private readonly DropLog _log;
    private readonly IReadOnlyList<IDropWatcher> _watchers;
    private readonly ITimer _timer;
    private bool _disposed;

    /// <summary>Begins at once.</summary>
    /// <param name="rings">Read by nobody else.</param>
    /// <param name="log">Where they go.</param>
    /// <param name="time">The clock of the timer.</param>
    /// <param name="watchers">Who else wants to know.</param>
    public DropLogPump(IReadOnlyList<EventRing<DropEvent>> rings, DropLog log, TimeProvider time, params IReadOnlyList<IDropWatcher> watchers)
    {
        _rings = rings;
        _log = log;
        _watchers = watchers;
        _timer = time.CreateTimer(_ => Drain(), null, Interval, Interval);
    }

    /// <summary>Stops, after having told what was left.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_draining)
        {
            if (_disposed) return;
            _disposed = true;
            DrainRings();
            _log.Flush(Lost());
        }
    }

    private void Drain()
    {
        // A console that blocks makes turns late; a turn that finds another under way has nothing to do.
        if (!_draining.TryEnter()) return;
        try
        {
            if (_disposed) return;
            DrainRings();
            _log.Tick(Lost());
        }
        finally
        {
            _draining.Exit();
        }
    }

    private void DrainRings()
    {
        foreach (EventRing<DropEvent> ring in _rings)
        {
            // No more than fit into it, so that one busy worker cannot keep the others waiting.
            for (int left = ring.Capacity; left > 0 && ring.TryTake(out DropEvent drop); left--)
            {
                _log.Add(drop);
                foreach (IDropWatcher watcher in _watchers) watcher.Add(drop);
            }
        }
    }

    private long Lost() => _rings.Sum(r => r.Lost);
}
