using System.Net.Sockets;
using Firewall.Devices.Linux;
using Firewall.Hosting.Handover;

namespace Firewall.Admin;

/// <summary>Who may use the admin socket: root, the user that the appliance runs as, and members of one group. The kernel says who asks.</summary>
/// <param name="Group">The group's number; null if there is none.</param>
internal sealed record AdminAccess(uint? Group)
{
    /// <summary>True if that process may.</summary>
    public bool IsAllowed(LocalPeer peer) => PeerUser.IsTrusted(peer.User) || (Group is { } group && peer.IsMember(group));

    /// <summary>The process at the other end, or null if it may not, or is gone.</summary>
    public LocalPeer? Admit(Socket socket)
    {
        try
        {
            var peer = LocalPeer.Of(socket);
            return IsAllowed(peer) ? peer : null;
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
