using Firewall.Devices.Linux;
using Firewall.Logs;
using Microsoft.Extensions.Logging;

namespace Firewall.Activity;

/// <summary>
/// The activity log: a file of JSON lines that is only ever appended to, each line on the disk before the call returns, moved aside when it
/// is long. While an instance hands over to another one, both write to it, and either may move it. A failure to write is told in the log and changes
/// nothing else: the appliance must not stop because a disk is full. For any thread, but never one that judges packets.
/// </summary>
internal sealed partial class ActivityLog : IDisposable
{
    /// <summary>A file that is longer is moved aside, in bytes.</summary>
    public const long LongestFile = 10 << 20;

    /// <summary>How many files that were moved aside are kept.</summary>
    public const int KeptFiles = 9;

    /// <summary>How many places there are for them: where all are kept, the oldest has one more until the new one has moved.</summary>
    public const int Places = KeptFiles + 1;

    // Who asks for something waits that long where the log is a pipe that is full, and a policy with him.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly string? _path;
    private readonly ActivityScope _scope;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private LinePipe? _pipe;
    private bool _isFailing;
    private bool _isTooLong;

    /// <summary>Opens the log, or tells why it cannot be.</summary>
    /// <param name="path">Full path; null writes nothing.</param>
    /// <param name="scope">Of which ids are made for what has none.</param>
    /// <param name="time">The wall clock.</param>
    /// <param name="logger">For failures.</param>
    public ActivityLog(string? path, ActivityScope scope, TimeProvider time, ILogger logger)
    {
        _path = path;
        _scope = scope;
        _time = time;
        _logger = logger;
    }

    /// <summary>Full path of the file; null if nothing is written.</summary>
    public string? Path => _path;

    /// <summary>Entries that could not be written.</summary>
    public long Lost { get; private set; }

    /// <summary>Adds an entry.</summary>
    public void Add(ActivityEvent happened)
    {
        if (_path is null) return;
        byte[] entry = ActivityEntry.Write(happened, _time.GetUtcNow(), Guid.NewGuid(), _scope);
        lock (_lock)
        {
            try
            {
                if (TryWrite(_path, entry)) _isFailing = false;
                else Fail(_path, "its reader does not read");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Fail(_path, e.Message);
                _pipe?.Dispose();
                _pipe = null;
            }
        }
    }

    /// <summary>The files of a log that are there, the oldest first.</summary>
    public static IReadOnlyList<string> FilesOf(string path) =>
        [.. Enumerable.Range(0, Places + 1).Select(number => Aside(path, number)).Where(File.Exists).Reverse()];

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) _pipe?.Dispose();
    }

    /// <summary>Where a log's file is after it was moved aside so often, 0 to <see cref="Places"/>.</summary>
    public static string Aside(string path, int number) => number == 0 ? path : $"{path}.{number}";

    private void Fail(string path, string why)
    {
        Lost++;
        if (!_isFailing) NotWritten(_logger, path, why);
        _isFailing = true;
    }

    // False if it is a pipe that is full.
    private bool TryWrite(string path, byte[] entry)
    {
        if (OperatingSystem.IsLinux()) _pipe ??= LinePipe.TryOpen(path);
        if (_pipe is not null) return _pipe.TryWrite(entry, _isFailing ? TimeSpan.Zero : s_patience);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!); // before the lock file, which lies there too
        using FileStream? turn = LockFile.TryTakeFor(path);
        using FileStream file = OpenWithRoom(path);
        file.Seek(0, SeekOrigin.End);
        if (LogFile.EndsInTheMidst(file)) file.Write("\n"u8);
        file.Write(entry);
        file.Flush(flushToDisk: true);
        return true;
    }

    private FileStream OpenWithRoom(string path)
    {
        FileStream file = LogFile.Open(path, FileAccess.ReadWrite);
        if (file.Length >= LongestFile)
        {
            file.Dispose();
            MoveAside(path);
            return LogFile.Open(path, FileAccess.ReadWrite);
        }

        _isTooLong = false;
        return file;
    }

    // Files move as far as there is a gap, and the oldest goes at last: where one cannot be moved (it is mounted by itself; on Windows somebody has it open)
    // none is lost, however often this is tried, nor where a kill ends it.
    private void MoveAside(string path)
    {
        try
        {
            int gap = Enumerable.Range(1, Places).FirstOrDefault(number => !File.Exists(Aside(path, number)), Places);
            for (int number = gap - 1; number >= 0; number--) File.Move(Aside(path, number), Aside(path, number + 1), overwrite: true);
            File.Delete(Aside(path, Places));
            _isTooLong = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_isTooLong) NotMoved(_logger, path, e.Message);
            _isTooLong = true;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Activity log {File} is long, and its files cannot all be moved aside ({Why}); nothing is lost, but it may become longer")]
    private static partial void NotMoved(ILogger logger, string file, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "Activity log {File} cannot be written ({Why}); what happens meanwhile is missing there")]
    private static partial void NotWritten(ILogger logger, string file, string why);
}
