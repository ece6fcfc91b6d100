using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Firewall.Logs;

/// <summary>
/// One event, one line: time (UTC, ISO 8601), level, message. Under systemd the journal knows the time, and the level is the
/// number in angle brackets that it expects (sd-daemon(3)).
/// </summary>
internal sealed class LineFormatter(TimeProvider time, bool journal) : ConsoleFormatter(FormatterName)
{
    /// <summary>The formatter's name, for the console logger's options.</summary>
    public const string FormatterName = "line";

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        if (journal)
        {
            textWriter.Write(JournalPrefix(logEntry.LogLevel));
        }
        else
        {
            textWriter.Write(time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            textWriter.Write(' ');
            textWriter.Write(LevelName(logEntry.LogLevel));
            textWriter.Write(' ');
        }

        WriteOneLine(textWriter, message);
        if (logEntry.Exception is { } exception)
        {
            textWriter.Write(": ");
            WriteOneLine(textWriter, exception.Message);
            // Where it came from matters to us, not to an operator: only on the debug level.
            if (logEntry.LogLevel <= LogLevel.Debug) WriteOneLine(textWriter, " " + exception.StackTrace);
        }

        textWriter.Write('\n');
    }

    // Names from rules files end up here; a line break in one must not look like a log line of its own.
    private static void WriteOneLine(TextWriter writer, string text)
    {
        foreach (char c in text) writer.Write(char.IsControl(c) ? ' ' : c);
    }

    private static string LevelName(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info ",
        LogLevel.Warning => "warn ",
        LogLevel.Error => "error",
        _ => "fatal",
    };

    private static string JournalPrefix(LogLevel level) => level switch
    {
        LogLevel.Trace or LogLevel.Debug => "<7>",
        LogLevel.Information => "<6>",
        LogLevel.Warning => "<4>",
        LogLevel.Error => "<3>",
        _ => "<2>",
    };
}
