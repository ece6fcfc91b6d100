using System.Runtime.InteropServices;
using Firewall.Core.Packets;

namespace Firewall.Devices.Windows.Interop;

/// <summary>SOCKADDR_INET: an address of either family, without a port. 28 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 28)]
internal unsafe struct SocketAddress
{
    /// <summary>AF_INET.</summary>
    public const ushort InterNetwork = 2;

    /// <summary>AF_INET6 of Windows.</summary>
    public const ushort InterNetworkV6 = 23;

    /// <summary>The family.</summary>
    [FieldOffset(0)]
    public ushort Family;

    [FieldOffset(4)]
    private fixed byte _four[4];

    [FieldOffset(8)]
    private fixed byte _sixteen[16];

    /// <summary>Makes one of an address.</summary>
    public static SocketAddress Of(IpAddress address)
    {
        SocketAddress made = default;
        made.Family = FamilyOf(address);
        if (address.IsIPv4) address.WriteBytes(new Span<byte>(made._four, 4));
        else address.WriteBytes(new Span<byte>(made._sixteen, 16));
        return made;
    }

    /// <summary>The family of an address.</summary>
    public static ushort FamilyOf(IpAddress address) => address.IsIPv4 ? InterNetwork : InterNetworkV6;
}

/// <summary>MIB_UNICASTIPADDRESS_ROW: an address of an interface. 80 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 80)]
internal struct UnicastAddressRow
{
    /// <summary>IpDadStatePreferred: nobody needs to be asked whether the address is taken, there is no neighbour.</summary>
    public const int Preferred = 4;

    [FieldOffset(0)]
    public SocketAddress Address;

    [FieldOffset(32)]
    public ulong Luid;

    [FieldOffset(60)]
    public byte OnLinkPrefixLength;

    [FieldOffset(64)]
    public int DuplicateAddressDetection;
}

/// <summary>MIB_IPFORWARD_ROW2: a route. 104 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 104)]
internal struct ForwardRow
{
    [FieldOffset(0)]
    public ulong Luid;

    [FieldOffset(12)]
    public SocketAddress Destination;

    [FieldOffset(40)]
    public byte DestinationLength;

    [FieldOffset(44)]
    public SocketAddress NextHop;

    [FieldOffset(84)]
    public uint Metric;
}

/// <summary>MIB_IPINTERFACE_ROW: the settings of an interface for one family. 168 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 168)]
internal struct InterfaceRow
{
    [FieldOffset(0)]
    public ushort Family;

    [FieldOffset(8)]
    public ulong Luid;

    [FieldOffset(41)]
    public byte ForwardingEnabled;

    [FieldOffset(44)]
    public byte UseAutomaticMetric;

    /// <summary>0: no router is looked for (RouterDiscoveryDisabled).</summary>
    [FieldOffset(52)]
    public int RouterDiscovery;

    /// <summary>How often to ask whether an address is taken.</summary>
    [FieldOffset(56)]
    public uint DadTransmits;

    [FieldOffset(144)]
    public uint SitePrefixLength;

    [FieldOffset(148)]
    public uint Metric;

    [FieldOffset(152)]
    public uint Mtu;
}
