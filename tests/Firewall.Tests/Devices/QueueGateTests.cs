using Firewall.Devices;
using Xunit;

namespace Firewall.Tests.Devices;

/// <summary>A queue is closed once, and never under the worker that is inside.</summary>
public sealed class QueueGateTests
{
    private int _closed;

    [Fact]
    public void One_worker_at_a_time_is_inside()
    {
        var gate = new QueueGate(() => _closed++);
        Assert.True(gate.TryEnter());
        Assert.False(gate.TryEnter());
        gate.Leave();
        Assert.True(gate.TryEnter());
        Assert.Equal(0, _closed);
    }

    [Fact]
    public void With_nobody_inside_it_is_closed_at_once_and_nobody_comes_in_any_more()
    {
        var gate = new QueueGate(() => _closed++);
        Assert.False(gate.Close());
        Assert.False(gate.Close());
        Assert.False(gate.TryEnter());
        Assert.Equal(1, _closed);
    }

    [Fact]
    public void With_a_worker_inside_it_is_closed_when_that_leaves()
    {
        var gate = new QueueGate(() => _closed++);
        Assert.True(gate.TryEnter());
        Assert.True(gate.IsOpen);
        Assert.True(gate.Close());
        Assert.False(gate.IsOpen);
        Assert.Equal(0, _closed);
        gate.Leave();
        Assert.Equal(1, _closed);
        Assert.False(gate.Close());
        Assert.Equal(1, _closed);
    }

    [Fact]
    public async Task Whoever_comes_last_closes_it_and_nobody_else()
    {
        for (int round = 0; round < 1000; round++)
        {
            int closed = 0;
            var gate = new QueueGate(() => Interlocked.Increment(ref closed));
            Task working = Task.Run(() =>
            {
                while (gate.TryEnter())
                {
                    Assert.Equal(0, Volatile.Read(ref closed));
                    gate.Leave();
                }
            });
            gate.Close();
            await working;
            Assert.Equal(1, closed);
        }
    }
}
