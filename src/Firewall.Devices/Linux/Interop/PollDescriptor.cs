using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux.Interop;

/// <summary>struct pollfd of poll(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor(int fd, short events)
{
    public const short Input = 0x1;
    public const short Output = 0x4;
    public const short Error = 0x8;

    public int Fd = fd;
    public short Events = events;
    public short Returned;
}
