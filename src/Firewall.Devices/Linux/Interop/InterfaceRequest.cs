using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Firewall.Devices.Linux.Interop;

/// <summary>struct ifreq of netdevice(7), as the TUN driver uses it: a name and flags. 40 bytes on 64-bit machines.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal struct InterfaceRequest
{
    /// <summary>IFNAMSIZ: a name and its final zero.</summary>
    public const int NameSize = 16;

    [FieldOffset(0)]
    private NameBytes _name;

    /// <summary>IFF_… of linux/if_tun.h; one of them, IFF_TUN_EXCL, is the sign bit.</summary>
    [FieldOffset(16)]
    public ushort Flags;

    /// <summary>Makes a request; the name must be valid (<see cref="InterfaceName"/>).</summary>
    public InterfaceRequest(string name, ushort flags)
    {
        Span<byte> bytes = _name;
        Encoding.ASCII.GetBytes(name, bytes[..(NameSize - 1)]);
        Flags = flags;
    }

    /// <summary>The name, as the kernel gave it back.</summary>
    public readonly string Name
    {
        get
        {
            ReadOnlySpan<byte> bytes = _name;
            int end = bytes.IndexOf((byte)0);
            return Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
        }
    }

    [InlineArray(NameSize)]
    private struct NameBytes
    {
        private byte _first;
    }
}
