using Firewall.Core.Dataplane;
using Firewall.Devices.Linux;

namespace Firewall.SystemTests.Linux;

/// <summary>A firewall that allows everything: a TUN whose queues are each carried by a thread. It counts what it carried.</summary>
internal sealed class PassThrough : IDisposable
{
    private readonly Thread[] _threads;
    private readonly Action? _beforeReading;
    private long _packets;
    private long _longest;

    /// <summary>Opens the TUN in the calling thread's network namespace and starts to carry.</summary>
    /// <param name="options">Of the TUN.</param>
    /// <param name="beforeReading">Called before each batch, to let packets gather.</param>
    public PassThrough(TunOptions? options = null, Action? beforeReading = null)
    {
        _beforeReading = beforeReading;
        Device = LinuxTunDevice.Open(options ?? new TunOptions());
        _threads = [.. Device.Queues.Select(queue => new Thread(() => Carry(queue)) { IsBackground = true })];
        foreach (Thread thread in _threads) thread.Start();
    }

    public LinuxTunDevice Device { get; }

    /// <summary>How many packets came through.</summary>
    public long Packets => Interlocked.Read(ref _packets);

    /// <summary>The longest packet that came through, in bytes.</summary>
    public long Longest => Interlocked.Read(ref _longest);

    public void Dispose()
    {
        Device.Dispose();
        foreach (Thread thread in _threads) thread.Join();
    }

    private void Carry(IPacketQueue queue)
    {
        var batch = new PacketBatch(queue.HeaderLength);
        while (true)
        {
            batch.Clear();
            _beforeReading?.Invoke();
            if (!queue.Read(batch, -1)) return;
            for (int i = 0; i < batch.Count; i++)
            {
                batch.Allow(i);
                if (batch.Packet(i).Length > _longest) Interlocked.Exchange(ref _longest, batch.Packet(i).Length);
            }

            Interlocked.Add(ref _packets, batch.Count);
            queue.Write(batch);
        }
    }
}
