using System.Runtime.CompilerServices;
using CsCheck;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

public sealed class FlowShardTests
{
    private static readonly FlowHash Hash = new(Enumerable.Range(1, 32).Select(static i => (byte)i).ToArray());

    [Fact]
    public void A_flow_takes_no_more_than_128_bytes_with_its_share_of_the_index()
    {
        Assert.Equal(FlowHead.SizeInBytes, Unsafe.SizeOf<FlowHead>());
        Assert.Equal(FlowTail.SizeInBytes, Unsafe.SizeOf<FlowTail>());
        Assert.Equal(FlowRecord.SizeInBytes, Unsafe.SizeOf<FlowRecord>());
        Assert.Equal(TcpPeer.SizeInBytes, Unsafe.SizeOf<TcpPeer>());
        Assert.Equal(TcpMemory.SizeInBytes, Unsafe.SizeOf<TcpMemory>());
        Assert.Equal(64, Unsafe.SizeOf<FlowBucket>());
        Assert.InRange(FlowTable.LengthFor(new FlowLimits { MaxFlows = 1_000_000 }, 1) / 1_000_000.0, 0, 128);
    }

    [Fact]
    public void The_last_packet_is_known_to_a_thousandth_of_the_timeout() =>
        Gen.Select(Gen.UInt, Gen.UInt[0, (uint)FlowTimeouts.Longest.TotalMilliseconds]).Sample(static (seen, timeout) =>
        {
            var record = default(FlowHead);
            record.See(seen, seen + timeout);
            Assert.Equal(seen + timeout, record.Deadline);
            Assert.InRange(record.LastSeen - seen, 0u, timeout / 1024);
        });

    [Fact]
    public void A_packet_that_does_not_move_the_deadline_is_seen_too()
    {
        var record = default(FlowHead);
        record.See(1000, 61_000);
        record.See(41_000);
        Assert.Equal(61_000u, record.Deadline);
        Assert.InRange(record.LastSeen, 41_000u, 41_020u);
    }

    [Fact]
    public void State_direction_and_rule_do_not_touch_each_other() =>
        Gen.Select(Gen.Byte[0, 15], Gen.Byte[0, 15], Gen.Int[0, 0xFF_FFFF]).Sample(static (state, direction, rule) =>
        {
            var record = default(FlowHead);
            record.Rule = rule;
            record.Direction = direction;
            record.State = state;
            Assert.Equal((state, direction, rule), (record.State, record.Direction, record.Rule));
            record.Rule = 0x100_0000;
            Assert.Equal((state, direction, 0), (record.State, record.Direction, record.Rule));
        });

    [Fact]
    public void A_hint_that_leads_to_a_freed_record_or_to_another_flows_finds_the_right_one()
    {
        FlowShard shard = NewShard(8);
        for (int i = 0; i < 3; i++) Assert.True(Add(shard, i, now: 0, timeout: 1000));
        FlowKey key = Key(1);
        ulong hash = Hash.Of(key);
        int number = shard.PrefetchRecord(hash, false, out _);
        ref FlowHead found = ref shard.Find(key, hash, 0);
        Assert.True(Unsafe.AreSame(ref found, ref shard.Find(key, hash, number, 0)));
        Assert.True(Unsafe.AreSame(ref found, ref shard.Find(key, hash, shard.PrefetchRecord(Hash.Of(Key(2)), true, out _), 0)));
        Assert.True(Unsafe.AreSame(ref found, ref shard.Find(key, hash, -1, 0)));
        Assert.True(Unsafe.AreSame(ref found, ref shard.Find(key, hash, int.MaxValue, 0)));
        Assert.True(Unsafe.IsNullRef(ref shard.Find(key, hash, number, 1000)));
        Assert.True(Unsafe.IsNullRef(ref shard.Find(key, hash, number, 0)));
        Assert.True(Add(shard, 7, now: 0, timeout: 1000));
        Assert.True(Unsafe.IsNullRef(ref shard.Find(key, hash, number, 0)));
    }

