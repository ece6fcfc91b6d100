namespace Firewall.Devices.Linux.Interop;

/// <summary>The TUN driver's requests and flags (linux/if_tun.h). The request numbers are those of x64 and arm64.</summary>
internal static class TunCalls
{
    /// <summary>TUNSETIFF, _IOW('T', 202, int).</summary>
    public const nuint SetInterface = 0x4004_54CA;

    /// <summary>TUNSETPERSIST, _IOW('T', 203, int); takes the value itself: 1 keeps the interface when its last descriptor is closed.</summary>
    public const nuint SetPersistent = 0x4004_54CB;

    /// <summary>TUNGETFEATURES, _IOR('T', 207, unsigned int).</summary>
    public const nuint GetFeatures = 0x8004_54CF;

    /// <summary>TUNSETOFFLOAD, _IOW('T', 208, unsigned int); takes the value itself, not a pointer.</summary>
    public const nuint SetOffload = 0x4004_54D0;

    /// <summary>FIONBIO (asm-generic/ioctls.h), any file's: 0 makes reads wait.</summary>
    public const nuint SetNonBlocking = 0x5421;

    /// <summary>IFF_TUN: IP packets without link layer.</summary>
    public const ushort Tun = 0x0001;

    /// <summary>IFF_MULTI_QUEUE: more than one descriptor may attach.</summary>
    public const ushort MultiQueue = 0x0100;

    /// <summary>IFF_NO_PI: no four bytes of flags and EtherType in front.</summary>
    public const ushort NoPacketInformation = 0x1000;

    /// <summary>IFF_VNET_HDR: a virtio-net header in front.</summary>
    public const ushort VirtioNetHeader = 0x4000;

    /// <summary>IFF_TUN_EXCL: fail with EBUSY if the interface exists.</summary>
    public const ushort Exclusive = 0x8000;
}
