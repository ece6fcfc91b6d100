using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Firewall.Hosting;

/// <summary>
/// Held by the one appliance on a TUN name in a network namespace. It is a bound socket in Linux's abstract namespace (unix(7)): that
/// is per network namespace as TUN names are, needs no writable file system, and is gone with the process however it ends. A successor
/// connects to it to take over, and shares it from then on.
/// </summary>
internal sealed class InstanceLock : IDisposable
{
    private const int Backlog = 4;

    private InstanceLock(Socket socket) => Socket = socket;

    /// <summary>Listens for a successor. It is only ever accepted from in a way that can be called off: shutting it down would also shut
    /// down the successor's.</summary>
    public Socket Socket { get; }

    /// <summary>Where it is bound.</summary>
    public static UnixDomainSocketEndPoint AddressOf(string tunName) => new($"\0firewall/{tunName}");

    /// <summary>Takes the lock.</summary>
    /// <exception cref="ApplianceException">Another instance holds it.</exception>
    public static InstanceLock Take(string tunName)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(AddressOf(tunName));
            socket.Listen(Backlog);
            return new InstanceLock(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? new ApplianceException(
                    $"another instance already runs on {tunName} in this network namespace; stop it, follow it with `firewall run --take-over`, or give this one another Firewall:Tun:Name, Firewall:Routing:Table and Firewall:Routing:Priority", e)
                : new ApplianceException($"the lock of {tunName} cannot be taken: {e.Message}", e);
        }
    }

    /// <summary>The lock of the instance that passed its socket on; both hold it until both have let it go.</summary>
    public static InstanceLock Share(SafeHandle passed)
    {
        var handle = new SafeSocketHandle(passed.DangerousGetHandle(), ownsHandle: true);
        passed.SetHandleAsInvalid();
        return new InstanceLock(new Socket(handle));
    }

    /// <inheritdoc/>
    public void Dispose() => Socket.Dispose();
}