    [Fact]
    public void In_a_full_table_hints_lead_to_the_flow_also_where_its_place_in_the_index_was_taken()
    {
        const int Flows = 10_000;
        FlowShard shard = NewShard(Flows);
        for (int i = 0; i < Flows; i++) Assert.True(Add(shard, i, now: 0, timeout: 1000));
        int right = 0;
        int further = 0;
        for (int i = 0; i < Flows; i++)
        {
            FlowKey key = Key(i);
            int number = shard.PrefetchRecord(Hash.Of(key), withTail: false, out bool isFurther);
            if (isFurther) number = shard.PrefetchFurther(Hash.Of(key), withTail: false);
            if (isFurther) further++;
            if (number >= 0 && FlowShard.KeyOf(shard.Peek(number).Head) == key) right++;
        }

        Assert.InRange(further, Flows / 20, Flows / 3);
        Assert.InRange(right, Flows * 98 / 100, Flows);
    }

    [Fact]
    public void Both_directions_of_a_connection_have_one_key()
    {
        FlowKey forward = FlowKey.Order(Address(1), 1000, Address(2), 22, IpProtocol.Tcp, out bool forwardFromHigh);
        FlowKey reply = FlowKey.Order(Address(2), 22, Address(1), 1000, IpProtocol.Tcp, out bool replyFromHigh);
        Assert.Equal(forward, reply);
        Assert.NotEqual(forwardFromHigh, replyFromHigh);
    }

    [Fact]
    public void A_full_shard_refuses_and_takes_again_after_a_removal()
    {
        FlowShard shard = NewShard(8);
        for (int i = 0; i < 8; i++) Assert.True(Add(shard, i, now: 0, timeout: 1000));
        Assert.False(Add(shard, 8, now: 0, timeout: 1000));
        Assert.True(Remove(shard, 3));
        Assert.True(Add(shard, 8, now: 0, timeout: 1000));
        Assert.Equal(8, shard.Count);
        Assert.Equal(8, shard.Peak);
        Assert.Equal(9, shard.Created);
    }

    [Fact]
    public void A_flow_whose_time_is_over_is_not_found_even_before_the_wheel_has_turned()
    {
        FlowShard shard = NewShard(8);
        Add(shard, 1, now: 0, timeout: 1000);
        Assert.True(IsThere(shard, 1, now: 999));
        Assert.False(IsThere(shard, 1, now: 1000));
        Assert.Equal(0, shard.Count);
        Assert.Equal(1, shard.Expired);
    }

    [Fact]
    public void The_wheel_removes_what_nobody_asks_for_and_spares_what_was_refreshed()
    {
        FlowShard shard = NewShard(8);
        shard.Advance(0, 100);
        Add(shard, 1, now: 0, timeout: 5_000);
        Add(shard, 2, now: 0, timeout: 5_000);
        Refresh(shard, 2, now: 4_000, timeout: 5_000);
        shard.Advance(7_000, 100);
        Assert.Equal(1, shard.Count);
        Assert.True(IsThere(shard, 2, now: 8_000));
        shard.Advance(11_000, 100);
        Assert.Equal(0, shard.Count);
    }

    [Fact]
    public void A_timeout_far_beyond_the_wheel_is_kept_exactly()
    {
        FlowShard shard = NewShard(8);
        const int Week = 7 * 24 * 3600 * 1000;
        Add(shard, 1, now: 0, timeout: Week);
        for (long now = 0; now < Week; now += 600_000) shard.Advance(now, 5_000);
        Assert.Equal(1, shard.Count);
        shard.Advance(Week + 2_048, 5_000);
        Assert.Equal(0, shard.Count);
    }

    [Fact]
    public void A_small_budget_expires_everything_in_the_end_and_never_more_than_it_may_at_once()
    {
        FlowShard shard = NewShard(10_000);
        shard.Advance(0, 10);
        for (int i = 0; i < 10_000; i++) Add(shard, i, now: 0, timeout: 1000);
        int before = shard.Count;
        for (int turn = 0; turn < 200 && shard.Count > 0; turn++)
        {
            shard.Advance(10_000, 100);
            Assert.InRange(before - shard.Count, 0, 100);
            before = shard.Count;
        }

        Assert.Equal(0, shard.Count);
    }

