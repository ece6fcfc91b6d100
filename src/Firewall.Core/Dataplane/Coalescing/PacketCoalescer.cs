using System.Buffers.Binary;
using Firewall.Core.Packets;

namespace Firewall.Core.Dataplane.Coalescing;

/// <summary>
/// Finds the allowed packets of a batch that may leave as one super-packet, and builds it: consecutive packets of one direction of one
/// flow, of equal headers and sizes (the last may be shorter), which a segmenter makes into the same packets again. The rules are those
/// of the kernel's GRO. It never waits for a packet and never passes one packet of a flow in front of another.
/// </summary>
/// <remarks>
/// For devices whose header is the virtio-net header. One worker owns it; it allocates only when it is made.
/// <para>
/// One field may differ behind the segmenter: the IPv4 identification of datagrams that must not be fragmented and all have the same one
/// counts up afterwards. It means nothing in such datagrams (RFC 6864 section 4.1), and the kernel's own GRO treats them alike.
/// </para>
/// </remarks>
public sealed class PacketCoalescer
{
    /// <summary>Bytes of the device header that the packets must have.</summary>
    public const int HeaderLength = VirtioHeader.Length;

    // UDP_MAX_SEGMENTS of the kernels that first had it; for TCP about what fits anyway.
    private const int MaxMembers = 64;
    private const int MaxLength = PacketBatch.MaxPacketLength;
    private const int SlotCount = 256;
    private const int NoPacket = -1;

    private readonly Chain[] _chains;
    private readonly int[] _next;
    private readonly short[] _slots = new short[SlotCount]; // by a flow's hash: 1 + the last chain of the flow; 0: none
    private bool _anySlot;

