using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux.Interop;

/// <summary>io_uring's system calls, structures and numbers (linux/io_uring.h); the same on every 64-bit machine.</summary>
internal static partial class RingCalls
{
    /// <summary>IORING_SETUP_CQSIZE, IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_DEFER_TASKRUN.</summary>
    public const uint SetupFlags = (1 << 3) | (1 << 12) | (1 << 13);

    /// <summary>IORING_FEAT_SINGLE_MMAP and IORING_FEAT_EXT_ARG.</summary>
    public const uint NeededFeatures = (1 << 0) | (1 << 8);

    /// <summary>IORING_ENTER_GETEVENTS and IORING_ENTER_EXT_ARG.</summary>
    public const uint EnterFlags = (1 << 0) | (1 << 3);

    /// <summary>IORING_REGISTER_PBUF_RING.</summary>
    public const uint RegisterBufferRing = 22;

    /// <summary>IORING_OP_POLL_ADD.</summary>
    public const byte Poll = 6;

    /// <summary>IORING_OP_READ_MULTISHOT, Linux 6.7.</summary>
    public const byte ReadMany = 49;

    /// <summary>IOSQE_BUFFER_SELECT.</summary>
    public const byte SelectBuffer = 1 << 5;

    /// <summary>IORING_CQE_F_MORE: the request goes on.</summary>
    public const uint More = 1 << 1;

    /// <summary>The buffer's number stands in the upper half of a completion's flags.</summary>
    public const int BufferShift = 16;

    /// <summary>IORING_OFF_SQES.</summary>
    public const nint EntriesOffset = 0x1000_0000;

    /// <summary>PROT_READ and PROT_WRITE.</summary>
    public const int ReadWrite = 3;

    /// <summary>MAP_SHARED and MAP_POPULATE.</summary>
    public const int SharedMapping = 0x8001;

    /// <summary>MAP_PRIVATE and MAP_ANONYMOUS.</summary>
    public const int PrivateMapping = 0x22;

    private const string Library = "libc";
    private const nint SetupNumber = 425;
    private const nint EnterNumber = 426;
    private const nint RegisterNumber = 427;

    public static int Setup(uint entries, ref Parameters parameters) => (int)CallSetup(SetupNumber, entries, ref parameters);

    public static int Enter(int fd, uint submit, uint wait, ref readonly WaitArgument argument) =>
        (int)CallEnter(EnterNumber, fd, submit, wait, EnterFlags, in argument, WaitArgument.Size);

    public static int Register(int fd, uint operation, ref readonly BufferRing ring) => (int)CallRegister(RegisterNumber, fd, operation, in ring, 1);

    [LibraryImport(Library, EntryPoint = "mmap", SetLastError = true)]
    public static partial nint Map(nint address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport(Library, EntryPoint = "munmap", SetLastError = true)]
    public static partial int Unmap(nint address, nuint length);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint CallSetup(nint number, nuint entries, ref Parameters parameters);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint CallEnter(nint number, nint fd, nuint submit, nuint wait, nuint flags, ref readonly WaitArgument argument, nuint size);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    private static partial nint CallRegister(nint number, nint fd, nuint operation, ref readonly BufferRing ring, nuint count);

    /// <summary>struct io_uring_params.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    internal struct Parameters
    {
        [FieldOffset(0)]
        public uint SubmissionEntries;

        [FieldOffset(4)]
        public uint CompletionEntries;

        [FieldOffset(8)]
        public uint Flags;

        [FieldOffset(20)]
        public uint Features;

        [FieldOffset(40)]
        public uint SubmissionHead;

        [FieldOffset(44)]
        public uint SubmissionTail;

        [FieldOffset(48)]
        public uint SubmissionMask;

        [FieldOffset(64)]
        public uint SubmissionArray;

        [FieldOffset(80)]
        public uint CompletionHead;

        [FieldOffset(84)]
        public uint CompletionTail;

        [FieldOffset(88)]
        public uint CompletionMask;

        [FieldOffset(100)]
        public uint Completions;
    }

    /// <summary>struct io_uring_getevents_arg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct WaitArgument
    {
        public const int Size = 24;

        public ulong SignalMask;
        public uint SignalMaskLength;
        public uint LeastWait;

        /// <summary>Address of a <see cref="Duration"/>; 0 waits for ever.</summary>
        public ulong Timeout;
    }

    /// <summary>struct __kernel_timespec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Duration
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>struct io_uring_buf_reg.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    internal struct BufferRing
    {
        [FieldOffset(0)]
        public ulong Address;

        [FieldOffset(8)]
        public uint Entries;

        [FieldOffset(12)]
        public ushort Group;
    }

    /// <summary>struct io_uring_sqe, as far as it is used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    internal struct Submission
    {
        [FieldOffset(0)]
        public byte Operation;

        [FieldOffset(1)]
        public byte Flags;

        [FieldOffset(4)]
        public int Fd;

        [FieldOffset(28)]
        public uint PollEvents;

        [FieldOffset(32)]
        public ulong Tag;

        [FieldOffset(40)]
        public ushort BufferGroup;
    }

    /// <summary>struct io_uring_cqe.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Completion
    {
        public ulong Tag;
        public int Result;
        public uint Flags;
    }

    /// <summary>struct io_uring_buf. The first one's last field is the ring's tail.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Buffer
    {
        public ulong Address;
        public uint Length;
        public ushort Number;
        public ushort Tail;
    }
}
