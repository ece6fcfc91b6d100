using Firewall.Core.Dataplane;
using Firewall.Devices.Memory;
using Xunit;

namespace Firewall.Tests.Devices.Memory;

public class MemoryDeviceTests
{
    [Fact]
    public void Allowed_packets_come_out_in_their_order_with_the_header_they_came_in_with_and_replies_last()
    {
        using var device = new MemoryDevice(headerLength: 2);
        var batch = new PacketBatch(2);
        device[0].InjectFrame([9, 8, 1]);
        device[0].InjectFrame([7, 6, 2]);
        device[0].InjectFrame([5, 4, 3]);

        Assert.True(device[0].Read(batch, 0));
        Assert.Equal(3, batch.Count);
        Assert.Equal([2], batch.Packet(1).ToArray());
        batch.Allow(0);
        batch.Allow(2);
        Assert.True(batch.TryAddReply([42]));

        Assert.Equal(3, device[0].Write(batch));
        Assert.Equal<byte[]>([[9, 8, 1], [5, 4, 3], [0, 0, 42]], device[0].TakeWritten());
        Assert.Empty(device[0].TakeWritten());
        Assert.Equal(3, device[0].WrittenCount);
    }

    [Fact]
    public void A_read_without_packets_returns_an_empty_batch_after_its_time()
    {
        using var device = new MemoryDevice();
        var batch = new PacketBatch(0);
        Assert.True(device[0].Read(batch, 1));
        Assert.Equal(0, batch.Count);
    }

    [Fact]
    public void A_full_batch_leaves_the_rest_for_the_next_read()
    {
        using var device = new MemoryDevice();
        var batch = new PacketBatch(0, capacity: 2);
        for (byte i = 0; i < 3; i++) device[0].Inject([i]);
        Assert.True(device[0].Read(batch, -1));
        Assert.Equal(2, batch.Count);
        batch.Clear();
        Assert.True(device[0].Read(batch, -1));
        Assert.Equal(1, batch.Count);
    }

    [Fact]
    public void Waking_makes_the_next_read_return_at_once_and_only_that_one()
    {
        using var device = new MemoryDevice();
        var batch = new PacketBatch(0);
        device[0].Wake();
        Assert.True(device[0].Read(batch, -1));
        Assert.Equal(0, batch.Count);
        device[0].Inject([1]);
        Assert.True(device[0].Read(batch, -1));
        Assert.Equal(1, batch.Count);
    }

    [Fact]
    public async Task Waking_and_injecting_reach_a_reader_that_waits()
    {
        using var device = new MemoryDevice();
        var batch = new PacketBatch(0);
        Task<bool> woken = Task.Run(() => device[0].Read(batch, -1));
        device[0].Wake();
        Assert.True(await woken);
        Task<bool> fed = Task.Run(() => device[0].Read(batch, -1));
        device[0].Inject([1]);
        Assert.True(await fed);
        Assert.Equal(1, batch.Count);
    }

    [Fact]
    public void A_completed_queue_gives_what_it_has_and_then_ends()
    {
        using var device = new MemoryDevice();
        var batch = new PacketBatch(0);
        device[0].Inject([1]);
        device[0].Complete();
        Assert.True(device[0].Read(batch, -1));
        batch.Clear();
        Assert.False(device[0].Read(batch, -1));
    }

    [Fact]
    public void A_disposed_device_neither_gives_nor_takes()
    {
        var device = new MemoryDevice();
        var batch = new PacketBatch(0);
        device[0].Inject([1]);
        Assert.True(device[0].Read(batch, 0));
        batch.Allow(0);
        device.Dispose();
        Assert.Equal(0, device[0].Write(batch));
        Assert.False(device[0].Read(batch, -1));
    }

    [Fact]
    public void A_frame_that_no_batch_could_hold_is_refused()
    {
        using var device = new MemoryDevice(headerLength: 10);
        Assert.Throws<ArgumentException>(() => device[0].InjectFrame(new byte[9]));
        Assert.Throws<ArgumentException>(() => device[0].InjectFrame(new byte[10 + PacketBatch.MaxPacketLength + 1]));
    }
}
