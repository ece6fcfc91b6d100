using Firewall.Core.Packets;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>An address of an interface as rtnetlink shows it.</summary>
/// <param name="InterfaceIndex">The interface.</param>
/// <param name="Address">The machine's own address (not the peer's of a point-to-point link).</param>
/// <param name="PrefixLength">Of the network on the link.</param>
/// <param name="Scope">RT_SCOPE_…: 0 global, 253 link, 254 host.</param>
/// <param name="Flags">IFA_F_….</param>
internal sealed record InterfaceAddress(int InterfaceIndex, IpAddress Address, int PrefixLength, byte Scope, uint Flags)
{
    private const uint SecondaryOrTemporary = 0x01;
    private const uint DuplicateDetectionFailed = 0x08;
    private const uint Deprecated = 0x20;
    private const uint Tentative = 0x40;

    /// <summary>RT_SCOPE_UNIVERSE, or RT_SCOPE_SITE of old private IPv6.</summary>
    public bool IsGlobal => Scope is 0 or 200;

    /// <summary>True if the kernel may choose the address as a source by itself.</summary>
    public bool IsPreferredSource => (Flags & (SecondaryOrTemporary | DuplicateDetectionFailed | Deprecated | Tentative)) == 0;

    /// <summary>The network on the link.</summary>
    public IpPrefix Network => IpPrefix.Create(Address, PrefixLength);

    /// <summary>Reads an RTM_NEWADDR or RTM_DELADDR; null for a family other than IPv4 and IPv6.</summary>
    public static InterfaceAddress? Read(ReadOnlySpan<byte> body)
    {
        const ushort addressAttribute = 1, localAttribute = 2, flagsAttribute = 8;
        NetlinkMessage.RequireLength(body, 8, "an address");
        if (body[0] is not (NetlinkMessage.IPv4 or NetlinkMessage.IPv6)) return null;
        IpAddress? address = null;
        IpAddress? local = null;
        uint flags = body[2];
        var attributes = new NetlinkAttributes(body[8..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case addressAttribute: address = attributes.Address; break;
                case localAttribute: local = attributes.Address; break;
                case flagsAttribute: flags = attributes.UInt32; break;
            }
        }

        // IFA_LOCAL is ours and IFA_ADDRESS the peer's on point-to-point links; elsewhere they are equal, or only the latter is there.
        return (local ?? address) is { } own
            ? new InterfaceAddress((int)NetlinkMessage.ReadUInt32(body[4..]), own, body[1], body[3], flags)
            : null;
    }
}
