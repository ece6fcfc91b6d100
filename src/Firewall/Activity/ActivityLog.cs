using Microsoft.Extensions.Logging;

namespace Firewall.Activity;

/// <summary>
/// The activity log: a file of JSON lines that is only ever appended to, each line on the disk before the call returns, moved aside when it
/// is long. A failure to write is told in the log and changes nothing else: the appliance must not stop because a disk is full. For any
/// thread, but never one that judges packets.
/// </summary>
internal sealed partial class ActivityLog : IDisposable
{
    /// <summary>A file that is longer is moved aside, in bytes.</summary>
    public const long LongestFile = 10 << 20;

    /// <summary>How many files that were moved aside are kept.</summary>
    public const int KeptFiles = 9;

    private readonly Lock _lock = new();
    private readonly string? _path;
    private readonly ActivityScope _scope;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private FileStream? _file;
    private bool _isFailing;

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
                _file ??= Open(_path);
                if (_file.Length >= LongestFile) Rotate(_path);
                _file.Write(entry);
                _file.Flush(flushToDisk: true);
                _isFailing = false;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Lost++;
                if (!_isFailing) NotWritten(_logger, _path, e.Message);
                _isFailing = true;
                _file?.Dispose();
                _file = null;
            }
        }
    }

    /// <summary>The files of a log that are there, the oldest first.</summary>
    public static IReadOnlyList<string> FilesOf(string path) =>
        [.. Enumerable.Range(1, KeptFiles).Select(number => Aside(path, number)).Where(File.Exists).Reverse(), .. File.Exists(path) ? [path] : Array.Empty<string>()];

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) _file?.Dispose();
    }

    /// <summary>Where a log's file is after it was moved aside so often, 1 to <see cref="KeptFiles"/>.</summary>
    public static string Aside(string path, int number) => $"{path}.{number}";

    private static FileStream Open(string path)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        var file = new FileStream(path, options);
        if (EndsInTheMidst(path)) file.Write("\n"u8); // of a line that a kill or a full disk cut short
        return file;
    }

    private static bool EndsInTheMidst(string path)
    {
        using var reader = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        if (reader.Length == 0) return false;
        reader.Seek(-1, SeekOrigin.End);
        return reader.ReadByte() != '\n';
    }

    private void Rotate(string path)
    {
        _file!.Dispose();
        File.Delete(Aside(path, KeptFiles));
        for (int number = KeptFiles - 1; number >= 1; number--)
        {
            if (File.Exists(Aside(path, number))) File.Move(Aside(path, number), Aside(path, number + 1));
        }

        File.Move(path, Aside(path, 1));
        _file = Open(path);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Activity log {File} cannot be written ({Why}); what happens meanwhile is missing there")]
    private static partial void NotWritten(ILogger logger, string file, string why);
}
