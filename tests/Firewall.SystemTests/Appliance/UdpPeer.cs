using System.Net;
using System.Net.Sockets;
using Firewall.SystemTests.Linux;

namespace Firewall.SystemTests.Appliance;

/// <summary>A UDP socket inside a namespace.</summary>
internal sealed class UdpPeer : IDisposable
{
    private readonly byte[] _buffer = new byte[65_536];

    /// <summary>Opens the socket.</summary>
    /// <param name="place">Where.</param>
    /// <param name="address">Its own address.</param>
    /// <param name="port">Its own port; 0 takes a free one.</param>
    public UdpPeer(NetworkNamespace place, string address, int port = 0)
    {
        var local = new IPEndPoint(IPAddress.Parse(address), port);
        Socket = place.Inside(() =>
        {
            var socket = new Socket(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 4 << 20 };
            socket.Bind(local);
            return socket;
        });
    }

    public Socket Socket { get; }

    /// <summary>Sends a datagram and returns the answer's content, or null if none came in time.</summary>
    public byte[]? Ask(string address, int port, byte[] question)
    {
        Socket.SendTo(question, new IPEndPoint(IPAddress.Parse(address), port));
        return Receive(TimeSpan.FromSeconds(2), out _);
    }

    /// <summary>Waits for one datagram and returns its content, or null if none came in time.</summary>
    public byte[]? Receive(TimeSpan patience, out EndPoint from)
    {
        from = new IPEndPoint(Socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
        Socket.ReceiveTimeout = (int)patience.TotalMilliseconds;
        try
        {
            return _buffer[..Socket.ReceiveFrom(_buffer, ref from)];
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
        {
            return null;
        }
    }

    /// <summary>Answers each datagram with its bytes in reverse order, until the socket is closed.</summary>
    public UdpPeer AnswerAll()
    {
        new Thread(() =>
        {
            try
            {
                while (true)
                {
                    if (Receive(TimeSpan.FromMinutes(1), out EndPoint from) is not { } question) continue;
                    Array.Reverse(question);
                    Socket.SendTo(question, from);
                }
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        })
        { IsBackground = true }.Start();
        return this;
    }

    public void Dispose() => Socket.Dispose();
}
