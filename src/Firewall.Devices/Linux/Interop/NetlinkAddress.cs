using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux.Interop;

/// <summary>struct sockaddr_nl of netlink(7).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NetlinkAddress(uint groups)
{
    public const ushort NetlinkFamily = 16;

    public ushort Family = NetlinkFamily;
    public ushort Padding;

    /// <summary>0 lets the kernel choose.</summary>
    public uint PortId;

    /// <summary>Bit n-1 subscribes to multicast group n.</summary>
    public uint Groups = groups;
}
