using Firewall.Core.Dataplane;
using Firewall.Core.Dataplane.Coalescing;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// One queue of a TUN. A packet stands behind the virtio-net header that the kernel gave it (checksum to be finished, segment size) and
/// goes back with the same; packets of our own have an all-zero header: finished, one segment. Reading and writing allocate nothing.
/// </summary>
public sealed class LinuxTunQueue : IPacketQueue, IDisposable
{
    private readonly QueueGate _gate;
    private readonly Descriptor _descriptor;
    private readonly int _fd;
    private readonly TunReader _reader;
    private readonly TunWriter _writer;
    private readonly bool _mayUseRing;
    private TunRing? _ring;
    private int _ringThread;

    /// <summary>Takes over an attached descriptor.</summary>
    /// <param name="descriptor">The queue's.</param>
    /// <param name="headerLength">Bytes of the virtio-net header; 0: there is none.</param>
    /// <param name="coalesced">Which packets of a batch may be written as one super-packet.</param>
    /// <param name="options">How it is read.</param>
    internal LinuxTunQueue(Descriptor descriptor, int headerLength, CoalescedKinds coalesced, TunOptions options)
    {
        _gate = new QueueGate(CloseFiles);
        _descriptor = descriptor;
        _fd = descriptor.Number;
        _reader = new TunReader(_fd, headerLength, options.SleepInRead);
        _writer = new TunWriter(_fd, headerLength == PacketCoalescer.HeaderLength ? coalesced : CoalescedKinds.None);
        HeaderLength = headerLength;
        _mayUseRing = options.UseRing;
    }

    /// <inheritdoc/>
    public int HeaderLength { get; }

    /// <summary>How many packets the kernel refused to take back; they are lost, as on a wire. Any thread may read it.</summary>
    public long WriteErrors => _writer.Errors;

    /// <summary>True if packets are read through io_uring; known after the first read.</summary>
    public bool UsesRing => _ring is not null;

    /// <summary>How many packets left as part of a super-packet that we made of them. Any thread may read it.</summary>
    public long CoalescedPackets => _writer.Coalesced;

    /// <inheritdoc/>
    public bool Read(PacketBatch batch, int timeoutMilliseconds)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (!_gate.TryEnter()) return false;
        try
        {
            return ReadOrWait(batch, timeoutMilliseconds);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <inheritdoc/>
    public int Write(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (!_gate.TryEnter()) return 0;
        try
        {
            return _writer.Write(batch);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <inheritdoc/>
    public void Wake() => _reader.Wake();

    /// <summary>The open queue, to be passed on; it stays this object's.</summary>
    internal Descriptor Descriptor => _descriptor;

    /// <summary>Says whether the interface outlives its last descriptor.</summary>
    internal void SetPersistent(bool persistent)
    {
        if (!_descriptor.IsClosed) TunFile.SetPersistent(_descriptor, persistent);
    }

    /// <summary>Closes the queue. A reader that waits returns false, and so does every later one.</summary>
    public void Dispose()
    {
        if (_gate.Close()) _reader.Wake();
    }

    // A ring belongs to one thread. Between two reads there is no packet in it, so that one can be thrown away and another made.
    private TunRing? RingOfThisThread(PacketBatch batch)
    {
        int thread = ThreadSignal.CurrentThread;
        if (_ringThread == thread || !_mayUseRing || batch.Capacity < PacketBatch.DefaultCapacity) return _ring;
        _ring?.Dispose();
        _ring = TunRing.TryCreate(_fd, _reader.WakeEvent.Fd, HeaderLength);
        _ringThread = thread;
        return _ring;
    }

    private bool ReadOrWait(PacketBatch batch, int timeoutMilliseconds)
    {
        if (RingOfThisThread(batch) is { } ring)
        {
            Errno ended = ring.Read(batch, timeoutMilliseconds, out bool wasWoken);
            if (wasWoken) _reader.WakeEvent.Drain();
            if (ended != Errno.EINVAL || batch.Count > 0) return GoesOn(batch, ended, wasWoken);

            // The kernel cannot do it after all, and nothing was read.
            ring.Dispose();
            _ring = null;
        }

        Errno error = _reader.Read(batch, timeoutMilliseconds, out bool woken);
        return GoesOn(batch, error, woken);
    }

    private bool GoesOn(PacketBatch batch, Errno error, bool woken)
    {
        if (batch.Count > 0) return true;
        return error == Errno.None ? !woken || _gate.IsOpen : ReadFailed(error);
    }

    // EBADFD: detached, the interface was deleted; EFAULT: is being deleted; EBADF: the descriptor is gone.
    private static bool ReadFailed(Errno error) => error is Errno.EBADFD or Errno.EFAULT or Errno.EBADF
        ? false
        : throw new IOException($"reading from the TUN failed ({error.Describe()})");

    private void CloseFiles()
    {
        _ring?.Dispose();
        _ring = null;
        _descriptor.Dispose();
        _reader.Dispose();
    }
}
