using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Firewall.Devices.Linux;

/// <summary>The process at the other end of a Unix socket, as the kernel knew it when it connected (unix(7), SO_PEERCRED).</summary>
/// <param name="Process">Its process id; 0 if it is in a process namespace that is not seen from here.</param>
/// <param name="User">Its effective user id.</param>
/// <param name="Group">Its effective group id.</param>
/// <param name="Groups">Its supplementary groups (SO_PEERGROUPS).</param>
public sealed record LocalPeer(int Process, uint User, uint Group, IReadOnlyList<uint> Groups)
{
    private const int SolSocket = 1;
    private const int SoPeerCred = 17;
    private const int SoPeerGroups = 59;

    /// <summary>True if the group is one of the peer's.</summary>
    public bool IsMember(uint group) => Group == group || Groups.Contains(group);

    /// <summary>Asks the kernel. Of a socket that this process has connected, it is who listens.</summary>
    /// <exception cref="SocketException">It is no connected Unix socket.</exception>
    public static LocalPeer Of(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        // struct ucred { pid_t pid; uid_t uid; gid_t gid; }
        Span<uint> credentials = stackalloc uint[3];
        socket.GetRawSocketOption(SolSocket, SoPeerCred, MemoryMarshal.AsBytes(credentials));
        return new LocalPeer((int)credentials[0], credentials[1], credentials[2], GroupsOf(socket));
    }

    private static uint[] GroupsOf(Socket socket)
    {
        // The kernel's limit is 65,536 groups (NGROUPS_MAX).
        const int Most = 65_536;
        for (int room = 64; room <= Most; room *= 32)
        {
            byte[] groups = new byte[room * sizeof(uint)];
            try
            {
                int length = socket.GetRawSocketOption(SolSocket, SoPeerGroups, groups);
                return MemoryMarshal.Cast<byte, uint>(groups.AsSpan(0, length)).ToArray();
            }
            catch (SocketException)
            {
                // ERANGE: more groups than room. A kernel before 4.13 does not know the option; then no group counts.
            }
        }

        return [];
    }
}
