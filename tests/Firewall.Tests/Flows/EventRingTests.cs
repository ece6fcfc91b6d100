using Firewall.Core.Flows;
using Xunit;

namespace Firewall.Tests.Flows;

public sealed class EventRingTests
{
    [Fact]
    public void Events_come_out_in_order()
    {
        var ring = new EventRing<int>(4);
        for (int i = 0; i < 3; i++) ring.Add(i);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(ring.TryTake(out int item));
            Assert.Equal(i, item);
        }

        Assert.False(ring.TryTake(out _));
    }

    [Fact]
    public void A_full_ring_loses_the_new_event_and_counts_it()
    {
        var ring = new EventRing<int>(4);
        for (int i = 0; i < 6; i++) ring.Add(i);
        Assert.Equal(2, ring.Lost);
        Assert.True(ring.TryTake(out int oldest));
        Assert.Equal(0, oldest);
    }

    [Fact]
    public async Task A_worker_and_a_consumer_at_once_lose_and_invent_nothing()
    {
        const int Total = 200_000;
        var ring = new EventRing<long>(256);
        Task writer = Task.Run(() =>
        {
            for (long i = 1; i <= Total; i++) ring.Add(i);
        });
        long last = 0;
        long taken = 0;
        while (!writer.IsCompleted || taken + ring.Lost < Total)
        {
            if (!ring.TryTake(out long item)) continue;
            Assert.True(item > last);
            last = item;
            taken++;
        }

        await writer;
        Assert.Equal(Total, taken + ring.Lost);
    }
}
