using System.Runtime.CompilerServices;
using Firewall.Core.Dataplane;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// Reads a TUN through io_uring: one request stands for ever, the kernel reads packets one after the other into buffers that it was given, and
/// one system call brings as many as there are (Linux 6.7). The packets stay where they were read until the next call.
/// </summary>
/// <remarks>
/// Belongs to the thread that made it. The kernel reads only inside of <see cref="Read"/> (IORING_SETUP_DEFER_TASKRUN), and all that it read
/// is in the batch when that returns: whoever stops in between has lost nothing.
/// </remarks>
internal sealed unsafe class TunRing : IDisposable
{
    private const int BufferCount = 64; // a power of two

    // While super-packets come only a few buffers go round, which then stay in the cache.
    private const int FewBuffers = 8;
    private const int ManyBytes = 2 * 65_536; // more than a full batch of the usual 1,500 bytes
    private const int Mask = BufferCount - 1;
    private const uint SubmissionEntries = 8;
    private const uint CompletionEntries = 4 * BufferCount;
    private const ulong PacketTag = 1;
    private const ulong WakeTag = 2;
    private const int PageSize = 4096;

    // An odd number of cache lines, so that the first lines of all buffers do not fall into the same few sets of the cache.
    private const int BufferStride = 65_536 + (3 * 64);

    private static readonly Errno s_timeOut = (Errno)62; // ETIME

    private readonly int _fd;
    private readonly int _tun;
    private readonly int _wake;
    private readonly int _frameLength;
    private readonly byte[] _memory = GC.AllocateUninitializedArray<byte>(BufferCount * BufferStride, pinned: true);
    private readonly byte* _buffers;
    private readonly RingCalls.Parameters _layout;
    private readonly byte* _ring;
    private readonly nuint _ringLength;
    private readonly RingCalls.Submission* _entries;
    private readonly RingCalls.Buffer* _offered;
    private readonly int[] _free = new int[BufferCount]; // a stack: the last one used is the first one offered
    private readonly int[] _lent = new int[BufferCount];
    private int _freeCount;
    private int _lentCount;
    private int _lentBytes;
    private int _offeredCount;
    private ushort _offeredTail;
    private uint _toSubmit;
    private bool _isReading;
    private bool _isWatchingWake;

    private TunRing(int tun, int wake, int headerLength)
    {
        _tun = tun;
        _wake = wake;
        _frameLength = headerLength + PacketBatch.MaxPacketLength;
        _buffers = (byte*)Unsafe.AsPointer(ref _memory[0]);
        _layout = new RingCalls.Parameters { Flags = RingCalls.SetupFlags, CompletionEntries = CompletionEntries };
        _fd = RingCalls.Setup(SubmissionEntries, ref _layout);
        if (_fd < 0 || (_layout.Features & RingCalls.NeededFeatures) != RingCalls.NeededFeatures) return;
        nuint submissions = _layout.SubmissionArray + (_layout.SubmissionEntries * sizeof(uint));
        nuint completions = _layout.Completions + (_layout.CompletionEntries * (uint)sizeof(RingCalls.Completion));
        _ringLength = nuint.Max(submissions, completions);
        _ring = Map(_ringLength, RingCalls.SharedMapping, _fd, 0);
        _entries = (RingCalls.Submission*)Map((nuint)(_layout.SubmissionEntries * sizeof(RingCalls.Submission)), RingCalls.SharedMapping, _fd, RingCalls.EntriesOffset);
        _offered = (RingCalls.Buffer*)Map(PageSize, RingCalls.PrivateMapping, -1, 0);
        if (_ring == null || _entries == null || _offered == null) return;
        var buffers = new RingCalls.BufferRing { Address = (ulong)_offered, Entries = BufferCount };
        if (RingCalls.Register(_fd, RingCalls.RegisterBufferRing, in buffers) < 0) return;
        for (int i = 0; i < BufferCount; i++) _free[_freeCount++] = BufferCount - 1 - i;
        IsUsable = true;
    }

    /// <summary>Whether the kernel has all that is needed, as far as that is known before the first read.</summary>
    private bool IsUsable { get; set; }

    /// <summary>
    /// Makes a ring for the calling thread; null where the kernel has no io_uring, an older one, or may not give it (a container's seccomp
    /// profile).
    /// </summary>
    /// <param name="tun">The queue's descriptor.</param>
    /// <param name="wake">A descriptor that becomes readable when a waiting read shall end.</param>
    /// <param name="headerLength">Bytes of the device header.</param>
    public static TunRing? TryCreate(int tun, int wake, int headerLength)
    {
        var ring = new TunRing(tun, wake, headerLength);
        if (ring.IsUsable) return ring;
        ring.Dispose();
        return null;
    }

