using System.Net;
using System.Net.Sockets;

namespace Firewall.SystemTests.Linux;

/// <summary>Traffic of real sockets between two namespaces, on threads of their own.</summary>
internal static class Conversation
{
    private const int Impatience = 20_000;

    /// <summary>Sends bytes by TCP and returns how many arrived; the content is checked.</summary>
    public static long SendTcp(NetworkNamespace client, NetworkNamespace server, string address, long length)
    {
        using Socket listener = server.Inside(() => Listen(address));
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        Task<long> received = Task.Run(() =>
        {
            using Socket socket = listener.Accept();
            socket.ReceiveTimeout = Impatience;
            byte[] buffer = new byte[256 * 1024];
            long total = 0;
            for (int count; (count = socket.Receive(buffer)) > 0; total += count)
            {
                for (int i = 0; i < count; i += 1013)
                {
                    if (buffer[i] != Pattern(total + i)) throw new InvalidDataException($"byte {total + i} is wrong");
                }
            }

            return total;
        });
        client.Inside(() =>
        {
            using Socket socket = Connect(address, port) ?? throw new TimeoutException($"no connection to {address}");
            socket.SendTimeout = Impatience;
            byte[] buffer = new byte[256 * 1024];
            for (long sent = 0; sent < length;)
            {
                int count = (int)Math.Min(buffer.Length, length - sent);
                for (int i = 0; i < count; i++) buffer[i] = Pattern(sent + i);
                for (int done = 0; done < count;) done += socket.Send(buffer.AsSpan(done, count - done));
                sent += count;
            }
        });
        return received.GetAwaiter().GetResult();
    }

    /// <summary>Sends one datagram and returns the sender's address as the receiver saw it, or null if it did not come.</summary>
    public static IPAddress? SendDatagram(NetworkNamespace client, NetworkNamespace server, string address, int patienceMilliseconds = 2000)
    {
        using Socket receiver = server.Inside(() =>
        {
            var socket = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
            socket.ReceiveTimeout = patienceMilliseconds;
            return socket;
        });
        var target = (IPEndPoint)receiver.LocalEndPoint!;
        client.Inside(() =>
        {
            using var socket = new Socket(target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            socket.SendTo("hello"u8, target);
        });
        EndPoint from = new IPEndPoint(target.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        try
        {
            receiver.ReceiveFrom(new byte[16], ref from);
            return ((IPEndPoint)from).Address;
        }
        catch (SocketException silence) when (silence.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return null;
        }
    }

    /// <summary>True if a TCP connection comes about within the time.</summary>
    public static bool CanConnect(NetworkNamespace client, NetworkNamespace server, string address, int patienceMilliseconds)
    {
        using Socket listener = server.Inside(() => Listen(address));
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        return client.Inside(() =>
        {
            using Socket? socket = Connect(address, port, patienceMilliseconds);
            return socket is not null;
        });
    }

    /// <summary>True if one ping of at most three is answered.</summary>
    public static bool Ping(NetworkNamespace from, string address, params string[] options) =>
        from.Try("ping", ["-c", "3", "-i", "0.1", "-W", "1", .. options, address]).ExitCode == 0;

    private static Socket Listen(string address)
    {
        var socket = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        socket.Listen();
        return socket;
    }

    private static Socket? Connect(string address, int port, int patienceMilliseconds = Impatience)
    {
        var socket = new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            socket.Connect(IPAddress.Parse(address), port);
        }
        catch (SocketException pending) when (pending.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // Goes on below.
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }

        bool writable = socket.Poll(TimeSpan.FromMilliseconds(patienceMilliseconds), SelectMode.SelectWrite);
        if (writable && (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)! == 0)
        {
            socket.Blocking = true;
            return socket;
        }

        socket.Dispose();
        return null;
    }

    private static byte Pattern(long position) => (byte)(position * 7 + (position >> 8));
}
