using Firewall.Core.Flows;

namespace Firewall.Core.Dataplane;

/// <summary>
/// The packets of one turn of a worker: filled by a queue's Read, judged in place, sent by the queue's Write. One worker owns it
/// and nobody else touches it. Packets lie one behind the other in one pinned slab, so that a batch of small packets stays in the
/// cache. A span got from it is borrowed: it is valid until the next <see cref="Clear"/>.
/// </summary>
/// <remarks>
/// Each packet stands behind <see cref="HeaderLength"/> bytes that belong to the device (the virtio-net header of a TUN). They
/// travel with the packet and are written back as they came; nobody but the device looks into them.
/// </remarks>
public sealed class PacketBatch
{
    /// <summary>The longest packet that a device may hand over: the IPv4 maximum, also that of a TUN super-packet.</summary>
    public const int MaxPacketLength = 65_535;

    /// <summary>At most this many packets are read in one turn, so that the clock and the policy are never much older.</summary>
    public const int DefaultCapacity = 64;

    // Room for many small packets and a handful of super-packets; the last read may use all that a super-packet needs.
    private const int SlabLength = 8 * 65_536;
    private const int ReplySlabLength = 64 * 1024;

    // Packets that were held and are sent now: all that wait, and all of this batch that began to wait in it.
    private const int InsertedLength = SlabLength + FragmentLimits.HeldBytes;
    private const int InsertedCapacity = FragmentLimits.HeldBytes / 1024;
    private const int Alignment = 64;

    private readonly byte[] _slab;
    private readonly byte[] _replySlab;
    private readonly Slot[] _slots;
    private readonly Slot[] _replies;
    private readonly int _capacity;
    private int _used;
    private int _replyUsed;
    private int _insertedUsed;

    /// <summary>Makes an empty batch; all its memory is allocated here.</summary>
    /// <param name="headerLength">Bytes in front of each packet that belong to the device; 0 or more.</param>
    /// <param name="capacity">The most packets in one turn; 1 or more.</param>
    public PacketBatch(int headerLength, int capacity = DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(headerLength);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        HeaderLength = headerLength;
        _capacity = capacity;
        _slots = new Slot[(2 * capacity) + InsertedCapacity];
        _replies = new Slot[capacity];
        _slab = GC.AllocateUninitializedArray<byte>(SlabLength + InsertedLength, pinned: true);
        _replySlab = GC.AllocateUninitializedArray<byte>(ReplySlabLength, pinned: true);
    }

    /// <summary>Bytes in front of each packet that belong to the device.</summary>
    public int HeaderLength { get; }

    /// <summary>The most packets that there can be, inserted ones included.</summary>
    public int MaxCount => _slots.Length;

    /// <summary>How many packets were read or inserted.</summary>
    public int Count { get; private set; }

    /// <summary>How many replies (RST, ICMP) were added.</summary>
    public int ReplyCount { get; private set; }

    /// <summary>True while one more packet of any length fits.</summary>
    public bool HasRoom => Count < _capacity && SlabLength - _used >= HeaderLength + MaxPacketLength;

    /// <summary>How many bytes the packets that were read take, headers included.</summary>
    public int Length => _used;

    /// <summary>Forgets all packets and replies.</summary>
    public void Clear()
    {
        Count = 0;
        ReplyCount = 0;
        _used = 0;
        _replyUsed = 0;
        _insertedUsed = 0;
    }

    /// <summary>For the device: where the next packet goes, header first. Call only while <see cref="HasRoom"/>.</summary>
    public Span<byte> NextFrame() => _slab.AsSpan(_used, HeaderLength + MaxPacketLength);