    /// <summary>Waits for packets and takes all that are there into the batch, as far as there are buffers.</summary>
    /// <param name="batch">Empty.</param>
    /// <param name="timeoutMilliseconds">0 does not wait, -1 waits for ever.</param>
    /// <param name="woken">True if the wake descriptor is readable.</param>
    /// <returns><see cref="Errno.None"/>, also when nothing came; <see cref="Errno.EINVAL"/> if the kernel cannot do it after all.</returns>
    public Errno Read(PacketBatch batch, int timeoutMilliseconds, out bool woken)
    {
        woken = false;
        OfferBuffers();
        if (!_isReading) Submit(new RingCalls.Submission { Operation = RingCalls.ReadMany, Flags = RingCalls.SelectBuffer, Fd = _tun, Tag = PacketTag });
        if (!_isWatchingWake) Submit(new RingCalls.Submission { Operation = RingCalls.Poll, Fd = _wake, PollEvents = (uint)PollDescriptor.Input, Tag = WakeTag });
        _isReading = true;
        _isWatchingWake = true;
        Errno error = Enter(timeoutMilliseconds);
        Errno taken = Take(batch, ref woken);
        return taken != Errno.None ? taken : error;
    }

    public void Dispose()
    {
        if (_offered != null) RingCalls.Unmap((nint)_offered, PageSize);
        if (_entries != null) RingCalls.Unmap((nint)_entries, (nuint)(_layout.SubmissionEntries * sizeof(RingCalls.Submission)));
        if (_ring != null) RingCalls.Unmap((nint)_ring, _ringLength);
        if (_fd >= 0) LibC.Close(_fd);
        GC.KeepAlive(_memory);
    }

    private static byte* Map(nuint length, int flags, int fd, nint offset)
    {
        nint address = RingCalls.Map(0, length, RingCalls.ReadWrite, flags, fd, offset);
        return address == -1 ? null : (byte*)address;
    }

    // What was lent comes back, and is offered again.
    private void OfferBuffers()
    {
        int wanted = _lentBytes > ManyBytes ? FewBuffers : BufferCount;
        _lentBytes = 0;
        while (_lentCount > 0) _free[_freeCount++] = _lent[--_lentCount];
        while (_offeredCount < wanted && _freeCount > 0)
        {
            int number = _free[--_freeCount];
            RingCalls.Buffer* buffer = _offered + (_offeredTail & Mask);
            buffer->Address = (ulong)(_buffers + ((long)number * BufferStride));
            buffer->Length = (uint)_frameLength;
            buffer->Number = (ushort)number;
            _offeredTail++;
            _offeredCount++;
        }

        Volatile.Write(ref _offered->Tail, _offeredTail);
    }

    private void Submit(in RingCalls.Submission submission)
    {
        ref uint tail = ref At(_layout.SubmissionTail);
        uint slot = tail & At(_layout.SubmissionMask);
        _entries[slot] = submission;
        ((uint*)(_ring + _layout.SubmissionArray))[slot] = slot;
        Volatile.Write(ref tail, tail + 1);
        _toSubmit++;
    }

    private Errno Enter(int timeoutMilliseconds)
    {
        var timeout = new RingCalls.Duration { Seconds = timeoutMilliseconds / 1000, Nanoseconds = timeoutMilliseconds % 1000 * 1_000_000L };
        var argument = new RingCalls.WaitArgument { Timeout = timeoutMilliseconds > 0 ? (ulong)&timeout : 0 };
        int submitted = RingCalls.Enter(_fd, _toSubmit, timeoutMilliseconds == 0 ? 0u : 1u, in argument);
        if (submitted >= 0)
        {
            _toSubmit -= (uint)submitted;
            return Errno.None;
        }

        Errno error = ErrnoText.Last;
        if (error == s_timeOut || error == Errno.EINTR) _toSubmit = SubmissionsLeft();
        return error == s_timeOut || error == Errno.EINTR || error == Errno.EBUSY ? Errno.None : error;
    }

    private uint SubmissionsLeft() => At(_layout.SubmissionTail) - Volatile.Read(ref At(_layout.SubmissionHead));

    private Errno Take(PacketBatch batch, ref bool woken)
    {
        Errno error = Errno.None;
        ref uint headPlace = ref At(_layout.CompletionHead);
        uint head = headPlace;
        uint tail = Volatile.Read(ref At(_layout.CompletionTail));
        uint mask = At(_layout.CompletionMask);
        for (; head != tail; head++)
        {
            RingCalls.Completion completion = ((RingCalls.Completion*)(_ring + _layout.Completions))[head & mask];
            if (completion.Tag == WakeTag)
            {
                woken = true;
                _isWatchingWake = false;
                continue;
            }

            if ((completion.Flags & RingCalls.More) == 0) _isReading = false;
            if (completion.Result > 0) Lend(batch, (int)(completion.Flags >> RingCalls.BufferShift), completion.Result);
            else if ((Errno)(-completion.Result) is not (Errno.ENOBUFS or Errno.EAGAIN or Errno.EINTR or Errno.None)) error = (Errno)(-completion.Result);
        }

        Volatile.Write(ref headPlace, head);
        return error;
    }

    private void Lend(PacketBatch batch, int number, int length)
    {
        _offeredCount--;
        _lent[_lentCount++] = number;
        _lentBytes += length;
        batch.Lend(_memory, number * BufferStride, length);
    }

    private ref uint At(uint offset) => ref *(uint*)(_ring + offset);
}
