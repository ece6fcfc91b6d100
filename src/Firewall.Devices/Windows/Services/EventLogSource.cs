namespace Firewall.Devices.Windows.Services;

/// <summary>Writes to the application log of Windows under one source. Any thread.</summary>
public sealed class EventLogSource : IDisposable
{
    // What EventCreate.exe has a text for: the message itself.
    private const uint Number = 1;

    private readonly nint _log;

    /// <summary>Opens it. Where there is no event log, nothing is written.</summary>
    /// <param name="source">The source's name.</param>
    public EventLogSource(string source) => _log = ServiceCalls.RegisterEventSource(null, source);

    /// <summary>Writes an entry; one that Windows refuses is lost.</summary>
    /// <param name="kind">How grave it is.</param>
    /// <param name="message">For people.</param>
    public void Write(EventLogKind kind, string message)
    {
        // Longer ones are refused whole (ReportEventW).
        const int longest = 31_839;
        if (message.Length > longest) message = message[..longest];
        if (_log != 0) _ = ServiceCalls.ReportEvent(_log, (ushort)kind, 0, Number, 0, 1, 0, [message], 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_log != 0) _ = ServiceCalls.DeregisterEventSource(_log);
    }
}

/// <summary>How grave an entry is (EVENTLOG_…_TYPE).</summary>
public enum EventLogKind
{
    /// <summary>An error.</summary>
    Error = 1,

    /// <summary>A warning.</summary>
    Warning = 2,

    /// <summary>For information.</summary>
    Information = 4,
}
