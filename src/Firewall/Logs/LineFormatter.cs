using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Firewall.Logs;

/// <summary>
/// One event, one line: time (UTC, ISO 8601), level, message. Under systemd the journal knows the time, and the level is the
/// number in angle brackets that it expects (sd-daemon(3)).
/// </summary>
internal sealed class LineFormatter(TimeProvider time, bool journal)
{
    /// <summary>The line of an event, with its line feed.</summary>
    public string Format(LogLevel level, string message, Exception? exception = null)
    {
        var line = new StringBuilder(message.Length + 40);
        if (journal) line.Append(JournalPrefix(level));
        else line.Append(time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)).Append(' ').Append(LevelName(level)).Append(' ');
        AppendOneLine(line, message);
        if (exception is not null)
        {
            line.Append(": ");
            AppendOneLine(line, exception.Message);
            // Where it came from matters to us, not to an operator: only on the debug level.
            if (level <= LogLevel.Debug) AppendOneLine(line, " " + exception.StackTrace);
        }

        return line.Append('\n').ToString();
    }

    // Names from rules files end up here; a line break in one must not look like a log line of its own.
    private static void AppendOneLine(StringBuilder line, string text)
    {
        foreach (char c in text) line.Append(char.IsControl(c) ? ' ' : c);
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
