using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Firewall.FlowLogs;

/// <summary>How a piece of a flow log gets to where it belongs; may take its time, and throw.</summary>
/// <param name="path">Which file.</param>
/// <param name="text">The piece; may be changed.</param>
internal delegate void FlowLogWrite(string path, Span<byte> text);

/// <summary>
/// Writes pieces of a flow log on a thread of its own, so that a slow disk, or a reader of standard output that hangs, makes nobody wait: when
/// too much is queued, and where a write fails, entries are lost and counted.
/// </summary>
internal sealed partial class FlowLogWriter : IDisposable
{
    private const long MostQueued = 16 << 20;
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(1);

    private readonly BlockingCollection<Piece> _queue = [];
    private readonly FlowLogWrite _write;
    private readonly Action<long>? _reached;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private long _queued;
    private long _written;
    private long _lost;
    private long _end = long.MaxValue;
    private bool _isFailing;
    private bool _isDisposed;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">For metrics and messages: VNet, NSG or Lines.</param>
    /// <param name="write">Writes a piece.</param>
    /// <param name="logger">For failures.</param>
    /// <param name="reached">Called by its thread with each number of <see cref="Reach"/>; does not throw.</param>
    public FlowLogWriter(string name, FlowLogWrite write, ILogger logger, Action<long>? reached = null)
    {
        Name = name;
        _write = write;
        _reached = reached;
        _logger = logger;
        _thread = new Thread(Run) { Name = "flow-log", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Entries that were written.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Entries that were lost.</summary>
    public long Lost => Volatile.Read(ref _lost);

    /// <summary>Queues a piece, or counts it as lost if there is no room.</summary>
    /// <param name="path">Which file.</param>
    /// <param name="text">Copied.</param>
    /// <param name="entries">How many entries it has.</param>
    public void Post(string path, ReadOnlySpan<byte> text, int entries)
    {
        // At the end there may be more at once than fits; then there is nobody left who could not wait.
        while (Interlocked.Read(ref _queued) > MostQueued && Environment.TickCount64 < _end && _end != long.MaxValue) Thread.Sleep(1);
        if (Interlocked.Read(ref _queued) > MostQueued)
        {
            Interlocked.Add(ref _lost, entries);
            return;
        }

        byte[] copy = ArrayPool<byte>.Shared.Rent(text.Length);
        text.CopyTo(copy);
        Interlocked.Add(ref _queued, text.Length);
        _queue.Add(new Piece(path, copy, text.Length, entries, 0));
    }

    /// <summary>Tells whoever wants to know when all pieces that were posted so far are written or lost.</summary>
    /// <param name="number">The <see cref="FlowLogEntry.Number"/> of the last entry in them.</param>
    public void Reach(long number) => _queue.Add(new Piece("", [], 0, 0, number));

    /// <summary>From now on <see cref="Post"/> waits for room, for some seconds in all; what is left of them is left to <see cref="Dispose"/>.</summary>
    public void BeginEnd() => _end = Environment.TickCount64 + (long)LastPatience.TotalMilliseconds;

    /// <summary>Writes what is queued, if that does not take too long.</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _queue.CompleteAdding();
        TimeSpan left = _end == long.MaxValue ? LastPatience : TimeSpan.FromMilliseconds(_end - Environment.TickCount64);
        if (_thread.Join(left > LeastPatience ? left : LeastPatience)) _queue.Dispose();
        else GivenUp(_logger, Name, LastPatience.TotalSeconds);
    }

    private void Run()
    {
        foreach (Piece piece in _queue.GetConsumingEnumerable())
        {
            if (piece.Reached > 0)
            {
                _reached?.Invoke(piece.Reached);
                continue;
            }

#pragma warning disable CA1031 // An exception that left the thread would end the process.
            try
            {
                _write(piece.Path, piece.Text.AsSpan(0, piece.Length));
                Volatile.Write(ref _written, _written + piece.Entries);
                if (_isFailing) WrittenAgain(_logger, Name, Lost);
                _isFailing = false;
            }
            catch (Exception e)
            {
                Interlocked.Add(ref _lost, piece.Entries);
                if (!_isFailing) NotWritten(_logger, Name, e.Message);
                _isFailing = true;
            }
#pragma warning restore CA1031

            Interlocked.Add(ref _queued, -piece.Length);
            ArrayPool<byte>.Shared.Return(piece.Text);
        }
    }

    private readonly record struct Piece(string Path, byte[] Text, int Length, int Entries, long Reached);

    [LoggerMessage(Level = LogLevel.Error, Message = "Flow log {Name} cannot be written ({Why}); what happens meanwhile is missing there")]
    private static partial void NotWritten(ILogger logger, string name, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Flow log {Name} is written again; {Lost} entries were lost so far")]
    private static partial void WrittenAgain(ILogger logger, string name, long lost);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Flow log {Name}: what was still to be written is lost, writing it would take more than {Seconds} s")]
    private static partial void GivenUp(ILogger logger, string name, double seconds);
}
