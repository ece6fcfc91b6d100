namespace Firewall.Devices.Linux.Netlink;

/// <summary>A network interface as rtnetlink shows it.</summary>
/// <param name="Index">The number that addresses and routes refer to; never 0.</param>
/// <param name="Name">Up to 15 bytes.</param>
/// <param name="Mtu">The longest packet, in bytes, without link layer header.</param>
/// <param name="Flags">IFF_… of netdevice(7).</param>
/// <param name="TransmitQueueLength">In packets.</param>
/// <param name="Kind">The driver's link kind ("veth", "tun", "bridge"), or null for hardware and loopback.</param>
/// <param name="Alias">What somebody wrote on it, or null.</param>
internal sealed record Link(int Index, string Name, int Mtu, uint Flags, int TransmitQueueLength, string? Kind, string? Alias = null)
{
    private const uint UpFlag = 0x1;
    private const uint LoopbackFlag = 0x8;
    private const uint RunningFlag = 0x40;
    private const uint LowerUpFlag = 0x10000;

    public bool IsUp => (Flags & UpFlag) != 0;

    /// <summary>Of a TUN: somebody has a queue of it open, and it is up.</summary>
    public bool HasCarrier => (Flags & LowerUpFlag) != 0;

    /// <summary>True if the kernel has drawn its conclusions from the carrier, which may be a second after it came or went.</summary>
    public bool IsRunning => (Flags & RunningFlag) != 0;

    public bool IsLoopback => (Flags & LoopbackFlag) != 0;

    /// <summary>Reads an RTM_NEWLINK or RTM_DELLINK.</summary>
    public static Link Read(ReadOnlySpan<byte> body)
    {
        const ushort interfaceName = 3, mtuAttribute = 4, queueLength = 13, linkInformation = 18, aliasAttribute = 20;
        NetlinkMessage.RequireLength(body, 16, "a link");
        string name = "";
        uint mtu = 0;
        uint queue = 0;
        string? kind = null;
        string? alias = null;
        var attributes = new NetlinkAttributes(body[16..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case interfaceName: name = attributes.Text; break;
                case mtuAttribute: mtu = attributes.UInt32; break;
                case queueLength: queue = attributes.UInt32; break;
                case aliasAttribute: alias = attributes.Text; break;
                case linkInformation: kind = ReadKind(attributes.Nested); break;
            }
        }

        // A loopback's MTU may be up to 2^32-1.
        return new Link((int)NetlinkMessage.ReadUInt32(body[4..]), name, (int)Math.Min(mtu, int.MaxValue),
            NetlinkMessage.ReadUInt32(body[8..]), (int)Math.Min(queue, int.MaxValue), kind, alias);
    }

    private static string? ReadKind(NetlinkAttributes information)
    {
        const ushort kindAttribute = 1;
        while (information.Next())
        {
            if (information.Type == kindAttribute) return information.Text;
        }

        return null;
    }
}
