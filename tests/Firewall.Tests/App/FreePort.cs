using System.Net;
using System.Net.Sockets;

namespace Firewall.Tests.App;

/// <summary>TCP ports of the loopback.</summary>
internal static class FreePort
{
    /// <summary>A port that nobody listens on.</summary>
    public static int Next()
    {
        using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)free.LocalEndPoint!).Port;
    }

    /// <summary>Waits until somebody listens.</summary>
    public static async Task ListensAsync(int port, CancellationToken patience)
    {
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port, patience);
                return;
            }
            catch (SocketException)
            {
                await Task.Yield();
            }
        }
    }
}
