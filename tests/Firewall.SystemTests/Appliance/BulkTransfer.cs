using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Xunit;

namespace Firewall.SystemTests.Appliance;

/// <summary>A TCP connection from the client to the VM that sends as fast as it can until it is ended, and is compared at both ends.</summary>
internal sealed class BulkTransfer : IDisposable
{
    private const int Impatience = 20_000;

    private readonly Socket _client;
    private readonly Socket _server;
    private readonly Task<(long Length, string Hash)> _sending;
    private readonly Task<(long Length, string Hash)> _receiving;
    private readonly CancellationTokenSource _done = new();
    private long _received;

    /// <summary>Connects and starts to send.</summary>
    public BulkTransfer(Lab lab, int port, string address = Lab.VmV4)
    {
        using Socket listener = lab.Vm.Inside(() =>
        {
            var local = new IPEndPoint(IPAddress.Parse(address), port);
            var socket = new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(local);
            socket.Listen();
            return socket;
        });
        _client = lab.Client.Inside(() =>
        {
            var remote = IPAddress.Parse(address);
            var socket = new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { SendTimeout = Impatience };
            socket.Connect(remote, port);
            return socket;
        });
        _server = listener.Accept();
        _server.ReceiveTimeout = Impatience;
        _sending = Task.Factory.StartNew(Send, TaskCreationOptions.LongRunning);
        _receiving = Task.Factory.StartNew(Receive, TaskCreationOptions.LongRunning);
    }

    /// <summary>Bytes that have arrived so far.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Ends the transfer, fails unless all that was sent has arrived unchanged, and returns how many bytes that was.</summary>
    public long EndWhole()
    {
        _done.Cancel();
        (long Length, string Hash) sent = _sending.GetAwaiter().GetResult();
        Assert.Equal(sent, _receiving.GetAwaiter().GetResult());
        return sent.Length;
    }

    public void Dispose()
    {
        _done.Cancel();
        _client.Dispose();
        _server.Dispose();
        Task.WhenAll(_sending, _receiving).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
        _done.Dispose();
    }

    private (long Length, string Hash) Send()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = new byte[65_536];
        long length = 0;
        while (!_done.IsCancellationRequested)
        {
            RandomNumberGenerator.Fill(block.AsSpan(0, 64));
            hash.AppendData(block);
            for (int at = 0; at < block.Length;) at += _client.Send(block.AsSpan(at));
            length += block.Length;
        }

        _client.Shutdown(SocketShutdown.Send);
        return (length, Convert.ToHexString(hash.GetHashAndReset()));
    }

    private (long Length, string Hash) Receive()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = new byte[65_536];
        while (_server.Receive(block) is > 0 and int count)
        {
            hash.AppendData(block.AsSpan(0, count));
            Volatile.Write(ref _received, _received + count);
        }

        return (_received, Convert.ToHexString(hash.GetHashAndReset()));
    }
}
