using System.Globalization;

namespace Firewall.Devices.Captures;

/// <summary>Link-layer header types by their numbers in capture files (the registry of tcpdump.org, "LINKTYPE_").</summary>
public static class LinkType
{
    /// <summary>BSD loopback: the address family in the byte order of the machine that captured.</summary>
    public const int Null = 0;

    /// <summary>Ethernet.</summary>
    public const int Ethernet = 1;

    /// <summary>Raw IP in files that carry the number of most systems' own constant.</summary>
    public const int RawOfMostSystems = 12;

    /// <summary>Raw IP in files that carry OpenBSD's own constant.</summary>
    public const int RawOfOpenBsd = 14;

    /// <summary>Raw IP, version 4 or 6.</summary>
    public const int Raw = 101;

    /// <summary>OpenBSD loopback: the address family in network byte order.</summary>
    public const int Loop = 108;

    /// <summary>Linux cooked capture, version 1.</summary>
    public const int LinuxCooked = 113;

    /// <summary>Raw IPv4.</summary>
    public const int IPv4 = 228;

    /// <summary>Raw IPv6.</summary>
    public const int IPv6 = 229;

    /// <summary>Linux cooked capture, version 2.</summary>
    public const int LinuxCooked2 = 276;

    /// <summary>What people can do about a link type that is not among these.</summary>
    internal const string Supported =
        "Supported are Ethernet (1), raw IP (101, 12, 14, 228, 229), Linux cooked (113, 276) and BSD loopback (0, 108).";

    /// <summary>True if packets of this link type can be read.</summary>
    public static bool IsSupported(int linkType) =>
        linkType is Null or Ethernet or RawOfMostSystems or RawOfOpenBsd or Raw or Loop or LinuxCooked or IPv4 or IPv6 or LinuxCooked2;

    /// <summary>The number, with the registry's name where it is a usual one: <c>105 (IEEE802_11)</c>.</summary>
    public static string Describe(int linkType)
    {
        string? name = linkType switch
        {
            Null => "NULL",
            Ethernet => "ETHERNET",
            6 => "IEEE802_5, token ring",
            7 => "ARCNET_BSD",
            8 => "SLIP",
            9 => "PPP",
            10 => "FDDI",
            RawOfMostSystems or RawOfOpenBsd or Raw => "RAW",
            50 => "PPP_HDLC",
            51 => "PPP_ETHER",
            99 => "SYMANTEC_FIREWALL",
            100 => "ATM_RFC1483",
            104 => "C_HDLC",
            105 => "IEEE802_11",
            107 => "FRELAY, frame relay",
            Loop => "LOOP",
            LinuxCooked => "LINUX_SLL",
            114 => "LTALK",
            117 => "PFLOG",
            119 => "IEEE802_11_PRISM",
            122 => "IP_OVER_FC",
            123 => "SUNATM",
            127 => "IEEE802_11_RADIOTAP",
            129 => "ARCNET_LINUX",
            138 => "APPLE_IP_OVER_IEEE1394",
            143 => "DOCSIS",
            144 => "LINUX_IRDA",
            >= 147 and <= 162 => string.Create(CultureInfo.InvariantCulture, $"USER{linkType - 147}"),
            163 => "IEEE802_11_AVS",
            166 => "PPP_PPPD",
            169 => "GPRS_LLC",
            182 => "MFR",
            187 => "BLUETOOTH_HCI_H4",
            189 => "USB_LINUX",
            192 => "PPI",
            195 => "IEEE802_15_4_WITHFCS",
            201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
            203 => "LAPD",
            220 => "USB_LINUX_MMAPPED",
            226 => "IPNET",
            227 => "CAN_SOCKETCAN",
            IPv4 => "IPV4",
            IPv6 => "IPV6",
            230 => "IEEE802_15_4_NOFCS",
            231 => "DBUS",
            239 => "NFLOG",
            240 => "NETANALYZER",
            247 => "INFINIBAND",
            249 => "USBPCAP",
            251 => "BLUETOOTH_LE_LL",
            253 => "NETLINK",
            258 => "PKTAP",
            LinuxCooked2 => "LINUX_SLL2",
            _ => null,
        };
        return name is null ? linkType.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{linkType} ({name})");
    }
}