    [Fact]
    public void Random_adds_finds_removals_and_expiries_agree_with_a_dictionary() =>
        Gen.Select(Gen.Int[1, 60], Gen.Select(Gen.Int[0, 3], Gen.Int[0, 99], Gen.Int[1, 4_000]).Array[0, 400]).Sample((capacity, steps) =>
        {
            FlowShard shard = NewShard(capacity);
            var model = new Dictionary<int, long>();
            long now = 1_000_000;
            shard.Advance(now, 10_000);
            foreach ((int action, int flow, int time) in steps)
            {
                foreach (int gone in model.Where(f => f.Value <= now).Select(f => f.Key).ToArray()) model.Remove(gone);
                switch (action)
                {
                    case 0 when !IsThere(shard, flow, now):
                        shard.Advance(now + 2_048, 10_000); // lets go of what the model has forgotten; may run ahead by two ticks
                        now += 2_048;
                        foreach (int gone in model.Where(f => f.Value <= now).Select(f => f.Key).ToArray()) model.Remove(gone);
                        bool added = Add(shard, flow, now, time);
                        if (added) model[flow] = now + time;
                        if (added != (model.Count <= capacity && model.ContainsKey(flow))) return false;
                        if (!added && shard.Count < capacity) return false;
                        break;
                    case 1:
                        if (Remove(shard, flow, now) != model.Remove(flow)) return false;
                        break;
                    case 2:
                        now += time;
                        shard.Advance(now, 10_000);
                        break;
                    case 3 when IsThere(shard, flow, now):
                        Refresh(shard, flow, now, time);
                        model[flow] = now + time;
                        break;
                }

                for (int i = 0; i < 100; i += 7)
                {
                    if (IsThere(shard, i, now) != (model.TryGetValue(i, out long deadline) && deadline > now)) return false;
                }
            }

            return true;
        });

    private static FlowShard NewShard(int capacity)
    {
        var limits = new FlowLimits { MaxFlows = capacity, HalfOpenPercent = 100, AdaptiveStartPercent = 100 };
        FlowLayout layout = FlowLayout.For(capacity, 1);
        return new FlowShard(new FlowMemory(FlowRegion.Create(layout.Length), layout, 0), isShared: false, Hash, new SourceCounters(Hash, 0), limits);
    }

    private static IpAddress Address(int number) => IpAddress.FromIPv4(0x0A000000u + (uint)number);

    private static FlowKey Key(int number) => FlowKey.Order(Address(number), 1000, Address(1_000_000), 53, IpProtocol.Udp, out _);

    private static bool Add(FlowShard shard, int flow, long now, int timeout)
    {
        FlowKey key = Key(flow);
        ref FlowHead record = ref shard.Add(key, false, Hash.Of(key), (uint)now, out _);
        if (Unsafe.IsNullRef(ref record)) return false;
        record.State = (byte)DatagramState.Unreplied;
        record.Flags |= FlowFlags.Assured; // these tests are about time and room, not about eviction
        shard.CountAssured();
        record.See((uint)now, (uint)(now + timeout));
        shard.Schedule(ref record, now);
        return true;
    }

    private static bool IsThere(FlowShard shard, int flow, long now)
    {
        FlowKey key = Key(flow);
        return !Unsafe.IsNullRef(ref shard.Find(key, Hash.Of(key), (uint)now));
    }

    private static bool Remove(FlowShard shard, int flow, long now = 0)
    {
        FlowKey key = Key(flow);
        ref FlowHead record = ref shard.Find(key, Hash.Of(key), (uint)now);
        if (Unsafe.IsNullRef(ref record)) return false;
        shard.Remove(ref record, Hash.Of(key), 0);
        return true;
    }

    private static void Refresh(FlowShard shard, int flow, long now, int timeout)
    {
        FlowKey key = Key(flow);
        ref FlowHead record = ref shard.Find(key, Hash.Of(key), (uint)now);
        uint deadline = (uint)(now + timeout);
        bool isSooner = unchecked((int)(deadline - record.Deadline)) < 0;
        record.See((uint)now, deadline);
        if (isSooner) shard.Reschedule(ref record, now);
    }
}
