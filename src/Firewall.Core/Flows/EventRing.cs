namespace Firewall.Core.Flows;

/// <summary>
/// A bounded queue between one worker, or workers of which a lock lets in one at a time, and one consumer. The worker never waits: when the
/// ring is full the event is lost, and the loss is counted.
/// </summary>
/// <typeparam name="T">A fixed-size event.</typeparam>
public sealed class EventRing<T>
    where T : struct
{
    private readonly T[] _events;
    private readonly int _mask;
    private long _written;
    private long _lost;
    private long _read;

    /// <summary>Makes an empty ring.</summary>
    /// <param name="capacity">Events it holds; rounded up to a power of two.</param>
    public EventRing(int capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _events = new T[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity)];
        _mask = _events.Length - 1;
    }

    /// <summary>Events that it holds.</summary>
    public int Capacity => _events.Length;

    /// <summary>Events that found the ring full.</summary>
    public long Lost => Volatile.Read(ref _lost);

    /// <summary>For the worker: adds an event, or counts it as lost.</summary>
    public void Add(in T item)
    {
        long written = _written;
        if (written - Volatile.Read(ref _read) == _events.Length)
        {
            Volatile.Write(ref _lost, _lost + 1);
            return;
        }

        _events[(int)written & _mask] = item;
        Volatile.Write(ref _written, written + 1);
    }

    /// <summary>For the worker, or whoever else fills the ring alone: adds an event if there is room; nothing is counted if not.</summary>
    public bool TryAdd(in T item)
    {
        if (_written - Volatile.Read(ref _read) == _events.Length) return false;
        Add(item);
        return true;
    }

    /// <summary>True if there is nothing to take.</summary>
    public bool IsEmpty => Volatile.Read(ref _read) == Volatile.Read(ref _written);

    /// <summary>For the consumer: takes the oldest event.</summary>
    public bool TryTake(out T item)
    {
        long read = _read;
        if (read == Volatile.Read(ref _written))
        {
            item = default;
            return false;
        }

        item = _events[(int)read & _mask];
        Volatile.Write(ref _read, read + 1);
        return true;
    }
}
