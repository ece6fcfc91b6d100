using System.Net.Sockets;

namespace Firewall.Hosting;

/// <summary>
/// Held by the one appliance on a TUN name in a network namespace. It is a bound socket in Linux's abstract namespace (unix(7)): that
/// is per network namespace as TUN names are, needs no writable file system, and is gone with the process however it ends.
/// </summary>
internal sealed class InstanceLock : IDisposable
{
    private readonly Socket _socket;

    private InstanceLock(Socket socket) => _socket = socket;

    /// <summary>Takes the lock.</summary>
    /// <exception cref="ApplianceException">Another instance holds it.</exception>
    public static InstanceLock Take(string tunName)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint($"\0firewall/{tunName}"));
            return new InstanceLock(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? new ApplianceException(
                    $"another instance already runs on {tunName} in this network namespace; stop it, or give this one another Firewall:Tun:Name", e)
                : new ApplianceException($"the lock of {tunName} cannot be taken: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
