namespace Firewall.Core.Dataplane;

/// <summary>
/// A queue in front of another, for a worker that is not ready yet: packets are gathered in memory, and read from there before those that
/// come later, so that their order stays. First <see cref="Gather"/> is called, by one thread, and when that has ended the rest.
/// </summary>
public sealed class GatheringQueue : IPacketQueue
{
    /// <summary>The most bytes that are gathered; what comes then is left to the queue behind.</summary>
    public const int LongestGathering = 256 << 20;

    private const int ChunkLength = 1 << 20;

    private readonly IPacketQueue _inner;
    private readonly Queue<Chunk> _chunks = new();
    private PacketBatch? _scratch;
    private Chunk? _last;
    private int _gatheredBytes;

    /// <summary>Stands in front of a queue, which stays the caller's.</summary>
    public GatheringQueue(IPacketQueue inner)
    {
        ArgumentNullException.ThrowIfNull(inner);
        _inner = inner;
    }

    /// <inheritdoc/>
    public int HeaderLength => _inner.HeaderLength;

    /// <summary>Packets that were gathered and not yet read.</summary>
    public int Gathered { get; private set; }

    /// <summary>Waits for packets and keeps those that are there, one batch of them.</summary>
    /// <param name="timeoutMilliseconds">As of <see cref="Read"/>.</param>
    /// <returns>False if there is nothing more to gather: the queue is at its end, or <see cref="LongestGathering"/> is reached.</returns>
    public bool Gather(int timeoutMilliseconds)
    {
        if (_gatheredBytes >= LongestGathering) return false;
        _scratch ??= new PacketBatch(HeaderLength);
        _scratch.Clear();
        if (!_inner.Read(_scratch, timeoutMilliseconds)) return false;
        for (int i = 0; i < _scratch.Count; i++) Keep(_scratch.Frame(i));
        return true;
    }

    /// <inheritdoc/>
    public bool Read(PacketBatch batch, int timeoutMilliseconds)
    {
        if (Gathered == 0) return _inner.Read(batch, timeoutMilliseconds);
        ArgumentNullException.ThrowIfNull(batch);
        while (batch.HasRoom && Gathered > 0)
        {
            Chunk chunk = _chunks.Peek();
            if (chunk.TryTake(out ReadOnlySpan<byte> frame))
            {
                frame.CopyTo(batch.NextFrame());
                batch.Commit(frame.Length);
                Gathered--;
            }
            else
            {
                _chunks.Dequeue();
            }
        }

        if (Gathered == 0)
        {
            _chunks.Clear();
            _scratch = null;
            _last = null;
        }

        return true;
    }

    /// <inheritdoc/>
    public int Write(PacketBatch batch) => _inner.Write(batch);

    /// <inheritdoc/>
    public void Wake() => _inner.Wake();

    private void Keep(ReadOnlySpan<byte> frame)
    {
        if (_last is null || !_last.TryAdd(frame))
        {
            _last = new Chunk(ChunkLength);
            _chunks.Enqueue(_last);
            _last.TryAdd(frame); // the longest frame is a small part of a chunk
        }

        Gathered++;
        _gatheredBytes += frame.Length;
    }

    // Frames one behind the other, each behind its length.
    private sealed class Chunk(int length)
    {
        private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(length);
        private int _end;
        private int _next;

        public bool TryAdd(ReadOnlySpan<byte> frame)
        {
            if (_bytes.Length - _end < sizeof(int) + frame.Length) return false;
            BitConverter.TryWriteBytes(_bytes.AsSpan(_end), frame.Length);
            frame.CopyTo(_bytes.AsSpan(_end + sizeof(int)));
            _end += sizeof(int) + frame.Length;
            return true;
        }

        public bool TryTake(out ReadOnlySpan<byte> frame)
        {
            frame = default;
            if (_next == _end) return false;
            int count = BitConverter.ToInt32(_bytes, _next);
            frame = _bytes.AsSpan(_next + sizeof(int), count);
            _next += sizeof(int) + count;
            return true;
        }
    }
}
