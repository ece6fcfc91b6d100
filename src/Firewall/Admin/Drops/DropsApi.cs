using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Commands;
using Firewall.Core.Engine;
using Firewall.Devices.Captures;
using Firewall.Hosting;
using Firewall.Logs;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin.Drops;

/// <summary>Denied packets over the admin socket: as they happen, and the last ones as a capture.</summary>
internal sealed class DropsApi(ApplianceState state)
{
    /// <summary>Packets a second and reason that are shown unless asked otherwise.</summary>
    public const int DefaultPerSecond = 10;

    private const int MostPerSecond = 1000;

    // Packets have arrows in their summaries.
    private static readonly AdminJson s_readable = new(new JsonSerializerOptions(AdminJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SuppressedStep = TimeSpan.FromSeconds(1);

    /// <summary>Everything it can do.</summary>
    public IReadOnlyList<AdminRoute> Routes =>
    [
        new AdminRoute("GET", "/v1/drops/follow", AdminRole.Reader, Follow),
        new AdminRoute("GET", "/v1/drops/capture", AdminRole.Reader, (context, _) => Capture(context)),
    ];

    private async Task Follow(HttpContext context, CancellationToken stopping)
    {
        var query = new RequestQuery(context.Request.Query);
        int perSecond = (int)(query.Number("perSecond", 1, MostPerSecond) ?? DefaultPerSecond);
        VerdictReason? reason = null;
        if (query.Text("reason") is { } text)
        {
            if (Enum.TryParse(text, ignoreCase: true, out VerdictReason known) && Enum.IsDefined(known) && !char.IsAsciiDigit(text[0])) reason = known;
            else query.Refuse("reason", "one of the reasons in docs/DROP-REASONS.md, such as Rule or NoFlow");
        }

        query.Finish();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping, context.RequestAborted);
        using DropFollower follower = state.DropFeed.Follow(perSecond, reason);
        context.Response.ContentType = "application/x-ndjson";
        PipeWriter output = context.Response.BodyWriter;
        await context.Response.StartAsync(end.Token);
        long told = Environment.TickCount64;
        while (true)
        {
            while (follower.TryTake(out DropEvent drop)) await WriteAsync(output, DropEntry.Of(drop, WallTimeOf(drop.Time), state.Policies.Catalog), end.Token);
            if (Environment.TickCount64 - told >= SuppressedStep.TotalMilliseconds)
            {
                told = Environment.TickCount64;
                foreach (VerdictReason why in Enum.GetValues<VerdictReason>())
                {
                    if (follower.TakeSuppressed(why) is long count and > 0) await WriteAsync(output, new DropEntry(WallTimeOf(told), why.ToString(), count), end.Token);
                }
            }

            FlushResult flushed = await output.FlushAsync(end.Token);
            if (flushed.IsCompleted || flushed.IsCanceled) return;
            await Task.Delay(Step, end.Token);
        }
    }

    private async Task Capture(HttpContext context)
    {
        if (state.Workers.Recorders.Count == 0)
            throw new AdminProblem(StatusCodes.Status404NotFound, ["no dropped packets are kept: Firewall:Drops:KeptPackets is 0"]);
        using var file = new MemoryStream();
        WriteCapture(file);
        context.Response.ContentType = "application/x-pcapng";
        await context.Response.Body.WriteAsync(file.GetBuffer().AsMemory(0, (int)file.Length), context.RequestAborted);
    }

    private void WriteCapture(Stream output)
    {
        int snapLength = state.Workers.Recorders[0].SnapLength;
        List<(RecordedDrop Drop, byte[] Bytes)> drops = [];
        byte[] bytes = new byte[snapLength];
        foreach (DropRecorder recorder in state.Workers.Recorders)
        {
            long end = recorder.Written;
            for (long number = Math.Max(0, end - recorder.Capacity); number < end; number++)
            {
                if (recorder.TryRead(number, bytes, out RecordedDrop drop)) drops.Add((drop, bytes[..drop.Length]));
            }
        }

        var writer = new PcapngWriter(output, $"firewall {ProgramVersion.Text}", state.Device, snapLength);
        foreach ((RecordedDrop drop, byte[] packet) in drops.OrderBy(d => d.Drop.Time))
        {
            long time = WallTimeOf(drop.Time).ToUnixTimeMilliseconds() * 1_000_000;
            writer.Write(time, packet, drop.WireLength, "Denied" + DropText.VerdictOf(drop.Verdict, state.Policies.Catalog, withGroup: true));
        }
    }

    private DateTimeOffset WallTimeOf(long clock) => state.Now - TimeSpan.FromMilliseconds(Math.Max(0, Environment.TickCount64 - clock));

    private static async Task WriteAsync(PipeWriter output, DropEntry entry, CancellationToken end)
    {
        await output.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(entry, s_readable.DropEntry), end);
        await output.WriteAsync("\n"u8.ToArray(), end);
    }
}
