using System.Runtime;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;

namespace Firewall.Bench;

/// <summary>
/// 100 thousand packets a second through one worker, in turn without and with reloads of a thousand rules and the whole service tag
/// file, one after the other without a pause, on another thread: as the appliance does it, without collections meanwhile, or with.
/// </summary>
internal static class ReloadFigures
{
    private const int Rate = 100_000;
    private const int Seconds = 3;
    private const int Flows = 100_000;

    public static int Print(int rounds, bool isCollected)
    {
        ReloadInputs inputs = ReloadInputs.Make();
        var catalog = new RuleCatalog();
        Policy current = inputs.Build(catalog, 1);
        using FlowTable table = new(4 * Flows);
        byte[] packets = [.. Enumerable.Range(0, 2 * Flows).SelectMany(Traffic.Udp)];
        int length = packets.Length / (2 * Flows);
        long lost = 0;
        uint version = 1;
        double[] worst = [0, 0];
        for (int round = 0; round < rounds; round++)
        {
            foreach (bool reloads in (bool[])[false, true])
            {
                GC.Collect();
                var queue = new PacedQueue(packets, length, Rate, (long)Rate * Seconds);
                var worker = new PacketWorker(queue, new FirewallEngine(table, new FragmentTable(), new EngineOptions()));
                int loaded = 0;
                bool done = false;
                int collections = GC.CollectionCount(0);
                TimeSpan paused = GC.GetTotalPauseDuration();
                var loading = new Thread(() =>
                {
                    while (!Volatile.Read(ref done))
                    {
                        bool isRegion = !isCollected && GC.TryStartNoGCRegion(100_000_000, disallowFullBlockingGC: true);
                        Volatile.Write(ref current, inputs.Build(catalog, ++version));
                        if (isRegion && GCSettings.LatencyMode == GCLatencyMode.NoGCRegion) GC.EndNoGCRegion();
                        if (!isCollected && GC.GetTotalMemory(forceFullCollection: false) > 200_000_000) GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false, compacting: false);
                        loaded++;
                    }
                });
                var working = new Thread(() =>
                {
                    while (worker.Receive(100)) worker.Process(Volatile.Read(ref current), Environment.TickCount64);
                });
                working.Start();
                if (reloads) loading.Start();
                working.Join();
                Volatile.Write(ref done, true);
                if (reloads) loading.Join();
                lost += queue.Total - queue.Passed;
                worst[reloads ? 1 : 0] = Math.Max(worst[reloads ? 1 : 0], queue.WorstMilliseconds);
                Console.WriteLine(
                    $"{(reloads ? $"{loaded,2} reloads" : "no reloads"),10}: {queue.Passed} passed, {queue.Total - queue.Passed} lost; later than 50 % {queue.Quantile(0.5)} us, 0.01 % {queue.Quantile(0.9999)} us, worst {queue.WorstMilliseconds:F2} ms; "
                    + $"{queue.LaterThan(1000)} later than 1 ms; {GC.CollectionCount(0) - collections} collections, paused {(GC.GetTotalPauseDuration() - paused).TotalMilliseconds:F1} ms; heap {GC.GetTotalMemory(false) >> 20} MB, {System.Environment.WorkingSet >> 20} MB resident");
            }
        }

        Console.WriteLine($"worst without reloads {worst[0]:F2} ms, with {worst[1]:F2} ms; {lost} lost");
        return lost == 0 ? 0 : 1;
    }
}
