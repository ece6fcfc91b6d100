using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Threading.Channels;
using Firewall.Core.Flows;
using Firewall.Hosting;

namespace Firewall.Admin.Flows;

/// <summary>
/// The flows that carry most now: the table is walked twice, some time apart, and the differences count. It holds 16 bytes for each place in
/// the table meanwhile, so that only some measure at once and others wait for their turn; no worker waits for it.
/// </summary>
internal sealed class TopFlows(ApplianceState state)
{
    private const int MostAtOnce = 2;

    // Who measures has an entry in it.
    private readonly Channel<bool> _measuring = Channel.CreateBounded<bool>(MostAtOnce);

    /// <summary>Writes a JSON array, the busiest flow first.</summary>
    /// <param name="output">Where it goes.</param>
    /// <param name="filter">Which flows.</param>
    /// <param name="seconds">How long it measures.</param>
    /// <param name="limit">How many flows at most.</param>
    /// <param name="byPackets">Whether packets count, or bytes.</param>
    /// <param name="aborted">The reader is gone, or the table is about to go.</param>
    public async Task WriteAsync(PipeWriter output, FlowFilter filter, int seconds, int limit, bool byPackets, CancellationToken aborted)
    {
        await _measuring.Writer.WriteAsync(true, aborted);
        try
        {
            await MeasureAsync(output, filter, seconds, limit, byPackets, aborted);
        }
        finally
        {
            _measuring.Reader.TryRead(out _);
        }
    }

    private async Task MeasureAsync(PipeWriter output, FlowFilter filter, int seconds, int limit, bool byPackets, CancellationToken aborted)
    {
        FlowTable table = state.Workers.Flows;
        int places = table.EverUsed * table.ShardCount;
        Meter[] before = ArrayPool<Meter>.Shared.Rent(places);
        try
        {
            Array.Clear(before);
            long start = Environment.TickCount64;
            await WalkAsync(filter, Remember, aborted);
            await Task.Delay(TimeSpan.FromSeconds(seconds), aborted);
            var busiest = new PriorityQueue<Rate, double>();
            long end = Environment.TickCount64;
            await WalkAsync(filter, Compare, aborted);
            Write(output, busiest, (end - start) / 1000.0, end);
            await output.FlushAsync(aborted);

            void Remember(int place, FlowRecord flow)
            {
                if (place < places) before[place] = Meter.Of(flow);
            }

            void Compare(int place, FlowRecord flow)
            {
                // A flow that is not the one from before has begun since.
                Meter was = place < places && before[place].Started == flow.Started ? before[place] : default;
                Meter moved = Meter.Of(flow).Since(was);
                if (moved.Packets == 0) return;
                busiest.Enqueue(new Rate(flow, moved), byPackets ? moved.Packets : moved.Bytes);
                if (busiest.Count > limit) busiest.Dequeue();
            }
        }
        finally
        {
            ArrayPool<Meter>.Shared.Return(before);
        }
    }

    private async Task WalkAsync(FlowFilter filter, Action<int, FlowRecord> met, CancellationToken aborted)
    {
        var walk = new FlowWalk(state.Workers.Flows);
        while (!walk.IsAtEnd)
        {
            aborted.ThrowIfCancellationRequested();
            Slice(state.Workers.Flows, walk, filter, met);
            await Task.Yield();
        }
    }

    private static void Slice(FlowTable table, FlowWalk walk, FlowFilter filter, Action<int, FlowRecord> met)
    {
        int looks = FlowListing.LooksPerSlice;
        long now = Environment.TickCount64;
        while (walk.TryNext(now, out FlowRecord flow, ref looks))
        {
            if (filter.Matches(flow)) met((walk.Slot.Number * table.ShardCount) + walk.Slot.Shard, flow);
        }
    }

    private void Write(PipeWriter output, PriorityQueue<Rate, double> busiest, double seconds, long now)
    {
        Rate[] rates = new Rate[busiest.Count];
        for (int i = rates.Length - 1; i >= 0; i--) rates[i] = busiest.Dequeue();
        using var flows = new FlowJsonWriter(output, state.Policies.Catalog);
        Text(output, "[");
        for (int i = 0; i < rates.Length; i++)
        {
            Text(output, string.Create(
                CultureInfo.InvariantCulture,
                $"{(i == 0 ? "" : ",")}\n{{\"bytesPerSecond\":{rates[i].Moved.Bytes / seconds:0.#},\"packetsPerSecond\":{rates[i].Moved.Packets / seconds:0.#},\"flow\":"));
            flows.Write(rates[i].Flow, now);
            Text(output, "}");
        }

        Text(output, "\n]\n");
    }

    private static void Text(PipeWriter output, string text) => Encoding.UTF8.GetBytes(text, output);

    private readonly record struct Rate(FlowRecord Flow, Meter Moved);

    /// <summary>What a flow had carried at one moment.</summary>
    private readonly record struct Meter(ulong Bytes, uint Packets, uint Started)
    {
        public static Meter Of(in FlowRecord flow) =>
            new((ulong)flow.ForwardBytes + (ulong)flow.ReplyBytes, unchecked((uint)(flow.ForwardPackets + flow.ReplyPackets)), flow.Started);

        public Meter Since(Meter before) => unchecked(new(Bytes - before.Bytes, Packets - before.Packets, Started));
    }
}
