namespace Firewall.Core.Engine;

/// <summary>
/// Keeps the last packets that one engine denied, each with its verdict, in memory that is taken once. Its worker writes and never waits; anybody
/// reads meanwhile, and a packet that is overwritten while it is read counts as gone.
/// </summary>
public sealed class DropRecorder
{
    private readonly Slot[] _slots;
    private readonly byte[] _bytes;
    private readonly int _mask;
    private long _written;

    /// <summary>Makes an empty recorder.</summary>
    /// <param name="packets">How many are kept; rounded up to a power of two.</param>
    /// <param name="snapLength">Bytes that are kept of each.</param>
    public DropRecorder(int packets, int snapLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(packets, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(snapLength, 1);
        int count = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)packets);
        SnapLength = snapLength;
        _slots = new Slot[count];
        _bytes = new byte[checked(count * snapLength)];
        _mask = count - 1;
    }

    /// <summary>Bytes that are kept of each packet.</summary>
    public int SnapLength { get; }

    /// <summary>How many packets are kept.</summary>
    public int Capacity => _slots.Length;

    /// <summary>Packets recorded so far; the last <see cref="Capacity"/> of them, by their numbers from 0 on, can be read.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Copies a packet.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="bytes">At least <see cref="SnapLength"/> bytes of room.</param>
    /// <param name="drop">What is known of it.</param>
    /// <returns>False if others have taken its place, perhaps during the call.</returns>
    public bool TryRead(long number, Span<byte> bytes, out RecordedDrop drop)
    {
        ref Slot slot = ref _slots[(int)number & _mask];
        drop = default;
        if (Volatile.Read(ref slot.Sequence) != Whole(number)) return false;
        RecordedDrop copy = slot.Drop;
        _bytes.AsSpan(((int)number & _mask) * SnapLength, SnapLength).CopyTo(bytes);
        Volatile.ReadBarrier();
        if (Volatile.Read(ref slot.Sequence) != Whole(number)) return false;
        drop = copy;
        return true;
    }

    /// <summary>For the worker: records a packet.</summary>
    internal void Add(ReadOnlySpan<byte> packet, int wireLength, in Verdict verdict, long now)
    {
        long number = _written;
        int index = (int)number & _mask;
        ref Slot slot = ref _slots[index];
        int length = Math.Min(packet.Length, SnapLength);
        Volatile.Write(ref slot.Sequence, Whole(number) - 1);
        Volatile.WriteBarrier();
        slot.Drop = new RecordedDrop(now, verdict, length, wireLength);
        packet[..length].CopyTo(_bytes.AsSpan(index * SnapLength));
        Volatile.Write(ref slot.Sequence, Whole(number));
        Volatile.Write(ref _written, number + 1);
    }

    // Of the packet's own number, so that a slot which was written round and round in between is not taken for the same; odd while it is written.
    private static long Whole(long number) => (number * 2) + 2;

    private struct Slot
    {
        public long Sequence;
        public RecordedDrop Drop;
    }
}

/// <summary>What is known of a packet that was denied.</summary>
/// <param name="Time">Milliseconds, the engine's clock.</param>
/// <param name="Verdict">What was decided and why.</param>
/// <param name="Length">Bytes that were kept.</param>
/// <param name="WireLength">Its length on the wire.</param>
public readonly record struct RecordedDrop(long Time, Verdict Verdict, int Length, int WireLength);
