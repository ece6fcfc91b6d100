using Firewall.Core.Dataplane;

namespace Firewall.Devices.Memory;

/// <summary>
/// A device without a kernel, for tests and benchmarks: packets are injected by any thread and what the worker writes is kept (or only
/// counted). It keeps the contract of <see cref="IPacketQueue"/> like the real ones do.
/// </summary>
public sealed class MemoryDevice : IPacketDevice
{
    private readonly MemoryQueue[] _queues;

    /// <param name="queues">How many queues; 1 or more.</param>
    /// <param name="headerLength">Bytes in front of each packet that belong to the device.</param>
    /// <param name="keepsWritten">False only counts what is written, so that a benchmark allocates nothing.</param>
    /// <param name="name">The interface's name.</param>
    public MemoryDevice(int queues = 1, int headerLength = 0, bool keepsWritten = true, string name = "memory0")
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(queues, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(headerLength);
        Name = name;
        _queues = [.. Enumerable.Range(0, queues).Select(_ => new MemoryQueue(headerLength, keepsWritten))];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IReadOnlyList<IPacketQueue> Queues => _queues;

    /// <summary>A queue with the side that tests use.</summary>
    public MemoryQueue this[int index] => _queues[index];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (MemoryQueue queue in _queues) queue.Close();
    }
}
