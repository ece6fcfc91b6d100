namespace Firewall.Devices.Linux;

/// <summary>
/// What the kernel may hand over through a TUN without finishing it (TUN_F_… of linux/if_tun.h). Each is worth having because the
/// firewall writes back what it read: an unfinished checksum or an unsegmented super-packet is finished once, by whoever sends it on.
/// </summary>
[Flags]
public enum TunOffloads
{
    /// <summary>Finished packets of at most one MTU.</summary>
    None = 0,

    /// <summary>Packets whose transport checksum is not filled in. The others need it.</summary>
    Checksum = 0x01,

    /// <summary>TCP over IPv4 in super-packets of up to 64 KiB.</summary>
    Tso4 = 0x02,

    /// <summary>TCP over IPv6 in super-packets.</summary>
    Tso6 = 0x04,

    /// <summary>TCP super-packets that carry ECN bits.</summary>
    TsoEcn = 0x08,

    /// <summary>UDP over IPv4 in super-packets; Linux 6.2 and later, only together with <see cref="Uso6"/>.</summary>
    Uso4 = 0x20,

    /// <summary>UDP over IPv6 in super-packets; only together with <see cref="Uso4"/>.</summary>
    Uso6 = 0x40,

    /// <summary>All that this program knows.</summary>
    All = Checksum | Tso4 | Tso6 | TsoEcn | Uso4 | Uso6,
}
