using System.Collections;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>
/// Numbered datagrams from the client to the VM at a steady rate, on one flow or on several in turn; at the end it is known which came, how
/// often and in which order within their flow.
/// </summary>
internal sealed class NumberedDatagrams : IDisposable
{
    private const int Length = 64;
    private const int RoomForPause = 64 << 20;

    private readonly UdpPeer[] _clients;
    private readonly UdpPeer _server;
    private readonly int _perMillisecond;
    private readonly Task<int> _sending;
    private readonly Task _receiving;
    private readonly BitArray _came = new(50_000_000);
    private readonly int[] _last;
    private volatile bool _stop;
    private int _received;

    /// <summary>Starts to send.</summary>
    public NumberedDatagrams(Lab lab, int port, int perSecond, int flows = 1)
    {
        _perMillisecond = perSecond / 1000;
        _server = new UdpPeer(lab.Vm, Lab.VmV4, port);
        // What waited during a pause comes at once; the test is about the firewall, not about its own socket. SO_RCVBUFFORCE, socket(7).
        _server.Socket.SetRawSocketOption(1, 33, BitConverter.GetBytes(RoomForPause));
        _clients = [.. Enumerable.Range(0, flows).Select(_ => new UdpPeer(lab.Client, Lab.ClientV4))];
        foreach (UdpPeer client in _clients) client.Socket.Connect(IPAddress.Parse(Lab.VmV4), port);
        _last = new int[flows];
        Array.Fill(_last, -1);
        _receiving = Task.Factory.StartNew(Receive, TaskCreationOptions.LongRunning);
        _sending = Task.Factory.StartNew(Send, TaskCreationOptions.LongRunning);
    }

    /// <summary>Datagrams that have come so far.</summary>
    public int Received => Volatile.Read(ref _received);

    /// <summary>How many came after one of their flow with a higher number.</summary>
    public int Reordered { get; private set; }

    /// <summary>How many came a second time.</summary>
    public int Duplicated { get; private set; }

    /// <summary>Stops sending, waits for the last one, and returns how many were sent and which of them have not come.</summary>
    public (int Sent, IReadOnlyList<int> Lost) End()
    {
        _stop = true;
        int sent = _sending.GetAwaiter().GetResult();
        _receiving.GetAwaiter().GetResult();
        return (sent, [.. Enumerable.Range(0, sent).Where(number => !_came[number])]);
    }

    public void Dispose()
    {
        _stop = true;
        foreach (UdpPeer client in _clients) client.Dispose();
        _server.Dispose();
        Task.WhenAll(_sending, _receiving).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
    }

    private int Send()
    {
        byte[] datagram = new byte[Length];
        int number = 0;
        long start = Stopwatch.GetTimestamp();
        while (!_stop)
        {
            int due = (int)(Stopwatch.GetElapsedTime(start).TotalMilliseconds * _perMillisecond);
            for (; number < due; number++)
            {
                BitConverter.TryWriteBytes(datagram, number);
                _clients[number % _clients.Length].Socket.Send(datagram);
            }

            Thread.Sleep(1);
        }

        return number;
    }

    private void Receive()
    {
        byte[] datagram = new byte[Length];
        _server.Socket.ReceiveTimeout = 500;
        while (true)
        {
            try
            {
                Assert.Equal(Length, _server.Socket.Receive(datagram));
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
            {
                if (_stop) return;
                continue;
            }

            int number = BitConverter.ToInt32(datagram);
            if (_came[number]) Duplicated++;
            ref int last = ref _last[number % _last.Length];
            if (number < last) Reordered++;
            last = number;
            _came[number] = true;
            Volatile.Write(ref _received, _received + 1);
        }
    }
}
