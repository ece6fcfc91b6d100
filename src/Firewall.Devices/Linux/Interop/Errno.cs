using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux.Interop;

/// <summary>Error numbers of Linux that this code tells apart (asm-generic: the same on x64, arm64, riscv64).</summary>
internal enum Errno
{
    None = 0,
    EPERM = 1,
    ENOENT = 2,
    ESRCH = 3,
    EINTR = 4,
    EIO = 5,
    ENXIO = 6,
    EBADF = 9,
    EAGAIN = 11,
    ENOMEM = 12,
    EACCES = 13,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    ENODEV = 19,
    EINVAL = 22,
    ENFILE = 23,
    EMFILE = 24,
    ENOSPC = 28,
    EROFS = 30,
    EPIPE = 32,
    ENOSYS = 38,
    EBADFD = 77,
    EOPNOTSUPP = 95,
    EAFNOSUPPORT = 97,
    EADDRNOTAVAIL = 99,
    ENETDOWN = 100,
    ENETUNREACH = 101,
    ENOBUFS = 105,
    ENOTCONN = 107,
    EINPROGRESS = 115,
}

/// <summary>Reading and naming the C library's error number.</summary>
internal static class ErrnoText
{
    /// <summary>The number that the last imported function left.</summary>
    public static Errno Last => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>Name and text, for example "EBUSY, Device or resource busy".</summary>
    public static string Describe(this Errno errno)
    {
        string text = Marshal.GetPInvokeErrorMessage((int)errno);
        return Enum.IsDefined(errno) ? $"{errno}, {text}" : $"errno {(int)errno}, {text}";
    }
}
