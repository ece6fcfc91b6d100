namespace Firewall.Tests.App;

/// <summary>
/// A clock that the test moves. Its timers are fired by <see cref="Advance"/>, in the order of their deadlines, on the caller's
/// thread; they may be set from any thread.
/// </summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private TimeSpan _setBack;
    private DateTimeOffset _now = new(2026, 3, 2, 10, 15, 21, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.UtcTicks;

    public override DateTimeOffset GetUtcNow() => _now - _setBack;

    /// <summary>Sets the wall clock back, or forward, while no time passes.</summary>
    public void SetBack(TimeSpan by) => _setBack += by;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state));
        lock (_lock) _timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    public void Advance(TimeSpan by)
    {
        DateTimeOffset end = _now + by;
        while (TakeDue(end) is { } callback) callback();
        lock (_lock) _now = end;
    }

    private Action? TakeDue(DateTimeOffset end)
    {
        lock (_lock)
        {
            ManualTimer? next = _timers.Where(t => t.Due <= end).MinBy(t => t.Due);
            if (next is null) return null;
            _now = next.Due > _now ? next.Due : _now;
            return next.Take();
        }
    }

    private sealed class ManualTimer(ManualTime time, Action callback) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public DateTimeOffset Due { get; private set; } = DateTimeOffset.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                _period = period;
                Due = dueTime == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue : time._now + dueTime;
            }

            return true;
        }

        public Action Take()
        {
            Due = _period == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue : Due + _period;
            return callback;
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
