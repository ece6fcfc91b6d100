using System.Runtime.CompilerServices;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

/// <summary>A process dies, another one finds its table.</summary>
public sealed class FlowAdoptionTests
{
    private static readonly Guid Boot = new("11112222-3333-4444-5555-666677778888");
    private static readonly FlowLimits Limits = new() { MaxFlows = 10_000, HalfOpenPercent = 100, MaxFlowsPerSource = 0 };

    [Fact]
    public void Flows_go_on_in_the_next_process_with_all_they_know()
    {
        using FlowRegion region = Fill(flows: 100, workers: 1);
        using var next = new FlowTable(Limits);
        FlowAdoption adoption = next.Adopt(region, Boot, 5_000, static rule => rule + 1_000);
        Assert.Equal(new FlowAdoption(null, 100, 0, 0), adoption);
        Assert.Equal(100, next.Count);
        Assert.Equal(100, next.Assured);
        ref FlowHead record = ref Find(next, 42, 5_000);
        Assert.False(Unsafe.IsNullRef(ref record));
        Assert.Equal(1_042, record.Rule);
        ref FlowTail tail = ref next.Shards[0].TailOf(ref record);
        Assert.Equal(0, tail.PolicyVersion); // no loaded policy's: who asks for flushing has it judged again
        Assert.Equal(TcpState.Established, (TcpState)record.State);
        Assert.Equal(4_200u, tail.LowPeer.End);
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(4, 1)]
    public void The_next_process_may_have_another_number_of_workers(int before, int after)
    {
        using FlowRegion region = Fill(flows: 500, before);
        using var next = new FlowTable(Limits, after);
        Assert.Equal(500, next.Adopt(region, Boot, 5_000).Adopted);
    }

    [Fact]
    public void Flows_whose_time_ran_out_in_between_stay_behind()
    {
        using FlowRegion region = Fill(flows: 10, workers: 1);
        using var next = new FlowTable(Limits);
        Assert.Equal(new FlowAdoption(null, 0, 10, 0), next.Adopt(region, Boot, 200_000));
    }

    [Fact]
    public void A_flow_that_was_adopted_expires_like_any_other()
    {
        using FlowRegion region = Fill(flows: 10, workers: 1);
        using var next = new FlowTable(Limits);
        next.Adopt(region, Boot, 5_000);
        next.Advance(103_000, 10_000);
        Assert.Equal(0, next.Count);
    }

    [Fact]
    public void A_record_that_was_being_changed_is_not_trusted()
    {
        using FlowRegion region = Fill(flows: 10, workers: 1, disturb: static (table, _) => Find(table, 3, 0).BeginChange());
        using var next = new FlowTable(Limits);
        Assert.Equal(new FlowAdoption(null, 9, 0, 1), next.Adopt(region, Boot, 5_000));
        Assert.True(Unsafe.IsNullRef(ref Find(next, 3, 5_000)));
    }

    [Fact]
    public void A_record_whose_key_does_not_fit_its_place_is_not_trusted()
    {
        using FlowRegion region = Fill(flows: 10, workers: 1, disturb: static (table, _) => Find(table, 3, 0).HighPort ^= 1);
        using var next = new FlowTable(Limits);
        Assert.Equal(new FlowAdoption(null, 9, 0, 1), next.Adopt(region, Boot, 5_000));
    }

    [Fact]
    public void A_region_from_before_the_machine_was_started_is_refused()
    {
        using FlowRegion region = Fill(flows: 10, workers: 1);
        using var next = new FlowTable(Limits);
        Assert.Equal("it is from before the last start of the machine", next.Adopt(region, Guid.NewGuid(), 5_000).Refusal);
        Assert.Equal(0, next.Count);
    }

    [Fact]
    public void Whatever_bytes_the_file_holds_adoption_neither_fails_nor_trusts_a_damaged_header()
    {
        var random = new Random(1);
        for (int round = 0; round < 300; round++)
        {
            using FlowRegion region = Fill(flows: 50, workers: 1, disturb: (_, bytes) =>
            {
                // Half of the rounds spare the header, so that the damage reaches buckets and records.
                int from = round % 2 == 0 ? FlowLayout.HeaderLength : 0;
                int span = round % 2 == 0 ? bytes.Length - from : 96;
                for (int i = 0; i < 200; i++) bytes[from + random.Next(span)] = (byte)random.Next(256);
            });
            using var next = new FlowTable(Limits);
            FlowAdoption adoption = next.Adopt(region, Boot, 5_000);
            Assert.True(adoption.Refusal is not null || round % 2 == 0, "a damaged header was trusted");
            Assert.InRange(next.Count, 0, 50);
            next.Advance(300_000_000, 10_000);
        }
    }

    private delegate void Disturb(FlowTable table, Span<byte> bytes);

    /// <summary>A region as a killed process leaves it: the table is never closed.</summary>
    private static FlowRegion Fill(int flows, int workers, Disturb? disturb = null)
    {
        FlowRegion region = FlowRegion.Create(FlowTable.LengthFor(Limits, workers));
        var table = new FlowTable(Limits, workers, region, Boot);
        table.Advance(0, 0);
        for (int i = 0; i < flows; i++)
        {
            FlowKey key = Key(i);
            ulong hash = table.HashOf(key);
            FlowShard shard = table.ShardOf(hash);
            ref FlowHead record = ref shard.Add(key, false, hash, 0, out _);
            record.State = (byte)TcpState.Established;
            record.Flags |= FlowFlags.Assured;
            record.Rule = i;
            shard.TailOf(ref record).LowPeer.End = (uint)i * 100;
            record.See(0, 100_000);
            shard.CountAssured();
            shard.Schedule(ref record, 0);
            record.EndChange();
        }

        disturb?.Invoke(table, RegionBytes.Of(region));
        return region;
    }

    private static FlowKey Key(int flow) =>
        FlowKey.Order(IpAddress.FromIPv4(0x0A000000u + (uint)flow), 40_000, IpAddress.FromIPv4(0xCB007105), 22, IpProtocol.Tcp, out _);

    private static ref FlowHead Find(FlowTable table, int flow, uint now)
    {
        FlowKey key = Key(flow);
        ulong hash = table.HashOf(key);
        return ref table.ShardOf(hash).Find(key, hash, now);
    }
}
