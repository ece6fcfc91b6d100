using Firewall.Control;
using Firewall.Core.Dataplane;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Hosting;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>The thread of a worker stops, starts again, and is never two.</summary>
public sealed class WorkerThreadTests : IDisposable
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(60);

    private readonly FlowTable _flows = new(100);
    private readonly HangingQueue _queue = new();
    private readonly List<string> _failures = [];
    private readonly WorkerThread _thread;

    public WorkerThreadTests()
    {
        var worker = new PacketWorker(_queue, new FirewallEngine(_flows, new FragmentTable(), new EngineOptions()));
        _thread = new WorkerThread(0, _queue, worker, new PolicyStore(), _failures.Add) { LongestStop = TimeSpan.FromMilliseconds(10) };
    }

    public void Dispose()
    {
        _queue.Dispose();
        _flows.Dispose();
    }

    [Fact]
    public void One_that_did_not_stop_in_time_goes_on_when_it_is_started_again()
    {
        _thread.Start();
        _queue.WaitForReads(1);
        Assert.Throws<TimeoutException>(_thread.Stop);
        _thread.Start();
        _queue.Go(3);
        _queue.WaitForReads(4);
        Assert.Equal(1, _queue.Readers);
        End();
    }

    [Fact]
    public void One_that_ended_late_is_followed_by_another()
    {
        _thread.Start();
        _queue.WaitForReads(1);
        Assert.Throws<TimeoutException>(_thread.Stop);
        _queue.Go(1);
        Wait();
        _thread.Start();
        _queue.WaitForReads(2);
        Assert.Equal(2, _queue.Readers);
        End();
    }

    [Fact]
    public void A_queue_that_ends_is_told_of_unless_it_was_to_stop()
    {
        _thread.Start();
        _queue.WaitForReads(1);
        _queue.Vanish();
        Assert.True(SpinWait.SpinUntil(() => _failures.Count > 0, Guard));
        Assert.Equal(["the device is gone"], _failures);
        Wait();
        _failures.Clear();

        _thread.Start();
        _queue.WaitForReads(2);
        Assert.Throws<TimeoutException>(_thread.Stop);
        _queue.Vanish();
        Wait();
        Assert.Empty(_failures);
    }

    private void End()
    {
        Assert.Throws<TimeoutException>(_thread.Stop);
        _queue.Go(1);
        Wait();
        Assert.Empty(_failures);
    }

    private void Wait()
    {
        Assert.True(SpinWait.SpinUntil(Stops, Guard));

        bool Stops()
        {
            try
            {
                _thread.Stop();
                return true;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }
    }

    // A read of it waits, whatever it is told, until the test lets it go.
    private sealed class HangingQueue : IPacketQueue, IDisposable
    {
        private readonly SemaphoreSlim _go = new(0);
        private readonly HashSet<Thread> _readers = [];
        private volatile bool _gone;
        private volatile int _reads;

        public int HeaderLength => 0;

        public int Readers
        {
            get
            {
                lock (_readers) return _readers.Count;
            }
        }

        public void WaitForReads(int count) => Assert.True(SpinWait.SpinUntil(() => _reads >= count, Guard));

        public void Go(int reads) => _go.Release(reads);

        public void Vanish()
        {
            _gone = true;
            Go(1);
        }

        public bool Read(PacketBatch batch, int timeoutMilliseconds)
        {
            lock (_readers) _readers.Add(Thread.CurrentThread);
            _reads++;
            _go.Wait(Guard);
            if (!_gone) return true;
            _gone = false;
            return false;
        }

        public int Write(PacketBatch batch) => 0;

        public void Wake()
        {
        }

        public void Dispose() => _go.Dispose();
    }
}
