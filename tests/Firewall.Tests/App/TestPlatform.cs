using System.Collections.Concurrent;
using Firewall.Control.Configuration;
using Firewall.Core.Dataplane;
using Firewall.Core.Packets;
using Firewall.Hosting;

namespace Firewall.Tests.App;

/// <summary>An operating system in memory: writes down what is set up and taken down, and fails where it is told to.</summary>
internal sealed class TestPlatform : IPlatform
{
    private readonly ConcurrentQueue<string> _steps = new();

    public string? FailAt { get; init; }

    public IReadOnlyList<string> Steps => [.. _steps];

    public TestDevice Device { get; } = new();

    public IDisposable LockInstance(FirewallOptions options) => Step("lock");

    public IPacketDevice OpenDevice(FirewallOptions options)
    {
        Device.Closed = Step("device");
        return Device;
    }

    public IDisposable Route(FirewallOptions options, IPacketDevice device, Action addressesChanged) => Step("route");

    public IReadOnlyList<IpPrefix>? ProtectedAddresses(FirewallOptions options) => null;

    private Undo Step(string name)
    {
        if (FailAt == name) throw new ApplianceException($"no {name}");
        _steps.Enqueue(name);
        return new Undo(() => _steps.Enqueue("un" + name));
    }

    private sealed class Undo(Action undo) : IDisposable
    {
        public void Dispose() => undo();
    }
}

/// <summary>A device with one queue: what the test sends in is read by the worker, what the worker lets pass comes out.</summary>
internal sealed class TestDevice : IPacketDevice, IPacketQueue
{
    private readonly BlockingCollection<byte[]?> _in = [];
    private readonly BlockingCollection<byte[]> _out = [];
    private volatile bool _gone;

    public IDisposable? Closed { get; set; }

    public string Name => "test0";

    public IReadOnlyList<IPacketQueue> Queues => [this];

    public int HeaderLength => 0;

    public void Send(byte[] packet) => _in.Add(packet);

    public byte[] Passed() => _out.TryTake(out byte[]? packet, TimeSpan.FromSeconds(20)) ? packet : throw new TimeoutException("no packet came out");

    /// <summary>From now on the queue is at its end, as when somebody deletes the TUN.</summary>
    public void Vanish()
    {
        _gone = true;
        Wake();
    }

    public bool Read(PacketBatch batch, int timeoutMilliseconds)
    {
        if (_gone) return false;
        if (!_in.TryTake(out byte[]? packet, timeoutMilliseconds)) return true;
        if (packet is null) return !_gone;
        packet.CopyTo(batch.NextFrame());
        batch.Commit(packet.Length);
        return true;
    }

    public int Write(PacketBatch batch)
    {
        int written = 0;
        for (int i = 0; i < batch.Count; i++)
        {
            if (!batch.IsAllowed(i)) continue;
            _out.Add(batch.Packet(i).ToArray());
            written++;
        }

        for (int i = 0; i < batch.ReplyCount; i++) _out.Add(batch.ReplyFrame(i).ToArray());
        return written + batch.ReplyCount;
    }

    public void Wake() => _in.Add(null);

    public void Dispose() => Closed?.Dispose();
}
