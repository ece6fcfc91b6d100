using Firewall.FlowLogs;
using Firewall.Tests.App;
using Xunit;

namespace Firewall.Tests.FlowLogs;

/// <summary>A disk that hangs or is full costs entries, which are counted, and nobody's time.</summary>
public sealed class FlowLogWriterTests
{
    [Fact]
    public void Behind_a_write_that_hangs_what_does_not_fit_is_lost_at_once()
    {
        using var hanging = new ManualResetEventSlim();
        long written = 0;
        var writer = new FlowLogWriter("VNet", (_, text) =>
        {
            hanging.Wait();
            written += text.Length;
        }, new RecordingLogger());
        byte[] piece = new byte[1 << 20];
        for (int i = 0; i < 100; i++) writer.Post("file", piece, 10);
        Assert.InRange(writer.Lost, 800, 900);
        hanging.Set();
        writer.Dispose();
        Assert.Equal(1000, writer.Lost + writer.Written);
        Assert.Equal(writer.Written / 10 * piece.Length, written);
    }

    [Fact]
    public void A_write_that_fails_is_counted_and_told_once_and_so_is_the_first_that_succeeds_again()
    {
        var logger = new RecordingLogger();
        int calls = 0;
        var writer = new FlowLogWriter("VNet", (_, _) =>
        {
            if (++calls <= 3) throw new IOException("No space left on device");
        }, logger);
        for (int i = 0; i < 5; i++) writer.Post("file", "x"u8, 7);
        writer.Dispose();
        Assert.Equal((21, 14), (writer.Lost, writer.Written));
        Assert.Equal(
            ["Error Flow log VNet cannot be written (No space left on device); what happens meanwhile is missing there", "Information Flow log VNet is written again; 21 entries were lost so far"],
            logger.Lines);
    }

    [Fact]
    public void A_write_that_fails_in_a_way_that_nobody_thought_of_is_one_that_fails()
    {
        int calls = 0;
        var writer = new FlowLogWriter("Lines", (_, _) =>
        {
            if (++calls == 1) throw new NotSupportedException("Stream does not support seeking.");
        }, new RecordingLogger());
        for (int i = 0; i < 2; i++) writer.Post("file", "x"u8, 7);
        writer.Dispose();
        Assert.Equal((7, 7), (writer.Lost, writer.Written));
    }
}