    /// <summary>Makes one for batches with room for so many packets.</summary>
    /// <param name="maxCount"><see cref="PacketBatch.MaxCount"/> of the batches.</param>
    public PacketCoalescer(int maxCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxCount, short.MaxValue);
        _chains = new Chain[maxCount];
        _next = new int[maxCount];
    }

    /// <summary>What may be coalesced; it may change from one batch to the next.</summary>
    public CoalescedKinds Kinds { get; set; } = CoalescedKinds.All;

    /// <summary>How many packets leave, super-packets and others, after <see cref="Plan"/>.</summary>
    public int Count { get; private set; }

    /// <summary>Goes through the allowed packets of a batch.</summary>
    public void Plan(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Count = 0;
        ForgetFlows();
        for (int i = 0; i < batch.Count; i++)
        {
            if (batch.IsAllowed(i)) Add(batch, i);
        }
    }

    /// <summary>Where in the batch the first packet of a leaving one is.</summary>
    public int First(int leaving) => _chains[leaving].First;

    /// <summary>Where in the batch the packet behind this one is, in the same leaving one; negative: none.</summary>
    public int Next(int index) => _next[index];

    /// <summary>How many packets of the batch leave in this one.</summary>
    public int Members(int leaving) => _chains[leaving].Count;

    /// <summary>What kind of super-packet it is.</summary>
    public CoalescedKinds Kind(int leaving) => _chains[leaving].Kind;

    /// <summary>Builds a super-packet of two or more members.</summary>
    /// <param name="batch">The batch of <see cref="Plan"/>, unchanged.</param>
    /// <param name="leaving">Which one.</param>
    /// <param name="target">Room for <see cref="HeaderLength"/> and <see cref="PacketBatch.MaxPacketLength"/> bytes.</param>
    /// <returns>Length of device header and packet.</returns>
    public int Build(PacketBatch batch, int leaving, Span<byte> target)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ref readonly Chain chain = ref _chains[leaving];
        ReadOnlySpan<byte> frame = batch.Frame(chain.First);
        Segment.TryRead(frame, out Segment first);
        frame.CopyTo(target);
        int length = frame.Length;
        int headers = VirtioHeader.Length + first.HeaderLength;
        int last = chain.First;
        for (int i = _next[chain.First]; i >= 0; i = _next[i])
        {
            ReadOnlySpan<byte> payload = batch.Frame(i)[headers..];
            payload.CopyTo(target[length..]);
            length += payload.Length;
            last = i;
        }

        WriteHeaders(target[..length], first, chain.SegmentSize, batch.Frame(last));
        return length;
    }

    private static void WriteHeaders(Span<byte> frame, in Segment first, int segmentSize, ReadOnlySpan<byte> last)
    {
        Span<byte> packet = frame[VirtioHeader.Length..];
        int offset = first.TransportOffset;
        if (first.IsIPv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], InternetChecksum.Of(packet[..offset]));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - offset));
        }

        int checksumOffset = Segment.UdpChecksumOffset;
        byte kind = VirtioHeader.Datagrams;
        if (first.IsTcp)
        {
            packet[offset + 13] |= last[VirtioHeader.Length + offset + 13]; // PSH and FIN
            checksumOffset = Segment.TcpChecksumOffset;
            kind = first.IsIPv4 ? VirtioHeader.TcpV4 : VirtioHeader.TcpV6;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[(offset + 4)..], (ushort)(packet.Length - offset));
        }

        ushort sum = Segment.PseudoHeaderSum(packet, offset, packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet[(offset + checksumOffset)..], sum);
        VirtioHeader.Write(frame, kind, first.HeaderLength, segmentSize, offset, checksumOffset);
    }

    private void Add(PacketBatch batch, int index)
    {
        if (!Segment.TryRead(batch.Frame(index), out Segment segment))
        {
            // It may belong to any flow, as a fragment does: nothing behind it may pass it.
            ForgetFlows();
            Begin(index, default, CoalescedKinds.None);
            return;
        }

        ref short slot = ref FindSlot(batch, segment);
        CoalescedKinds kind = segment.IsData() ? KindOf(segment) & Kinds : CoalescedKinds.None;
        if (slot != 0 && kind != CoalescedKinds.None && TryJoin(batch, ref _chains[slot - 1], index, segment)) return;
        slot = (short)(Begin(index, segment, kind) + 1);
        _anySlot = true;
    }

    private int Begin(int index, in Segment segment, CoalescedKinds kind)
    {
        _next[index] = NoPacket;
        ref Chain chain = ref _chains[Count];
        chain = new Chain { First = index, Last = index, Count = 1, Kind = kind, IsOpen = kind != CoalescedKinds.None };
        if (chain.IsOpen)
        {
            chain.SegmentSize = segment.Payload.Length;
            chain.Length = segment.Packet.Length;
            chain.NextSequence = segment.IsTcp ? segment.Sequence + (uint)segment.Payload.Length : 0;
            chain.IsOpen = !EndsSuperPacket(segment);
        }

        return Count++;
    }

    private bool TryJoin(PacketBatch batch, ref Chain chain, int index, in Segment segment)
    {
        if (!chain.IsOpen) return false;
        int size = segment.Payload.Length;
        Segment.TryRead(batch.Frame(chain.First), out Segment first);
        if (size > chain.SegmentSize || chain.Length + size > MaxLength) return false;
        if (segment.IsTcp && segment.Sequence != chain.NextSequence) return false;
        if (!segment.HasHeadersOf(first) || !FollowsIdentification(ref chain, segment, first)) return false;
        if ((chain.Count == 1 && !first.HasRightChecksums()) || !segment.HasRightChecksums()) return false;
        _next[chain.Last] = index;
        _next[index] = NoPacket;
        chain.Last = index;
        chain.Count++;
        chain.Length += size;
        chain.NextSequence += (uint)size;
        chain.IsOpen = chain.Count < MaxMembers && size == chain.SegmentSize && !EndsSuperPacket(segment);
        return true;
    }

    private static bool FollowsIdentification(ref Chain chain, in Segment segment, in Segment first)
    {
        if (!segment.IsIPv4) return true;
        ushort id = segment.Identification;
        bool counts = id == (ushort)(first.Identification + chain.Count);
        if (chain.Count > 1) return chain.IsIdentificationFixed ? id == first.Identification : counts;
        chain.IsIdentificationFixed = !counts && !segment.IsTcp && segment.IsAtomic && id == first.Identification;
        return counts || chain.IsIdentificationFixed;
    }

    private static bool EndsSuperPacket(in Segment segment) => segment.IsTcp && (segment.Flags & (TcpFlags.Psh | TcpFlags.Fin)) != 0;

    private static CoalescedKinds KindOf(in Segment segment) => (segment.IsTcp, segment.IsIPv4) switch
    {
        (true, true) => CoalescedKinds.TcpV4,
        (true, false) => CoalescedKinds.TcpV6,
        (false, true) => CoalescedKinds.UdpV4,
        (false, false) => CoalescedKinds.UdpV6,
    };

    private ref short FindSlot(PacketBatch batch, in Segment segment)
    {
        // With more flows in a batch than there are slots the last one found is forgotten, which only ends its chain.
        uint at = segment.Hash;
        for (int tries = 1; ; tries++, at++)
        {
            ref short slot = ref _slots[at % SlotCount];
            if (slot == 0) return ref slot;
            Segment.TryRead(batch.Frame(_chains[slot - 1].First), out Segment other);
            if (segment.IsOfFlow(other)) return ref slot;
            if (tries < SlotCount) continue;
            slot = 0;
            return ref slot;
        }
    }

    private void ForgetFlows()
    {
        if (!_anySlot) return;
        Array.Clear(_slots);
        _anySlot = false;
    }

    private struct Chain
    {
        public int First;
        public int Last;
        public int Count;
        public int Length;
        public int SegmentSize;
        public uint NextSequence;
        public CoalescedKinds Kind;
        public bool IsOpen;
        public bool IsIdentificationFixed;
    }
}
