using System.Text;
using Firewall.Logs;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>The log makes nobody wait, whoever reads it and however slowly, and tells what was lost for it.</summary>
public sealed class LineLogProviderTests
{
    private readonly LineFormatter _formatter = new(new ManualTime(), journal: true);
    private readonly LogLosses _losses = new();

    [Fact]
    public void Behind_a_reader_that_hangs_what_does_not_fit_is_lost_counted_and_told()
    {
        using var hanging = new ManualResetEventSlim();
        var written = new StringBuilder();
        var log = new LineLogProvider(_formatter, lines =>
        {
            hanging.Wait();
            written.Append(Encoding.UTF8.GetString(lines));
        }, _losses);
        ILogger logger = log.CreateLogger(LogArea.Policy);
        const int Messages = LineLogProvider.Capacity * 2;
        for (int i = 0; i < Messages; i++) Say(logger, $"message {i}");
        // One may have left the queue and wait in the write.
        Assert.InRange(_losses.Count, Messages - LineLogProvider.Capacity - 1, Messages - LineLogProvider.Capacity);
        hanging.Set();
        log.Dispose();
        string[] lines = written.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Messages - _losses.Count, lines.Count(line => line.StartsWith("<6>message ", StringComparison.Ordinal)));
        Assert.Single(lines, $"<4>{_losses.Count} messages of this log were lost: it is not read as fast as it is written");
    }

    [Fact]
    public void The_end_does_not_wait_for_a_reader_that_hangs()
    {
        using var hanging = new ManualResetEventSlim();
        var log = new LineLogProvider(_formatter, _ => hanging.Wait(), _losses);
        ILogger logger = log.CreateLogger(LogArea.Policy);
        Say(logger, "one");
        long start = Environment.TickCount64;
        log.Dispose();
        Assert.InRange(Environment.TickCount64 - start, 500, 5_000);
        // A part of the program that is late.
        Say(logger, "two");
        Assert.Equal(1, _losses.Count);
        hanging.Set();
        log.Dispose(); // now its thread ends
    }

    [Fact]
    public void What_cannot_be_written_is_counted_too()
    {
        bool isGone = true;
        var written = new StringBuilder();
        var log = new LineLogProvider(_formatter, lines =>
        {
            if (isGone) throw new IOException("Broken pipe");
            written.Append(Encoding.UTF8.GetString(lines));
        }, _losses);
        ILogger logger = log.CreateLogger(LogArea.Policy);
        Say(logger, "one");
        SpinWait.SpinUntil(() => _losses.Count == 1, TimeSpan.FromSeconds(20));
        isGone = false;
        Say(logger, "two\nlines");
        log.Dispose();
        Assert.Equal("<6>two lines\n<4>1 messages of this log were lost: it is not read as fast as it is written\n", written.ToString());
    }

    private static void Say(ILogger logger, string text) => logger.Log(LogLevel.Information, default, text, null, static (said, _) => said);
}
