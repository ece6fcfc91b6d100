using Firewall.Core.Packets;

namespace Firewall.Core.Flows.Fragments;

/// <summary>
/// The fragments that wait, with their frames, in fixed memory: a frame lies in a chain of blocks. All of them form one list by age, from
/// which the oldest leave when their time is over or somebody needs their room. Guarded by the table's lock; the frames and numbers of a
/// <see cref="SettledFragments"/> list belong to the list's owner and need none.
/// </summary>
internal sealed class HeldFragments
{
    // A full Ethernet frame behind a virtio header fits into one.
    private const int BlockLength = 1536;
    private const int BlockCount = FragmentLimits.HeldBytes / BlockLength;

    // Denied fragments give their blocks back at once, yet are still to be reported by their engine.
    private const int NodeCount = 2 * BlockCount;

    private readonly byte[] _blocks = new byte[BlockCount * BlockLength];
    private readonly int[] _nextBlock = new int[BlockCount + 1];
    private readonly HeldFragment[] _nodes = new HeldFragment[NodeCount + 1];
    private readonly SourceCounters _sources;
    private int _freeBlock = 1;
    private int _freeBlocks = BlockCount;
    private int _freeNode = 1;
    private int _newest;

    /// <summary>Makes the memory.</summary>
    /// <param name="hash">The table's hash.</param>
    public HeldFragments(FlowHash hash)
    {
        _sources = new SourceCounters(hash, FragmentLimits.HeldPerSource);
        for (int i = 1; i < BlockCount; i++) _nextBlock[i] = i + 1;
        for (int i = 1; i < NodeCount; i++) _nodes[i].Next = i + 1;
    }

    /// <summary>How many wait.</summary>
    public int Count { get; private set; }

    /// <summary>Memory that they use, in bytes.</summary>
    public int Bytes => (BlockCount - _freeBlocks) * BlockLength;

    /// <summary>The one that has waited longest; 0 if none waits.</summary>
    public int Oldest { get; private set; }

    /// <summary>A held or settled fragment.</summary>
    public ref HeldFragment this[int number] => ref _nodes[number];

    /// <summary>True if a frame of that length can be taken in now.</summary>
    public bool HasRoomFor(int frameLength) => _freeNode != 0 && _freeBlocks >= BlocksOf(frameLength);

    /// <summary>True if a frame of that length can be taken in once others have left.</summary>
    public static bool CanHold(int frameLength) => BlocksOf(frameLength) <= BlockCount;

    /// <summary>Takes a place of that source's; false if it has its fill.</summary>
    public bool TryTakePlace(IpAddress source) => _sources.TryAdd(source);

    /// <summary>Gives back a place that was not used.</summary>
    public void ReturnPlace(IpAddress source) => _sources.Remove(source);

    /// <summary>Takes in a fragment, behind all others of its datagram. There is room, and its place is taken.</summary>
    public void Add(ref FragmentDatagram datagram, int number, in PacketInfo packet, in FragmentArrival arrival, long now)
    {
        int index = _freeNode;
        ref HeldFragment node = ref _nodes[index];
        _freeNode = node.Next;
        node = new HeldFragment
        {
            Packet = packet,
            Number = arrival.Number,
            Time = now,
            WireLength = arrival.WireLength,
            FrameLength = arrival.Frame.Length,
            Direction = arrival.Direction,
            Fate = FragmentFate.Held,
            Datagram = number,
            Older = _newest,
            FirstBlock = Store(arrival.Frame),
        };
        if (_newest == 0) Oldest = index;
        else _nodes[_newest].Newer = index;
        _newest = index;
        if (datagram.LastHeld == 0) datagram.FirstHeld = index;
        else _nodes[datagram.LastHeld].Next = index;
        datagram.LastHeld = index;
        datagram.HeldCount++;
        Count++;
    }

    /// <summary>Settles all that wait in a datagram. Frames are kept of allowed ones alone.</summary>
    public void Settle(ref FragmentDatagram datagram, FragmentFate fate, ref SettledFragments settled)
    {
        if (datagram.FirstHeld == 0) return;
        for (int index = datagram.FirstHeld; index != 0; index = _nodes[index].Next)
        {
            ref HeldFragment node = ref _nodes[index];
            node.Fate = fate;
            node.Rule = datagram.Rule;
            if (fate != FragmentFate.Allowed) FreeBlocks(ref node);
            LeaveAges(ref node);
            _sources.Remove(node.Packet.Source);
            Count--;
        }

        if (settled.Last == 0) settled.First = datagram.FirstHeld;
        else _nodes[settled.Last].Next = datagram.FirstHeld;
        settled.Last = datagram.LastHeld;
        datagram.FirstHeld = 0;
        datagram.LastHeld = 0;
        datagram.HeldCount = 0;
    }

    /// <summary>Takes back what was settled and has been reported.</summary>
    public void Free(ref SettledFragments settled)
    {
        if (settled.First == 0) return;
        for (int index = settled.First; index != 0; index = _nodes[index].Next) FreeBlocks(ref _nodes[index]);
        _nodes[settled.Last].Next = _freeNode;
        _freeNode = settled.First;
        settled = default;
    }

    /// <summary>Copies the frame of an allowed fragment; the destination has its length at least.</summary>
    public void CopyFrame(int number, Span<byte> destination)
    {
        int left = _nodes[number].FrameLength;
        for (int block = _nodes[number].FirstBlock; block != 0; block = _nextBlock[block])
        {
            int length = Math.Min(left, BlockLength);
            _blocks.AsSpan((block - 1) * BlockLength, length).CopyTo(destination);
            destination = destination[length..];
            left -= length;
        }
    }

    private static int BlocksOf(int frameLength) => (frameLength + BlockLength - 1) / BlockLength;

    private int Store(ReadOnlySpan<byte> frame)
    {
        int first = _freeBlock;
        int last = 0;
        while (!frame.IsEmpty)
        {
            last = _freeBlock;
            _freeBlock = _nextBlock[last];
            _freeBlocks--;
            int length = Math.Min(frame.Length, BlockLength);
            frame[..length].CopyTo(_blocks.AsSpan((last - 1) * BlockLength));
            frame = frame[length..];
        }

        _nextBlock[last] = 0;
        return first;
    }

    private void FreeBlocks(ref HeldFragment node)
    {
        while (node.FirstBlock != 0)
        {
            int block = node.FirstBlock;
            node.FirstBlock = _nextBlock[block];
            _nextBlock[block] = _freeBlock;
            _freeBlock = block;
            _freeBlocks++;
        }
    }

    private void LeaveAges(ref HeldFragment node)
    {
        if (node.Older == 0) Oldest = node.Newer;
        else _nodes[node.Older].Newer = node.Newer;
        if (node.Newer == 0) _newest = node.Older;
        else _nodes[node.Newer].Older = node.Older;
    }
}
