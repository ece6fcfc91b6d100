using Microsoft.Extensions.Logging;

namespace Firewall.FlowLogs;

/// <summary>
/// Once after a start: cuts off what a killed process left unfinished in files of Azure's formats. In the background, since files of years may
/// lie there. The file that is written to is mended by the first record as well.
/// </summary>
internal sealed partial class FlowLogMending : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _mending = new();
    private readonly CancellationTokenSource _end = new();
    private readonly string _folder;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private ITimer? _timer;

    /// <summary>Makes it; <see cref="Start"/> starts it.</summary>
    /// <param name="folder">The log's folder.</param>
    /// <param name="time">The timer's clock.</param>
    /// <param name="logger">For what was mended, and failures.</param>
    public FlowLogMending(string folder, TimeProvider time, ILogger logger)
    {
        _folder = folder;
        _time = time;
        _logger = logger;
    }

    /// <summary>Has it done as soon as there is a thread for it.</summary>
    public void Start() => _timer = _time.CreateTimer(_ => Mend(), null, TimeSpan.Zero, Timeout.InfiniteTimeSpan);

    /// <summary>Ends it. A disk that hangs is not waited for.</summary>
    public void Dispose()
    {
        _end.Cancel();
        _timer?.Dispose();
        if (_mending.TryEnter(Patience)) _mending.Exit();
    }

    private void Mend()
    {
        lock (_mending)
        {
            try
            {
                int mended = new FlowLogFolder(_folder).Mend(_end.Token);
                if (mended > 0) Mended(_logger, _folder, mended);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                NotMended(_logger, _folder, e.Message);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Flow logs in {Folder}: cut off what was left unfinished in {Files} files")]
    private static partial void Mended(ILogger logger, string folder, int files);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Flow logs in {Folder} cannot be looked through for what was left unfinished: {Why}")]
    private static partial void NotMended(ILogger logger, string folder, string why);
}
