using Firewall.Core.Dataplane;

namespace Firewall.Devices.Memory;

/// <summary>One queue of a <see cref="MemoryDevice"/>. Injecting and collecting are for any thread, reading and writing for the worker.</summary>
public sealed class MemoryQueue : IPacketQueue
{
    private readonly object _gate = new();
    private readonly Queue<byte[]> _waiting = new();
    private readonly List<byte[]> _written = [];
    private readonly bool _keepsWritten;
    private bool _woken;
    private bool _completed;
    private bool _closed;
    private long _writtenCount;

    internal MemoryQueue(int headerLength, bool keepsWritten)
    {
        HeaderLength = headerLength;
        _keepsWritten = keepsWritten;
    }

    /// <inheritdoc/>
    public int HeaderLength { get; }

    /// <summary>How many packets and replies were written since the start.</summary>
    public long WrittenCount => Interlocked.Read(ref _writtenCount);

    /// <summary>Puts in a packet behind an all-zero header.</summary>
    public void Inject(ReadOnlySpan<byte> packet)
    {
        byte[] frame = new byte[HeaderLength + packet.Length];
        packet.CopyTo(frame.AsSpan(HeaderLength));
        InjectFrame(frame);
    }

    /// <summary>Puts in header and packet. The array is kept, not copied; a benchmark may put in the same one many times.</summary>
    /// <exception cref="ArgumentException">The frame is shorter than a header or longer than any packet.</exception>
    public void InjectFrame(byte[] frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if (frame.Length < HeaderLength || frame.Length > HeaderLength + PacketBatch.MaxPacketLength)
            throw new ArgumentException($"a frame of {frame.Length} bytes; {HeaderLength} to {HeaderLength + PacketBatch.MaxPacketLength} are possible", nameof(frame));
        lock (_gate)
        {
            _waiting.Enqueue(frame);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Says that no more packets come: when the last is read, Read returns false.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _completed = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes out the frames (header and packet) written since the last call, in their order.</summary>
    public IReadOnlyList<byte[]> TakeWritten()
    {
        lock (_gate)
        {
            byte[][] written = [.. _written];
            _written.Clear();
            return written;
        }
    }

    /// <inheritdoc/>
    public bool Read(PacketBatch batch, int timeoutMilliseconds)
    {
        ArgumentNullException.ThrowIfNull(batch);
        long start = timeoutMilliseconds > 0 ? Environment.TickCount64 : 0;
        lock (_gate)
        {
            while (true)
            {
                if (_closed) return false;
                if (_waiting.Count > 0) return Fill(batch);
                if (_completed) return false;
                if (_woken || timeoutMilliseconds == 0)
                {
                    _woken = false;
                    return true;
                }

                long remaining = timeoutMilliseconds < 0 ? -1 : timeoutMilliseconds - (Environment.TickCount64 - start);
                if (timeoutMilliseconds > 0 && remaining <= 0) return true;
                Monitor.Wait(_gate, (int)remaining);
            }
        }
    }

    /// <inheritdoc/>
    public int Write(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        int taken = 0;
        lock (_gate)
        {
            if (_closed) return 0;
            for (int i = 0; i < batch.Count; i++)
            {
                if (!batch.IsAllowed(i)) continue;
                if (_keepsWritten) _written.Add(batch.Frame(i).ToArray());
                taken++;
            }

            for (int i = 0; i < batch.ReplyCount; i++)
            {
                if (_keepsWritten) _written.Add(batch.ReplyFrame(i).ToArray());
                taken++;
            }
        }

        Interlocked.Add(ref _writtenCount, taken);
        return taken;
    }

    /// <inheritdoc/>
    public void Wake()
    {
        lock (_gate)
        {
            _woken = true;
            Monitor.PulseAll(_gate);
        }
    }

    internal void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.PulseAll(_gate);
        }
    }

    private bool Fill(PacketBatch batch)
    {
        while (batch.HasRoom && _waiting.TryDequeue(out byte[]? frame))
        {
            frame.CopyTo(batch.NextFrame());
            batch.Commit(frame.Length);
        }

        return true;
    }
}
