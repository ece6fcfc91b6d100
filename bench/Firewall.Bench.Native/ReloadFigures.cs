using System.Diagnostics;
using System.Globalization;
using Firewall.Control;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>
/// 100 thousand packets a second through one worker while a thousand rules and the whole service tag file are reloaded on another thread,
/// as the appliance does it, one rule edited each time. Time is cut into spans; in every other one there is a reload, so that what the machine itself does to packets
/// (other guests, other programs) is measured in the same run and in the same number of spans.
/// </summary>
internal static class ReloadFigures
{
    private const int Rate = 100_000;
    private const int Flows = 100_000;
    private const double BarMilliseconds = 1;

    // A reload takes 50 to 100 ms of it; the rest shows what comes after, such as a collection in the background.
    private static readonly TimeSpan s_span = TimeSpan.FromMilliseconds(250);

    /// <summary>Prints the figures; 0 if no packet was lost and none was delayed by more than a millisecond on account of a reload.</summary>
    public static int Print(int reloads, bool bothFiles)
    {
        ReloadInputs inputs = ReloadInputs.Make(reloads + 2);
        var catalog = new RuleCatalog();
        ServiceTags? tags = bothFiles ? null : inputs.ReadTags();
        Policy current = inputs.Build(catalog, 0, tags ?? inputs.ReadTags());
        using FlowTable table = new(4 * Flows);
        byte[] packets = [.. Enumerable.Range(0, 2 * Flows).SelectMany(Traffic.Udp)];
        // The first spans warm up what both kinds use.
        int spans = 2 * (reloads + 1);
        var queue = new PacedQueue(packets, packets.Length / (2 * Flows), Rate, (long)(Rate * s_span.TotalSeconds * (spans + 2)));
        var worker = new PacketWorker(queue, new FirewallEngine(table, new FragmentTable(), new EngineOptions()));
        var working = new Thread(() =>
        {
            while (worker.Receive(100)) worker.Process(Volatile.Read(ref current), Environment.TickCount64);
        });
        List<Span> with = [];
        List<Span> without = [];
        UncollectedRegion.Prepare();
        working.Start();
        Thread.Sleep(s_span);
        for (int span = 0; span < spans; span++)
        {
            bool isReload = span % 2 == 1;
            queue.TakeWorst();
            TimeSpan paused = GC.GetTotalPauseDuration();
            long start = Stopwatch.GetTimestamp();
            if (isReload) Reload(inputs, tags, catalog, ref current, (uint)(span / 2) + 1);
            TimeSpan rest = s_span - Stopwatch.GetElapsedTime(start);
            if (rest > TimeSpan.Zero) Thread.Sleep(rest);
            var seen = new Span(queue.TakeWorst(), (GC.GetTotalPauseDuration() - paused).TotalMilliseconds);
            if (span > 1) (isReload ? with : without).Add(seen);
        }

        working.Join();
        Tell("without a reload", without);
        Tell("with a reload", with);
        long lost = queue.Total - queue.Passed;
        int more = Later(with) - Later(without);
        bool isGood = lost == 0 && Median(with, span => span.Worst) <= BarMilliseconds && more <= Chance(with.Count);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(isGood ? "ok" : "not ok")}: {queue.Passed} passed, {lost} lost; {more} more spans of {with.Count} with a packet later than 1 ms than without a reload, {Chance(with.Count)} may be by chance"));
        return isGood ? 0 : 1;
    }

    // As the appliance's reloader does it.
    private static void Reload(ReloadInputs inputs, ServiceTags? tags, RuleCatalog catalog, ref Policy current, uint version)
    {
        using UncollectedRegion region = UncollectedRegion.Enter();
        Volatile.Write(ref current, inputs.Build(catalog, version, tags ?? inputs.ReadTags(), current));
    }

    private static void Tell(string what, List<Span> spans) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{spans.Count} spans {what}: latest packet {Median(spans, span => span.Worst):F2} ms median, {spans.Max(span => span.Worst):F2} ms at worst, later than 1 ms in {Later(spans)}; the collector's pauses together {Median(spans, span => span.Paused):F2} ms median, {spans.Max(span => span.Paused):F2} ms at worst, more than 1 ms in {spans.Count(span => span.Paused > BarMilliseconds)}"));

    private static int Later(List<Span> spans) => spans.Count(span => span.Worst > BarMilliseconds);

    // Two standard deviations of the difference of two such counts, if a fifth of the spans are hit by what has nothing to do with reloads.
    private static int Chance(int spans) => (int)Math.Ceiling(2 * Math.Sqrt(2 * 0.2 * 0.8 * spans));

    private static double Median(List<Span> spans, Func<Span, double> value) => spans.Select(value).Order().ElementAt(spans.Count / 2);

    /// <summary>
    /// One span: how late its latest packet was, and how long the collector held up all threads in it, in milliseconds. All pauses of a span
    /// together: the runtime tells single ones only of the last collection of each kind, and a reload can begin with another one.
    /// </summary>
    private readonly record struct Span(double Worst, double Paused);
}
