using Firewall.Core.Dataplane;
using Firewall.Core.Dataplane.Coalescing;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// The writing side of a queue: one write for each packet, or for each super-packet where packets of a batch can leave together. One thread
/// at a time; it allocates only when it is made.
/// </summary>
internal sealed class TunWriter
{
    private readonly int _fd;
    private readonly byte[] _superPacket = [];
    private PacketCoalescer? _coalescer;
    private CoalescedKinds _kinds;
    private long _errors;
    private long _coalesced;

    /// <summary>Writes to a descriptor that somebody else closes.</summary>
    /// <param name="fd">Attached. A write to a TUN never waits: nothing bounds its send buffer.</param>
    /// <param name="kinds">What may leave together; the packets then have the virtio-net header.</param>
    public TunWriter(int fd, CoalescedKinds kinds)
    {
        _fd = fd;
        _kinds = kinds;
        if (kinds != CoalescedKinds.None)
        {
            _superPacket = GC.AllocateUninitializedArray<byte>(PacketCoalescer.HeaderLength + PacketBatch.MaxPacketLength, pinned: true);
        }
    }

    /// <summary>How many packets the kernel refused. Any thread may read it.</summary>
    public long Errors => Volatile.Read(ref _errors);

    /// <summary>How many packets left as part of a super-packet. Any thread may read it.</summary>
    public long Coalesced => Volatile.Read(ref _coalesced);

    /// <summary>Writes the allowed packets, then the replies. Returns how many the kernel took.</summary>
    public int Write(PacketBatch batch)
    {
        int taken = batch.Count > 1 && _kinds != CoalescedKinds.None ? WriteTogether(batch) : WriteEach(batch);
        for (int i = 0; i < batch.ReplyCount; i++)
        {
            if (WriteOne(batch.ReplyFrame(i))) taken++;
        }

        return taken;
    }

    private int WriteEach(PacketBatch batch)
    {
        int taken = 0;
        for (int i = 0; i < batch.Count; i++)
        {
            if (batch.IsAllowed(i) && WriteOne(batch.Frame(i))) taken++;
        }

        return taken;
    }

    private int WriteTogether(PacketBatch batch)
    {
        // Made by the first batch, whose size is that of all; before the first packet of a flow nothing waits for it.
        PacketCoalescer coalescer = _coalescer ??= new PacketCoalescer(batch.MaxCount) { Kinds = _kinds };
        coalescer.Plan(batch);
        int taken = 0;
        for (int leaving = 0; leaving < coalescer.Count; leaving++)
        {
            int first = coalescer.First(leaving);
            int members = coalescer.Members(leaving);
            if (members == 1)
            {
                if (WriteOne(batch.Frame(first))) taken++;
                continue;
            }

            int length = coalescer.Build(batch, leaving, _superPacket);
            Errno error = Send(_superPacket.AsSpan(0, length));
            if (error == Errno.None)
            {
                taken += members;
                Volatile.Write(ref _coalesced, _coalesced + members);
                continue;
            }

            // A kernel that does not take this kind gets the packets one by one, now and from now on.
            if (error == Errno.EINVAL)
            {
                _kinds &= ~coalescer.Kind(leaving);
                coalescer.Kinds = _kinds;
            }

            for (int i = first; i >= 0; i = coalescer.Next(i))
            {
                if (WriteOne(batch.Frame(i))) taken++;
            }
        }

        return taken;
    }

    private bool WriteOne(ReadOnlySpan<byte> frame)
    {
        if (Send(frame) == Errno.None) return true;
        Volatile.Write(ref _errors, _errors + 1);
        return false;
    }

    private Errno Send(ReadOnlySpan<byte> frame)
    {
        while (LibC.Write(_fd, in frame[0], frame.Length) < 0)
        {
            Errno error = ErrnoText.Last;
            if (error != Errno.EINTR) return error;
        }

        return Errno.None;
    }
}
