using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

/// <summary>A listing sees the table as it is, without a lock, while workers change it.</summary>
public sealed class FlowWalkTests
{
    private const uint Peer = 0xFFFF_FFFF;

    [Fact]
    public void Every_live_flow_is_met_once_and_no_expired_or_removed_one()
    {
        using var table = new FlowTable(100);
        for (uint i = 1; i <= 50; i++) Add(table, i, deadline: i == 7 ? 500u : 60_000u);
        Remove(table, 9);
        List<uint> met = Walk(table, now: 1000);
        Assert.Equal([.. Enumerable.Range(1, 50).Where(i => i is not (7 or 9)).Select(i => (uint)i)], met.Order());
    }

    [Fact]
    public void A_walk_stops_when_it_has_looked_at_so_many_records_and_goes_on_from_there()
    {
        using var table = new FlowTable(100);
        for (uint i = 1; i <= 50; i++) Add(table, i, 60_000);
        var walk = new FlowWalk(table);
        int slices = 0;
        HashSet<uint> met = [];
        while (!walk.IsAtEnd)
        {
            int looks = 8;
            int before = met.Count;
            while (walk.TryNext(0, out FlowRecord flow, ref looks)) Assert.True(met.Add(flow.Low.IPv4Bits));
            Assert.True(met.Count - before <= 8);
            slices++;
        }

        Assert.Equal(50, met.Count);
        Assert.Equal(7, slices);
    }

    [Fact]
    public async Task While_workers_open_and_end_flows_the_others_are_all_met_and_no_copy_is_torn()
    {
        const int Workers = 2;
        const int Lasting = 500;
        using var table = new FlowTable(new FlowLimits { MaxFlows = 4096, HalfOpenPercent = 100, MaxFlowsPerSource = 0 }, Workers);
        for (uint i = 1; i <= Lasting; i++) Add(table, i, 60_000);
        using var end = new CancellationTokenSource();
        Task[] workers = [.. Enumerable.Range(0, Workers).Select(worker => Task.Factory.StartNew(
            () =>
            {
                var random = new Random(worker);
                while (!end.IsCancellationRequested)
                {
                    uint number = (uint)random.Next(1000, 1400);
                    if (!Remove(table, number)) Add(table, number, 60_000);
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        try
        {
            for (int round = 0; round < 200; round++)
            {
                List<uint> met = Walk(table, 0);
                Assert.Equal(Lasting, met.Count(number => number <= Lasting));
            }
        }
        finally
        {
            await end.CancelAsync();
            await Task.WhenAll(workers);
        }
    }

    [Fact]
    public void A_kill_ends_the_flow_that_was_meant_and_not_a_later_one_with_the_same_key()
    {
        using var table = new FlowTable(16);
        Add(table, 1, 60_000, started: 5);
        int looks = 100;
        Assert.True(new FlowWalk(table).TryNext(10, out FlowRecord flow, ref looks));
        FlowEnd end = FlowEnd.Of(flow, reset: false);
        Remove(table, 1);
        Add(table, 1, 60_000, started: 9);
        Assert.False(table.Kill(end, 10, out _));
        Assert.Equal(1, table.Count);
        looks = 100;
        Assert.True(new FlowWalk(table).TryNext(10, out flow, ref looks));
        Assert.True(table.Kill(FlowEnd.Of(flow, reset: false), 10, out FlowRecord ended));
        Assert.Equal(1u, ended.Low.IPv4Bits);
        Assert.Equal(0, table.Count);
        Assert.Equal(1, table.Killed);
    }

    // The port and the rule of a flow follow from its address here, so that a copy of two halves shows.
    private static void Add(FlowTable table, uint number, uint deadline, uint started = 0)
    {
        FlowKey key = KeyOf(number);
        ulong hash = table.HashOf(key);
        FlowShard shard = table.ShardOf(hash);
        shard.Enter();
        ref FlowHead record = ref shard.Find(key, hash, 0);
        if (Unsafe.IsNullRef(ref record))
        {
            record = ref shard.Add(key, false, hash, started, out _);
            record.Rule = (int)number;
            record.State = (byte)DatagramState.Unreplied;
            record.See(0, deadline);
            shard.Schedule(ref record, 0);
            record.EndChange();
        }

        shard.Exit();
    }

    private static bool Remove(FlowTable table, uint number)
    {
        FlowKey key = KeyOf(number);
        ulong hash = table.HashOf(key);
        FlowShard shard = table.ShardOf(hash);
        shard.Enter();
        ref FlowHead record = ref shard.Find(key, hash, 0);
        bool found = !Unsafe.IsNullRef(ref record);
        if (found) shard.Remove(ref record, hash, 0);
        shard.Exit();
        return found;
    }

    private static List<uint> Walk(FlowTable table, long now)
    {
        List<uint> met = [];
        var walk = new FlowWalk(table);
        int looks = int.MaxValue;
        while (walk.TryNext(now, out FlowRecord flow, ref looks))
        {
            uint number = flow.Low.IPv4Bits;
            Assert.Equal(KeyOf(number), FlowShard.KeyOf(flow.Head));
            Assert.Equal((int)number, flow.Rule);
            met.Add(number);
        }

        Assert.True(walk.IsAtEnd);
        return met;
    }

    private static FlowKey KeyOf(uint number) =>
        FlowKey.Order(IpAddress.FromIPv4(number), (ushort)(number * 7), IpAddress.FromIPv4(Peer), 53, IpProtocol.Udp, out _);
}
