using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Firewall.Devices.Linux;

namespace Firewall.Hosting;

/// <summary>
/// Held by the one appliance on a TUN name in a network namespace. It is a bound socket in Linux's abstract namespace (unix(7)): that
/// is per network namespace as TUN names are, needs no writable file system, and is gone with the process however it ends. A successor
/// connects to it to take over, and shares it from then on. Somebody else who has taken its name first does not keep anybody from it.
/// </summary>
internal sealed class InstanceLock : IDisposable
{
    private const int Backlog = 4;

    // Of two that start at the same moment one gives up at once; the other waits for that.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    private InstanceLock(Socket socket) => Socket = socket;

    /// <summary>Listens for a successor. It is only ever accepted from in a way that can be called off: shutting it down would also shut
    /// down the successor's.</summary>
    public Socket Socket { get; }

    /// <summary>Who, not to be trusted, had taken the usual name; null if this lock has it, or another instance did.</summary>
    public string? UsualNameHolder { get; private init; }

    /// <summary>Takes the lock.</summary>
    /// <exception cref="ApplianceException">Another instance holds it.</exception>
    public static InstanceLock Take(string tunName)
    {
        string name = RunningInstance.UsualName(tunName);
        bool isUsual = true;
        Socket? socket = null;
        try
        {
            socket = TryBind(name);
            if (socket is null)
            {
                isUsual = false;
                name = RunningInstance.UnforeseeableName(tunName);
                socket = TryBind(name) ?? throw new SocketException((int)SocketError.AddressAlreadyInUse);
            }

            // First listen, then look: of two that do so at least one sees the other.
            socket.Listen(Backlog);
            LocalPeer? stranger = RequireNoOther(tunName, name);
            string? holder = isUsual ? null : stranger is null ? "a process that does not answer" : $"process {stranger.Process} of user {stranger.User}";
            return new InstanceLock(socket) { UsualNameHolder = holder };
        }
        catch (SocketException e)
        {
            socket?.Dispose();
            throw new ApplianceException($"the lock of {tunName} cannot be taken: {e.Message}", e);
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    /// <summary>The lock of the instance that passed its socket on; both hold it until both have let it go.</summary>
    public static InstanceLock Share(SafeHandle passed)
    {
        var handle = new SafeSocketHandle(passed.DangerousGetHandle(), ownsHandle: true);
        passed.SetHandleAsInvalid();
        return new InstanceLock(new Socket(handle));
    }

    /// <summary>Says that this process is the one in charge: who connects from now on sees it, and not the one that the socket came from.</summary>
    /// <exception cref="SocketException">The kernel refused.</exception>
    public void Claim() => Socket.Listen(Backlog);

    /// <inheritdoc/>
    public void Dispose() => Socket.Dispose();

    // Null: somebody has the name.
    private static Socket? TryBind(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(name));
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            if (e.SocketErrorCode == SocketError.AddressAlreadyInUse) return null;
            throw;
        }
    }

    // Returns a stranger who listens where an instance would.
    private static LocalPeer? RequireNoOther(string tunName, string name)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            using Socket? other = RunningInstance.Reach(tunName, name, out string? otherName, out LocalPeer? stranger);
            if (other is null) return stranger;
            bool givesUp = string.CompareOrdinal(name, otherName) > 0 || Stopwatch.GetElapsedTime(start) > Patience;
            if (givesUp)
            {
                int process = LocalPeer.Of(other).Process;
                string who = process != 0 ? $", process {process}" : "";
                throw new ApplianceException(
                    $"another instance already runs on {tunName} in this network namespace{who}; stop it, follow it with `firewall run --take-over`, or give this one another Firewall:Tun:Name, Firewall:Routing:Table and Firewall:Routing:Priority");
            }

            Thread.Sleep(Step);
        }
    }
}
