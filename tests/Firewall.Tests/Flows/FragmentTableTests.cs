using System.Text;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Rules;
using Firewall.Tests.Engine;
using Firewall.Tests.Packets;
using Xunit;

namespace Firewall.Tests.Flows;

/// <summary>The fragment table's bounds: full, flooded, and used by several workers at once.</summary>
public sealed class FragmentTableTests : IDisposable
{
    private static readonly Policy Rules = PolicyCompiler.Compile(
        NsgReader.Read(Encoding.UTF8.GetBytes(SampleRules.AllowDns), "rules.json").Groups, new PolicyOptions(), new RuleCatalog(), 1).Policy!;

    private readonly FlowTable _flows = new(new FlowLimits { MaxFlows = 100_000 }, 2);
    // With a random key, five of three hundred datagrams share a set of four now and then.
    private readonly FragmentTable _table = new(FragmentLimits.Datagrams, new FlowHash(new byte[32]));
    private readonly FirewallEngine _engine;

    public FragmentTableTests() => _engine = new FirewallEngine(_flows, _table, new EngineOptions(), new EventRing<DropEvent>(16));

    public void Dispose() => _flows.Dispose();

    [Fact]
    public void A_flood_of_fragments_without_a_first_leaves_a_real_datagram_the_time_it_needs()
    {
        for (int i = 0; i < 20_000; i++)
        {
            // Every source another one, so that nothing but the memory's bound holds them.
            byte[] flood = Part($"198.51.{i >> 8}.{i & 255}", (uint)i, 1480, 520);
            Inspect(flood, i / 100);
            Assert.InRange(_table.HeldBytes, 0, FragmentLimits.HeldBytes);
            if (i != 19_500) continue;
            Assert.Equal(VerdictReason.FragmentHeld, Inspect(Part("203.0.113.5", 7, 1480, 520), i / 100).Reason);
        }

        Assert.Equal(VerdictReason.Rule, Inspect(Part("203.0.113.5", 7, 0, 1480), 200).Reason);
        Assert.True(_engine.TryTakeSettled(out SettledFragment settled));
        Assert.True(settled.Verdict.IsAllowed);
        Assert.False(_engine.TryTakeSettled(out _));
    }

    [Fact]
    public void When_the_memory_is_full_the_longest_waiting_datagram_makes_room_and_is_reported()
    {
        for (int i = 0; i < 20; i++) Assert.True(Inspect(Part($"203.0.113.{i}", 7, 1480, 50_000), i).IsHeld);
        int reported = 0;
        for (int i = 20; i < 40; i++)
        {
            Assert.True(Inspect(Part($"203.0.113.{i}", 7, 1480, 50_000), i).IsHeld);
            while (_engine.TryTakeSettled(out SettledFragment settled))
            {
                Assert.Equal(VerdictReason.FragmentLimit, settled.Verdict.Reason);
                Assert.Equal($"203.0.113.{reported++}", settled.Packet.Source.ToString());
            }
        }

        Assert.Equal(40 - _table.HeldCount, reported);
        Assert.Equal(reported, _engine.Counters.Denied(VerdictReason.FragmentLimit));
        Assert.Equal(20, reported);
    }

