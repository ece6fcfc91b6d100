namespace Firewall.Control.Watching;

/// <summary>
/// Tells when files may have changed: written in place, renamed over, deleted and made anew, or reached through a symbolic link that
/// was swapped. It listens to the file system and, as a safety net, looks at the files from time to time. It may tell of a change
/// that is none (a touch); who listens compares contents.
/// </summary>
internal sealed class FileWatch : IDisposable
{
    private readonly Lock _state = new();
    private readonly Lock _telling = new();
    private readonly TimeProvider _time;
    private readonly FileWatchTiming _timing;
    private readonly Action _changed;
    private readonly ITimer _quiet;
    private readonly ITimer _poll;
    private readonly List<FileSystemWatcher> _watchers = [];
    private IReadOnlyList<string> _paths;
    private PathTrace _trace;
    private long? _firstEvent;
    private bool _disposed;

    /// <summary>Begins to watch at once, so that nothing is missed between this call and the first reading of the files.</summary>
    /// <param name="paths">Files, or folders of *.json files. They need not exist yet.</param>
    /// <param name="changed">Called from a timer, never twice at once; must not throw.</param>
    /// <param name="timing">How patient to be.</param>
    /// <param name="time">The clock of the timers.</param>
    public FileWatch(IReadOnlyList<string> paths, Action changed, FileWatchTiming timing, TimeProvider time)
    {
        _time = time;
        _timing = timing;
        _changed = changed;
        _paths = paths;
        _trace = PathTrace.Of(paths);
        _quiet = time.CreateTimer(_ => Tell(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _poll = time.CreateTimer(_ => Poll(), null, timing.Poll, timing.Poll);
        lock (_state) Arm();
    }

    /// <summary>
    /// Watches other files from now on; the configuration may name others after a reload. Files that are not as they were last seen are
    /// told once more: they may have changed after the caller read them, and the watcher whose event that was is replaced here.
    /// </summary>
    public void Follow(IReadOnlyList<string> paths)
    {
        lock (_state)
        {
            if (_disposed) return;
            string before = _trace.Stamp;
            _paths = paths;
            Retrace();
            if (_trace.Stamp != before) Touched();
        }
    }

    /// <summary>Looks at the files now, as the poll does: tells if they are not what they were.</summary>
    public void Poll()
    {
        lock (_state)
        {
            if (_disposed) return;
            string before = _trace.Stamp;
            _trace = PathTrace.Of(_paths);
            if (_trace.Stamp == before) return;
            // An event should have told this; perhaps the folder that was watched is gone. Watch afresh.
            Arm();
            Touched();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_state)
        {
            _disposed = true;
            Disarm();
        }

        _quiet.Dispose();
        _poll.Dispose();
        // Whoever disposes may rely on no call being under way.
        lock (_telling)
        {
        }
    }

    private void Tell()
    {
        lock (_telling)
        {
            lock (_state)
            {
                if (_disposed) return;
                _firstEvent = null;
                Retrace();
            }

            _changed();
        }
    }

    private void OnEvent()
    {
        lock (_state)
        {
            if (!_disposed) Touched();
        }
    }

    private void Touched()
    {
        long now = _time.GetTimestamp();
        _firstEvent ??= now;
        TimeSpan left = _timing.LongestWait - _time.GetElapsedTime(_firstEvent.Value, now);
        TimeSpan wait = left < _timing.Quiet ? left : _timing.Quiet;
        _quiet.Change(wait < TimeSpan.Zero ? TimeSpan.Zero : wait, Timeout.InfiniteTimeSpan);
    }

    private void Retrace()
    {
        IReadOnlySet<(string, string)> before = _trace.Places;
        _trace = PathTrace.Of(_paths);
        if (!_trace.Places.SetEquals(before)) Arm();
    }

    private void Arm()
    {
        Disarm();
        foreach (IGrouping<string, (string Folder, string Name)> folder in _trace.Places.GroupBy(p => p.Folder, StringComparer.Ordinal))
        {
            // A folder that is missing, or one watch too many for the system: the poll sees the change all the same.
            try
            {
                var watcher = new FileSystemWatcher(folder.Key)
                {
                    NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size
                        | NotifyFilters.Attributes,
                };
                foreach ((_, string name) in folder) watcher.Filters.Add(name);
                watcher.Changed += (_, _) => OnEvent();
                watcher.Created += (_, _) => OnEvent();
                watcher.Deleted += (_, _) => OnEvent();
                watcher.Renamed += (_, _) => OnEvent();
                watcher.Error += (_, _) => OnEvent();
                _watchers.Add(watcher);
                watcher.EnableRaisingEvents = true;
            }
            catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
            {
                continue;
            }
        }

        // What happened before the watchers listened gave no event.
        if (PathTrace.Of(_paths).Stamp != _trace.Stamp) Touched();
    }

    private void Disarm()
    {
        foreach (FileSystemWatcher watcher in _watchers) watcher.Dispose();
        _watchers.Clear();
    }
}
