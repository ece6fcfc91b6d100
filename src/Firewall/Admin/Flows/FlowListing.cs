using System.IO.Pipelines;
using Firewall.Core.Flows;
using Firewall.Hosting;

namespace Firewall.Admin.Flows;

/// <summary>
/// Lists flows while the workers go on, in slices: what a slice found is sent before the next begins, so that memory stays small and a slow
/// reader only slows its own listing.
/// </summary>
internal sealed class FlowListing(ApplianceState state)
{
    /// <summary>Records looked at without a pause: some hundred microseconds of work; then whoever else wants the processor has it.</summary>
    public const int LooksPerSlice = 1024;

    /// <summary>Writes a JSON array with one flow a line.</summary>
    /// <param name="output">Where it goes.</param>
    /// <param name="filter">Which flows.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="stopping">The table is about to go.</param>
    /// <param name="aborted">The reader is gone.</param>
    public async Task WriteAsync(PipeWriter output, FlowFilter filter, long limit, CancellationToken stopping, CancellationToken aborted)
    {
        using var flows = new FlowJsonWriter(output, state.Policies.Catalog);
        var walk = new FlowWalk(state.Workers.Flows);
        long written = 0;
        Write(output, "["u8);
        while (!walk.IsAtEnd && written < limit)
        {
            stopping.ThrowIfCancellationRequested();
            written += WriteSlice(walk, output, flows, filter, limit, written);
            FlushResult flushed = await output.FlushAsync(aborted);
            if (flushed.IsCompleted || flushed.IsCanceled) return;
            await Task.Yield();
        }

        Write(output, "\n]\n"u8);
        await output.FlushAsync(aborted);
    }

    // The extension method of the same name fails where a pipe has no byte of room left before it is asked for some.
    private static void Write(PipeWriter output, ReadOnlySpan<byte> text)
    {
        text.CopyTo(output.GetSpan(text.Length));
        output.Advance(text.Length);
    }

    private static long WriteSlice(FlowWalk walk, PipeWriter output, FlowJsonWriter flows, FlowFilter filter, long limit, long before)
    {
        long now = Environment.TickCount64;
        long written = 0;
        int looks = LooksPerSlice;
        while (before + written < limit && walk.TryNext(now, out FlowRecord flow, ref looks))
        {
            if (!filter.Matches(flow)) continue;
            Write(output, before + written == 0 ? "\n"u8 : ",\n"u8);
            flows.Write(flow, now);
            written++;
        }

        return written;
    }
}
