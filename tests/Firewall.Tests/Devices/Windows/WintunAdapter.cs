using Firewall.Core.Dataplane;
using Firewall.Devices.Windows;

namespace Firewall.Tests.Devices.Windows;

/// <summary>A device over the stand-in, with the network's side of its session.</summary>
internal sealed class WintunAdapter : IDisposable
{
    private static int _count;

    public WintunAdapter(int ringCapacity = WintunOptions.MinRingCapacity, Action<WintunLogLevel, string>? log = null)
    {
        Standin = Standin.Require();
        Options = new WintunOptions { Name = $"test{Interlocked.Increment(ref _count)}", RingCapacity = ringCapacity, LibraryPath = Standin.Path };
        Device = WintunDevice.Open(Options, log);
        Session = Standin.Session(Options.Name);
    }

    public Standin Standin { get; }

    public WintunOptions Options { get; }

    public WintunDevice Device { get; }

    public WintunQueue Queue => (WintunQueue)Device.Queues[0];

    public PacketBatch Batch { get; } = new(0);

    /// <summary>The stand-in's handle.</summary>
    public nint Session { get; }

    public bool Inject(ReadOnlySpan<byte> packet) => Standin.Inject(Session, packet);

    public byte[]? Take() => Standin.Take(Session);

    /// <summary>Reads without waiting.</summary>
    public bool Read(int timeoutMilliseconds = 0)
    {
        Batch.Clear();
        return Queue.Read(Batch, timeoutMilliseconds);
    }

    /// <summary>Sends back everything that was read.</summary>
    public int WriteAll()
    {
        for (int i = 0; i < Batch.Count; i++) Batch.Allow(i);
        return Queue.Write(Batch);
    }

    public void Dispose() => Device.Dispose();
}
