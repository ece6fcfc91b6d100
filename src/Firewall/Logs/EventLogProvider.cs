using Firewall.Devices.Windows.Services;
using Microsoft.Extensions.Logging;

namespace Firewall.Logs;

/// <summary>The log of a Windows service: one event, one entry in the application log.</summary>
internal sealed class EventLogProvider(EventLogSource source) : ILoggerProvider
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Area(source);

    /// <inheritdoc/>
    public void Dispose() => source.Dispose();

    private sealed class Area(EventLogSource source) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        // Information at least: the event log is read by people, and kept for long.
        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Information and < LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            string message = formatter(state, exception);
            if (exception is not null) message = $"{message}: {exception.Message}";
            source.Write(KindOf(logLevel), message);
        }

        private static EventLogKind KindOf(LogLevel level) => level switch
        {
            LogLevel.Information => EventLogKind.Information,
            LogLevel.Warning => EventLogKind.Warning,
            _ => EventLogKind.Error,
        };
    }
}