    [Fact]
    public void Denied_and_unknown_datagrams_do_not_push_out_an_allowed_one()
    {
        Assert.True(Inspect(Part("203.0.113.5", 7, 0, 1480), 0).IsAllowed);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] flood = i % 2 == 0 ? Part("198.51.100.1", (uint)i, 0, 1480, port: 99) : Part($"198.51.{(i >> 8) & 255}.{i & 255}", 9, 1480, 520);
            Inspect(flood, i / 100);
        }

        Assert.Equal(VerdictReason.Fragment, Inspect(Part("203.0.113.5", 7, 1480, 520), 1000).Reason);
    }

    [Fact]
    public void Allowed_datagrams_that_are_never_finished_give_their_pieces_to_new_ones()
    {
        // 600 datagrams of 100 pieces want twice as many as there are.
        for (uint id = 0; id < 600; id++)
        {
            for (int offset = 0; offset < 800; offset += 8) Assert.True(Inspect(Part("203.0.113.5", id, offset, 8), id).IsAllowed, $"{id} {offset}");
        }

        Assert.Equal(VerdictReason.FragmentOverlap, Inspect(Part("203.0.113.5", 599, 792, 16), 600).Reason);
        Assert.Equal(0, _table.HeldCount);
    }

    [Fact]
    public void What_is_over_is_forgotten_by_upkeep_alone()
    {
        for (uint id = 0; id < 300; id++) Inspect(Part($"198.51.100.{id % 100}", id, 1480, 520), 0);
        Assert.Equal(300, _table.HeldCount);
        for (int i = 0; i < 10; i++) _engine.Maintain(5_000 + i, 1);
        Assert.Equal(0, _table.HeldCount);
        Assert.Equal(0, _table.HeldBytes);
        Assert.Equal(300, _engine.Counters.Denied(VerdictReason.FragmentTimeout));
    }

    [Fact]
    public void Fragments_in_and_out_of_order_allocate_nothing()
    {
        byte[] first = Part("203.0.113.5", 7, 0, 1480);
        byte[] second = Part("203.0.113.5", 7, 1480, 520);
        byte[] late = Part("203.0.113.5", 8, 0, 1480);
        byte[][] early = [Part("203.0.113.5", 8, 1480, 520), Part("203.0.113.5", 8, 1480, 519)];
        int turn = 0;
        byte[] frame = new byte[2000];
        Assert.True(Inspect(first, 0).IsAllowed);
        Turn();
        Assert.Equal(0, Allocated.LeastBy(() =>
        {
            for (int i = 0; i < 10_000; i++) Turn();
        }));

        void Turn()
        {
            bool isRight = _engine.Inspect(first, first.Length, Rules, 1, out _).IsAllowed
                & _engine.Inspect(second, second.Length, Rules, 1, out _).IsAllowed
                & _engine.Inspect(early[turn], early[turn].Length, Rules, 1, out _).IsHeld
                & _engine.Inspect(late, late.Length, Rules, 1, out _).IsAllowed;
            while (_engine.TryTakeSettled(out SettledFragment settled)) settled.CopyFrame(frame);
            _engine.Maintain(1, 10);
            turn ^= 1;
            if (!isRight) throw new InvalidOperationException();
        }
    }

    [Fact]
    public async Task Workers_that_get_parts_of_the_same_datagrams_lose_none()
    {
        const int Datagrams = 5_000;
        byte[][] parts = [.. Enumerable.Range(0, 2 * Datagrams).Select(i => Part($"203.0.{(i / 2) >> 8}.{(i / 2) & 255}", 7, (i & 1) * 1480, i % 2 == 0 ? 1480 : 520))];
        FirewallEngine[] engines = [_engine, new FirewallEngine(_flows, _table, new EngineOptions())];
        int[] passed = new int[2 * Datagrams];
        using var start = new Barrier(2);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(worker => Task.Run(() =>
        {
            FirewallEngine engine = engines[worker];
            byte[] frame = new byte[2000];
            for (int datagram = 0; datagram < Datagrams; datagram++)
            {
                // Now and then they meet, so that neither falls so far behind that what waits is too much.
                if (datagram % 50 == 0) start.SignalAndWait();
                int i = (2 * datagram) + ((worker + datagram) & 1);
                Verdict verdict = engine.Inspect(parts[i], parts[i].Length, Rules, 0, out _, i);
                if (verdict.IsAllowed) Interlocked.Increment(ref passed[i]);
                while (engine.TryTakeSettled(out SettledFragment settled))
                {
                    Assert.True(settled.Verdict.IsAllowed);
                    settled.CopyFrame(frame);
                    Assert.True(frame.AsSpan(0, settled.FrameLength).SequenceEqual(parts[settled.Number]));
                    Interlocked.Increment(ref passed[settled.Number]);
                }
            }
        })));
        Assert.All(passed, static count => Assert.Equal(1, count));
        Assert.Equal(0, _table.HeldCount);
        Assert.Equal(2 * Datagrams, engines.Sum(static e => e.Counters.AllowedPackets));
    }

    private static byte[] Part(string source, uint id, int offset, int length, int port = 53) =>
        PacketBuilder.Fragment(PacketBuilder.Udp($"{source}:4000", $"10.0.0.4:{port}", 1992), offset, length, offset < 1480, id);

    private Verdict Inspect(byte[] packet, long now) => _engine.Inspect(packet, packet.Length, Rules, now, out _);
}
