using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Firewall.Logs;

/// <summary>How lines of the log get to where they belong; may take its time, and throw <see cref="IOException"/>.</summary>
/// <param name="lines">Whole ones, in UTF-8.</param>
internal delegate void LogWrite(ReadOnlySpan<byte> lines);

/// <summary>
/// The log as lines, written by a thread of its own. Who logs never waits, since whoever judges, reloads or ends access logs while he holds a
/// lock: what does not fit into the queue is lost and counted, and told when something can be written again.
/// </summary>
internal sealed class LineLogProvider : ILoggerProvider
{
    /// <summary>The most messages that wait.</summary>
    public const int Capacity = 2500;

    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(1);

    private readonly Channel<string> _queue = Channel.CreateBounded<string>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly LineFormatter _formatter;
    private readonly LogWrite _write;
    private readonly LogLosses _losses;
    private readonly Thread _thread;
    private long _told;

    /// <summary>Starts the thread.</summary>
    /// <param name="formatter">What a line looks like.</param>
    /// <param name="write">Writes lines.</param>
    /// <param name="losses">Counts what is lost.</param>
    public LineLogProvider(LineFormatter formatter, LogWrite write, LogLosses losses)
    {
        _formatter = formatter;
        _write = write;
        _losses = losses;
        _thread = new Thread(Run) { Name = "log", IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Area(this);

    /// <summary>Writes what is queued, if that does not take too long.</summary>
    public void Dispose()
    {
        _queue.Writer.TryComplete();
        _thread.Join(LastPatience);
    }

    private void Run()
    {
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (_queue.Reader.TryRead(out string? line)) Write(line);
        }
    }

    private void Write(string line)
    {
        try
        {
            _write(Encoding.UTF8.GetBytes(line));
            long lost = _losses.Count;
            if (lost == _told) return;
            _write(Encoding.UTF8.GetBytes(_formatter.Format(LogLevel.Warning, $"{lost - _told} messages of this log were lost: it is not read as fast as it is written")));
            _told = lost;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // There is no other place to tell it.
            _losses.Add();
        }
    }

    private sealed class Area(LineLogProvider owner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        // Levels are a filter of the whole log.
        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!owner._queue.Writer.TryWrite(owner._formatter.Format(logLevel, formatter(state, exception), exception))) owner._losses.Add();
        }
    }
}