    /// <summary>For the device: takes in the frame just written to <see cref="NextFrame"/>.</summary>
    /// <param name="frameLength">Header and packet, in bytes.</param>
    public void Commit(int frameLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameLength, HeaderLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frameLength, HeaderLength + MaxPacketLength);
        _slots[Count++] = new Slot(_slab, _used, frameLength);
        _used += (frameLength + Alignment - 1) & -Alignment;
    }

    /// <summary>
    /// For the device: takes in a frame that lies in memory of the device's own, and stays there as it is until the batch is cleared. Call it only
    /// while there are fewer packets than the capacity.
    /// </summary>
    /// <param name="memory">Pinned.</param>
    /// <param name="start">Where the frame starts.</param>
    /// <param name="frameLength">Header and packet, in bytes.</param>
    public void Lend(byte[] memory, int start, int frameLength)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfLessThan(frameLength, HeaderLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frameLength, HeaderLength + MaxPacketLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Count, _capacity);
        _slots[Count++] = new Slot(memory, start, frameLength);
    }

    /// <summary>The most packets that a device may hand over in one turn.</summary>
    public int Capacity => _capacity;

    /// <summary>The packet, from its IP header on. Borrowed until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Packet(int index)
    {
        ref readonly Slot slot = ref _slots[index];
        return slot.Memory.AsSpan(slot.Start + HeaderLength, slot.Length - HeaderLength);
    }

    /// <summary>For the device: header and packet. Borrowed until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Frame(int index)
    {
        ref readonly Slot slot = ref _slots[index];
        return slot.Memory.AsSpan(slot.Start, slot.Length);
    }

    /// <summary>Marks a packet as one to send. Packets that are not marked are dropped.</summary>
    public void Allow(int index) => _slots[index].IsAllowed = true;

    /// <summary>True if the packet is to be sent.</summary>
    public bool IsAllowed(int index) => _slots[index].IsAllowed;

    /// <summary>
    /// Makes room for a packet that is to be sent right behind another one, at <paramref name="index"/> + 1; those behind it move on by one.
    /// It has been read earlier, is already allowed, and keeps its own device header. Returns false, and nothing happens, if there is no room,
    /// which there is for all that the fragment table can hold.
    /// </summary>
    /// <param name="index">The packet in front.</param>
    /// <param name="frameLength">Header and packet, in bytes.</param>
    /// <param name="frame">To be filled with header and packet.</param>
    public bool TryInsertBehind(int index, int frameLength, out Span<byte> frame)
    {
        if (Count == _slots.Length || InsertedLength - _insertedUsed < frameLength)
        {
            frame = default;
            return false;
        }

        int start = SlabLength + _insertedUsed;
        _slots.AsSpan(index + 1, Count - index - 1).CopyTo(_slots.AsSpan(index + 2));
        _slots[index + 1] = new Slot(_slab, start, frameLength) { IsAllowed = true };
        Count++;
        _insertedUsed += (frameLength + Alignment - 1) & -Alignment;
        frame = _slab.AsSpan(start, frameLength);
        return true;
    }

    /// <summary>
    /// Adds a packet of our own, to be sent after the others, behind an all-zero device header. Returns false, and nothing
    /// happens, if there is no room: a reply is a courtesy.
    /// </summary>
    public bool TryAddReply(ReadOnlySpan<byte> packet)
    {
        int length = HeaderLength + packet.Length;
        if (ReplyCount == _replies.Length || _replySlab.Length - _replyUsed < length) return false;
        Span<byte> frame = _replySlab.AsSpan(_replyUsed, length);
        frame[..HeaderLength].Clear();
        packet.CopyTo(frame[HeaderLength..]);
        _replies[ReplyCount++] = new Slot(_replySlab, _replyUsed, length);
        _replyUsed += (length + Alignment - 1) & -Alignment;
        return true;
    }

    /// <summary>For the device: a reply with its all-zero header. Borrowed until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> ReplyFrame(int index)
    {
        ref readonly Slot slot = ref _replies[index];
        return slot.Memory.AsSpan(slot.Start, slot.Length);
    }

    private struct Slot(byte[] memory, int start, int length)
    {
        public readonly byte[] Memory = memory;
        public readonly int Start = start;
        public readonly int Length = length;
        public bool IsAllowed;
    }
}
