using System.Buffers.Binary;
using System.Diagnostics;
using Firewall.Core.Dataplane;
using Firewall.Devices.Windows;
using Xunit;

namespace Firewall.Tests.Devices.Windows;

/// <summary>The queue of a Wintun adapter keeps the contract of IPacketQueue, over rings as wintun.h describes them.</summary>
public sealed class WintunQueueTests
{
    private const int SmallestRing = WintunOptions.MinRingCapacity;

    [Fact]
    public void Allowed_packets_come_out_in_their_order_and_replies_last()
    {
        using WintunAdapter adapter = new();
        for (byte i = 1; i <= 3; i++) Assert.True(adapter.Inject([i, i]));
        Assert.True(adapter.Read());
        Assert.Equal(3, adapter.Batch.Count);
        Assert.Equal([2, 2], adapter.Batch.Packet(1).ToArray());
        adapter.Batch.Allow(0);
        adapter.Batch.Allow(2);
        Assert.True(adapter.Batch.TryAddReply([42]));
        Assert.Equal(3, adapter.Queue.Write(adapter.Batch));
        Assert.Equal([1, 1], adapter.Take());
        Assert.Equal([3, 3], adapter.Take());
        Assert.Equal([42], adapter.Take());
        Assert.Null(adapter.Take());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1500)]
    [InlineData(PacketBatch.MaxPacketLength)]
    public void A_packet_of_any_length_passes(int length)
    {
        using WintunAdapter adapter = new();
        byte[] packet = new byte[length];
        new Random(length).NextBytes(packet);
        Assert.True(adapter.Inject(packet));
        Assert.True(adapter.Read());
        Assert.Equal(1, adapter.WriteAll());
        Assert.Equal(packet, adapter.Take());
    }

    [Fact]
    public void An_empty_ring_gives_an_empty_batch_at_once_or_after_its_time()
    {
        // ERROR_NO_MORE_ITEMS
        using WintunAdapter adapter = new();
        Assert.True(adapter.Read());
        Assert.Equal(0, adapter.Batch.Count);
        long start = Stopwatch.GetTimestamp();
        Assert.True(adapter.Read(50));
        Assert.Equal(0, adapter.Batch.Count);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalMilliseconds, 40, 20_000);
    }

    [Fact]
    public async Task A_reader_that_waits_gets_a_packet_and_is_woken()
    {
        using WintunAdapter adapter = new();
        Task<bool> fed = Task.Run(() => adapter.Read(-1));
        Assert.True(adapter.Inject([1]));
        Assert.True(await fed);
        Assert.Equal(1, adapter.Batch.Count);
        Task<bool> woken = Task.Run(() => adapter.Read(-1));
        adapter.Queue.Wake();
        Assert.True(await woken);
        Assert.Equal(0, adapter.Batch.Count);
    }

    [Fact]
    public void Waking_makes_the_next_read_return_at_once()
    {
        using WintunAdapter adapter = new();
        adapter.Queue.Wake();
        Assert.True(adapter.Read(-1));
        Assert.Equal(0, adapter.Batch.Count);
    }

    [Fact]
    public void A_full_batch_leaves_the_rest_for_the_next_read()
    {
        using WintunAdapter adapter = new();
        for (int i = 0; i < PacketBatch.DefaultCapacity + 5; i++) Assert.True(adapter.Inject([(byte)i]));
        Assert.True(adapter.Read());
        Assert.Equal(PacketBatch.DefaultCapacity, adapter.Batch.Count);
        Assert.True(adapter.Read());
        Assert.Equal(5, adapter.Batch.Count);
    }

    [Fact]
    public void A_full_ring_loses_what_is_written_and_counts_it_and_takes_more_when_there_is_room()
    {
        // ERROR_BUFFER_OVERFLOW: in a ring of 128 KiB there is room for one packet of 65,535 bytes, and 65 KB of small ones.
        using WintunAdapter adapter = new();
        byte[] longest = new byte[PacketBatch.MaxPacketLength];
        Assert.True(adapter.Inject(longest));
        Assert.True(adapter.Read());
        Assert.Equal(1, adapter.WriteAll());
        Assert.Equal(0, adapter.WriteAll());
        Assert.Equal(1, adapter.Queue.WriteErrors);
        Assert.Equal(longest.Length, adapter.Take()?.Length);
        Assert.Equal(1, adapter.WriteAll());
        Assert.Equal(1, adapter.Device.WriteErrors);
    }

    [Fact]
    public void The_driver_drops_what_finds_the_ring_full_and_goes_on_when_it_was_read()
    {
        using WintunAdapter adapter = new();
        int taken = 0;
        while (adapter.Inject(new byte[1000])) taken++;

        // Each takes 1,004 bytes, and a full ring keeps four free.
        Assert.Equal((SmallestRing - 4) / 1004, taken);
        int read = 0;
        do
        {
            Assert.True(adapter.Read());
            read += adapter.Batch.Count;
        }
        while (adapter.Batch.Count > 0);
        Assert.Equal(taken, read);
        Assert.True(adapter.Inject(new byte[1000]));
    }

    [Fact]
    public void Packets_of_random_lengths_go_many_times_around_the_ring_unchanged()
    {
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using WintunAdapter adapter = new();
        uint sent = 0;
        uint received = 0;
        long bytes = 0;
        byte[] packet = new byte[PacketBatch.MaxPacketLength];
        while (bytes < 20L * SmallestRing)
        {
            int length = random.Next(4, random.Next(5) == 0 ? packet.Length : 2000);
            BinaryPrimitives.WriteUInt32LittleEndian(packet, sent);
            packet.AsSpan(4, length - 4).Fill((byte)sent);
            if (adapter.Inject(packet.AsSpan(0, length)))
            {
                sent++;
                bytes += length;
                continue;
            }

            PassAll();
        }

        PassAll();
        Assert.Equal(sent, received);
        Assert.Equal(0, adapter.Queue.WriteErrors);

        void PassAll()
        {
            do
            {
                Assert.True(adapter.Read());
                Assert.Equal(adapter.Batch.Count, adapter.WriteAll());
                while (adapter.Take() is { } passed)
                {
                    Assert.Equal(received, BinaryPrimitives.ReadUInt32LittleEndian(passed));
                    Assert.Equal(-1, passed.AsSpan(4).IndexOfAnyExcept((byte)received));
                    received++;
                }
            }
            while (adapter.Batch.Count > 0);
        }
    }

    [Fact]
    public async Task When_the_adapter_is_removed_a_reader_that_waits_gets_the_end_and_nothing_can_be_written()
    {
        // ERROR_HANDLE_EOF
        using WintunAdapter adapter = new();
        Assert.True(adapter.Inject([1]));
        Assert.True(adapter.Read());
        var batch = new PacketBatch(0);
        Task<bool> waiting = Task.Run(() => adapter.Queue.Read(batch, -1));
        adapter.Standin.Terminate(adapter.Session);
        Assert.False(await waiting);
        Assert.False(adapter.Read(-1));
        Assert.True(adapter.Batch.TryAddReply([1]));
        Assert.Equal(0, adapter.Queue.Write(adapter.Batch));
        Assert.Equal(1, adapter.Queue.WriteErrors);
    }

    [Fact]
    public void A_damaged_ring_is_an_error_that_says_so()
    {
        // ERROR_INVALID_DATA
        using WintunAdapter adapter = new();
        Assert.True(adapter.Inject([1]));
        adapter.Standin.Corrupt(adapter.Session);
        Assert.Contains("damaged", Assert.Throws<IOException>(() => adapter.Read()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Disposing_ends_the_session_under_a_reader_that_waits()
    {
        WintunAdapter adapter = new();
        Task<bool> waiting = Task.Run(() => adapter.Read(-1));
        adapter.Dispose();
        Assert.False(await waiting);
        Assert.Equal(0, adapter.Standin.Session(adapter.Options.Name));
        Assert.False(adapter.Read(-1));
        Assert.Equal(0, adapter.Queue.Write(adapter.Batch));
        adapter.Queue.Wake();
        adapter.Dispose();
    }

    [Fact]
    public async Task Sessions_begin_and_end_while_packets_pour_in_and_others_wake()
    {
        // Nothing here may touch a session that has ended: the stand-in's memory would be gone.
        for (int round = 0; round < 50; round++)
        {
            WintunAdapter adapter = new();
            Task reading = Task.Run(() =>
            {
                var batch = new PacketBatch(0);
                while (adapter.Queue.Read(batch, -1))
                {
                    for (int i = 0; i < batch.Count; i++) batch.Allow(i);
                    adapter.Queue.Write(batch);
                    batch.Clear();
                }
            });
            Task waking = Task.Run(() =>
            {
                while (!reading.IsCompleted) adapter.Queue.Wake();
            });
            for (int i = 0; i < round; i++) adapter.Inject(new byte[100]);
            adapter.Dispose();
            await Task.WhenAll(reading, waking);
        }
    }
}
