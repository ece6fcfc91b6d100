namespace Firewall.Logs;

/// <summary>How many messages of the log were lost, since it was not read as fast as it was written. For any thread.</summary>
internal sealed class LogLosses
{
    private long _count;

    /// <summary>How many so far.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>Counts one.</summary>
    public void Add() => Interlocked.Increment(ref _count);
}
