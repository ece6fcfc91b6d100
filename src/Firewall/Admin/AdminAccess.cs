using System.Net.Sockets;
using Firewall.Devices.Linux;
using Firewall.Hosting.Handover;

namespace Firewall.Admin;

/// <summary>
/// Who may do what by the admin socket. Operators are root, the user that the appliance runs as, and members of one group; members of
/// another one may be readers. The kernel says who asks.
/// </summary>
/// <param name="Operators">The number of the operators' group; null if there is none.</param>
/// <param name="Readers">The number of the readers' group; null if there is none.</param>
internal sealed record AdminAccess(uint? Operators, uint? Readers)
{
    /// <summary>What that process may do.</summary>
    public AdminRole RoleOf(LocalPeer peer)
    {
        if (PeerUser.IsTrusted(peer.User) || (Operators is { } operators && peer.IsMember(operators))) return AdminRole.Operator;
        return Readers is { } readers && peer.IsMember(readers) ? AdminRole.Reader : AdminRole.None;
    }

    /// <summary>The process at the other end, or null if it may do nothing, or is gone.</summary>
    public LocalPeer? Admit(Socket socket)
    {
        try
        {
            var peer = LocalPeer.Of(socket);
            return RoleOf(peer) == AdminRole.None ? null : peer;
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
