using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

public sealed class FlowTableTests
{
    [Fact]
    public void A_gap_in_time_longer_than_any_timeout_forgets_every_flow()
    {
        using var table = new FlowTable(16);
        table.Advance(0, 100);
        FlowKey key = FlowKey.Order(IpAddress.FromIPv4(1), 1, IpAddress.FromIPv4(2), 2, IpProtocol.Udp, out _);
        ulong hash = table.HashOf(key);
        ref FlowHead record = ref table.ShardOf(hash).Add(key, false, hash, 0, out _);
        record.See(0, 10_000);
        table.ShardOf(hash).Schedule(ref record, 0);
        Assert.Equal(1, table.Count);
        table.Advance(100L * 24 * 3600 * 1000, 100);
        Assert.Equal(0, table.Count);
        Assert.Equal(1, table.Expired);
    }

    [Theory]
    [InlineData(1, 1_000_000, 1)]
    [InlineData(2, 1, 1)]
    [InlineData(2, 2_047, 1)]
    [InlineData(2, 2_048, 2)]
    [InlineData(8, 10_000, 8)]
    [InlineData(2, 65_536, 64)]
    [InlineData(64, FlowTable.LargestMaximum, 64)]
    public void A_table_for_several_workers_is_cut_into_shards_of_a_thousand_records_or_more(int workers, int maxFlows, int shards) =>
        Assert.Equal(shards, FlowLayout.For(maxFlows, workers).Shards);

    [Theory]
    [InlineData(1_000)]
    [InlineData(4_096)]
    [InlineData(65_536)]
    public void A_table_for_several_workers_holds_nearly_its_maximum_before_a_shard_is_full(int maxFlows)
    {
        using var table = new FlowTable(new FlowLimits { MaxFlows = maxFlows, HalfOpenPercent = 100, MaxFlowsPerSource = 0 }, workers: 2);
        for (uint i = 0; ; i++)
        {
            FlowKey key = FlowKey.Order(IpAddress.FromIPv4(i), 1, IpAddress.FromIPv4(0xFFFF_FFFF), 2, IpProtocol.Udp, out _);
            ulong hash = table.HashOf(key);
            ref FlowHead record = ref table.ShardOf(hash).Add(key, false, hash, 0, out _);
            if (Unsafe.IsNullRef(ref record)) break;
            record.Flags |= FlowFlags.Assured;
            table.ShardOf(hash).CountAssured();
        }

        Assert.InRange(table.Count, maxFlows * 80 / 100, maxFlows);
    }

    [Fact]
    public void Several_workers_that_open_and_close_the_same_flows_leave_the_table_whole()
    {
        const int Workers = 4;
        using var table = new FlowTable(new FlowLimits { MaxFlows = 4096, HalfOpenPercent = 100 }, Workers);
        Parallel.For(0, Workers, worker =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 50_000; i++)
            {
                FlowKey key = FlowKey.Order(
                    IpAddress.FromIPv4((uint)random.Next(512)), 1, IpAddress.FromIPv4(0xFFFF), 2, IpProtocol.Udp, out _);
                ulong hash = table.HashOf(key);
                FlowShard shard = table.ShardOf(hash);
                shard.Enter();
                ref FlowHead record = ref shard.Find(key, hash, 0);
                if (!Unsafe.IsNullRef(ref record))
                {
                    shard.Remove(ref record, hash, 0);
                }
                else
                {
                    record = ref shard.Add(key, false, hash, 0, out _);
                    if (!Unsafe.IsNullRef(ref record))
                    {
                        record.See(0, 60_000);
                        shard.Schedule(ref record, 0);
                    }
                }

                shard.Exit();
            }
        });

        int found = 0;
        for (uint i = 0; i < 512; i++)
        {
            FlowKey key = FlowKey.Order(IpAddress.FromIPv4(i), 1, IpAddress.FromIPv4(0xFFFF), 2, IpProtocol.Udp, out _);
            ulong hash = table.HashOf(key);
            if (!Unsafe.IsNullRef(ref table.ShardOf(hash).Find(key, hash, 0))) found++;
        }

        Assert.Equal(found, table.Count);
        table.Advance(0, int.MaxValue);
        table.Advance(120_000, int.MaxValue);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void The_hash_depends_on_its_key_and_spreads_neighbouring_tuples()
    {
        var one = new FlowHash(new byte[32]);
        var other = new FlowHash(Enumerable.Repeat((byte)7, 32).ToArray());
        FlowKey key = FlowKey.Order(IpAddress.FromIPv4(1), 1, IpAddress.FromIPv4(2), 2, IpProtocol.Tcp, out _);
        Assert.NotEqual(one.Of(key), other.Of(key));

        // 65,536 neighbouring tuples into 256 bins by either half of the hash: the largest bin of a fair hash stays below 350.
        var low = new int[256];
        var high = new int[256];
        for (int i = 0; i < 65_536; i++)
        {
            FlowKey tuple = FlowKey.Order(IpAddress.FromIPv4((uint)i), 1000, IpAddress.FromIPv4(0x0A000001), 443, IpProtocol.Tcp, out _);
            ulong hash = other.Of(tuple);
            low[hash & 0xFF]++;
            high[hash >> 56]++;
        }

        Assert.InRange(low.Max(), 256, 350);
        Assert.InRange(high.Max(), 256, 350);
    }

    [Fact]
    public void The_portable_hash_spreads_too()
    {
        var hash = new FlowHash(Enumerable.Range(0, 32).Select(static i => (byte)i).ToArray());
        var bins = new int[256];
        for (uint i = 0; i < 65_536; i++) bins[hash.SipHash13(IpAddress.FromIPv4(i), IpAddress.FromIPv4(1), 6) & 0xFF]++;
        Assert.InRange(bins.Max(), 256, 350);
    }
}
