using Firewall.Core.Dataplane;
using Firewall.Devices.Memory;
using Xunit;

namespace Firewall.Tests.Dataplane;

/// <summary>What is gathered before a worker is ready comes to it whole, in order, and before what comes later.</summary>
public sealed class GatheringQueueTests
{
    private const int HeaderLength = 10;

    [Fact]
    public void Gathered_packets_come_first_in_their_order_and_with_their_headers()
    {
        using var device = new MemoryDevice(1, HeaderLength);
        MemoryQueue inner = device[0];
        var queue = new GatheringQueue(inner);
        var random = new Random(7);
        List<byte[]> sent = [];
        for (int i = 0; i < 1000; i++)
        {
            byte[] frame = new byte[HeaderLength + random.Next(1, i % 100 == 0 ? PacketBatch.MaxPacketLength : 200)];
            random.NextBytes(frame);
            sent.Add(frame);
        }

        foreach (byte[] frame in sent[..900]) inner.InjectFrame(frame);
        while (queue.Gathered < 900) Assert.True(queue.Gather(0));
        foreach (byte[] frame in sent[900..]) inner.InjectFrame(frame);

        List<byte[]> read = [];
        var batch = new PacketBatch(HeaderLength);
        while (read.Count < sent.Count)
        {
            batch.Clear();
            Assert.True(queue.Read(batch, 0));
            Assert.NotEqual(0, batch.Count);
            for (int i = 0; i < batch.Count; i++) read.Add(batch.Frame(i).ToArray());
        }

        Assert.Equal(sent, read);
        Assert.Equal(0, queue.Gathered);
    }

    [Fact]
    public void Gathering_ends_with_the_queue_and_at_its_limit()
    {
        using var device = new MemoryDevice(1, HeaderLength);
        MemoryQueue inner = device[0];
        var queue = new GatheringQueue(inner);
        byte[] frame = new byte[HeaderLength + PacketBatch.MaxPacketLength];
        int needed = (GatheringQueue.LongestGathering / frame.Length) + 1;
        for (int i = 0; i < needed; i++) inner.InjectFrame(frame);
        while (queue.Gather(0) && queue.Gathered < needed)
        {
        }

        Assert.False(queue.Gather(0));
        Assert.InRange(queue.Gathered, needed - PacketBatch.DefaultCapacity, needed);

        inner.Complete();
        var other = new GatheringQueue(device[0]);
        while (other.Gather(0))
        {
        }

        Assert.InRange(other.Gathered, 0, PacketBatch.DefaultCapacity);
    }
}
