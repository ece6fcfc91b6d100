using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace Firewall.FlowLogs;

/// <summary>
/// Removes files of Azure's formats that have been kept for long enough, and the oldest ones where all together are too large. The file of
/// this hour stays, whatever it weighs, and so does whatever else lies in the folder.
/// </summary>
internal sealed partial class FlowLogRetention : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMinutes(10);

    private readonly Lock _removing = new();
    private readonly string _folder;
    private readonly TimeSpan _keptFor;
    private readonly long _keptBytes;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private ITimer? _timer;

    /// <summary>Makes it; <see cref="Start"/> starts it.</summary>
    /// <param name="folder">The log's folder.</param>
    /// <param name="keptFor">How long a file stays behind its hour; zero for ever.</param>
    /// <param name="keptBytes">How large all files may be together; 0 for any size.</param>
    /// <param name="time">The wall clock, and the timer's.</param>
    /// <param name="logger">For what was removed, and failures.</param>
    public FlowLogRetention(string folder, TimeSpan keptFor, long keptBytes, TimeProvider time, ILogger logger)
    {
        _folder = folder;
        _keptFor = keptFor;
        _keptBytes = keptBytes;
        _time = time;
        _logger = logger;
    }

    /// <summary>Removes now, and every few minutes.</summary>
    public void Start() => _timer = _time.CreateTimer(_ => Remove(), null, TimeSpan.Zero, Step);

    /// <summary>Removes what is over.</summary>
    public void Remove()
    {
        if (!_removing.TryEnter()) return;
        try
        {
            int removed = 0;
            DateTimeOffset now = _time.GetUtcNow();
            var files = new FlowLogFolder(_folder);
            long bytes = 0;
            foreach ((string path, DateTimeOffset hour, long length) in FilesOf(_folder).OrderByDescending(f => f.Hour))
            {
                bytes += length;
                bool isOld = _keptFor > TimeSpan.Zero && hour + TimeSpan.FromHours(1) + _keptFor <= now;
                bool isTooMuch = _keptBytes > 0 && bytes > _keptBytes;
                if ((!isOld && !isTooMuch) || hour + TimeSpan.FromHours(1) > now) continue;
                files.Remove(path);
                removed++;
            }

            if (removed > 0) Removed(_logger, _folder, removed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            NotRemoved(_logger, _folder, e.Message);
        }
        finally
        {
            _removing.Exit();
        }
    }

    /// <summary>Returns when nothing is removed any more.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        lock (_removing) _timer = null;
    }

    private static IEnumerable<(string Path, DateTimeOffset Hour, long Length)> FilesOf(string folder)
    {
        if (!Directory.Exists(folder)) yield break;
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("PT1H.json", SearchOption.AllDirectories))
        {
            Match hour = Hour().Match(file.FullName);
            if (hour.Success && DateTimeOffset.TryParseExact(
                string.Concat(hour.Groups.Values.Skip(1)), "yyyyMMddHH", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
            {
                yield return (file.FullName, time, file.Length);
            }
        }
    }

    [GeneratedRegex(@"[/\\]y=(\d{4})[/\\]m=(\d\d)[/\\]d=(\d\d)[/\\]h=(\d\d)[/\\]m=00[/\\]")]
    private static partial Regex Hour();

    [LoggerMessage(Level = LogLevel.Information, Message = "Flow logs in {Folder}: {Files} files were kept long enough and are removed")]
    private static partial void Removed(ILogger logger, string folder, int files);

    [LoggerMessage(Level = LogLevel.Error, Message = "Flow logs in {Folder} cannot be removed when their time is over: {Why}")]
    private static partial void NotRemoved(ILogger logger, string folder, string why);
}
