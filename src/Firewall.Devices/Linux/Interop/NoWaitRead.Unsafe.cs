using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux.Interop;

/// <summary>A read that never waits, whatever kind of descriptor it is of: preadv2(2) with RWF_NOWAIT. A TUN has it since Linux 5.11.</summary>
internal static unsafe partial class NoWaitRead
{
    private const int NoWait = 0x8;
    private const nint WhereTheFileIs = -1;

    private static readonly nint s_number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 286 : 327;

    /// <summary>As read(2), but EAGAIN in place of waiting, and EOPNOTSUPP where the file cannot do it.</summary>
    public static nint Read(int fd, ref byte buffer, nint count)
    {
        fixed (byte* start = &buffer)
        {
            nint* span = stackalloc nint[2] { (nint)start, count }; // struct iovec
            return Call(s_number, fd, span, 1, WhereTheFileIs, WhereTheFileIs, NoWait);
        }
    }

    // By its number: musl's function is younger than some that we run with.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint Call(nint number, nint fd, nint* spans, nint count, nint offsetLow, nint offsetHigh, nint flags);
}
