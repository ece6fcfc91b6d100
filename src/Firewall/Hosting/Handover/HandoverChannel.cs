using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Firewall.Devices.Linux;

namespace Firewall.Hosting.Handover;

/// <summary>
/// A conversation between a running appliance and its successor: one line a message over a Unix socket, and open files beside them.
/// Every failure, also silence, is an <see cref="IOException"/>.
/// </summary>
internal sealed class HandoverChannel : IDisposable
{
    private const int LongestLine = 16_384;

    private readonly Socket _socket;

    /// <summary>Takes over a connected socket.</summary>
    public HandoverChannel(Socket socket)
    {
        _socket = socket;
        _socket.Blocking = true;
    }

    /// <summary>Who is at the other end, as the kernel knows it.</summary>
    public LocalPeer Peer => LocalPeer.Of(_socket);

    /// <summary>Sends a line.</summary>
    public void Say(string line)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(line.ReplaceLineEndings(" ") + "\n");
        Guard(() => _socket.Send(bytes));
    }

    /// <summary>Waits for a line.</summary>
    /// <param name="patience">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    public string Hear(TimeSpan patience)
    {
        _socket.ReceiveTimeout = patience == Timeout.InfiniteTimeSpan ? 0 : Math.Max(1, (int)patience.TotalMilliseconds);
        var line = new List<byte>();
        byte[] one = new byte[1]; // byte by byte: a descriptor's byte may follow, which must not be read here
        while (line.Count < LongestLine)
        {
            int got = 0;
            Guard(() => got = _socket.Receive(one));
            if (got == 0) throw new IOException("the other process has ended the conversation");
            if (one[0] == '\n') return Encoding.UTF8.GetString([.. line]);
            line.Add(one[0]);
        }

        throw new IOException("the other process sends no line of this protocol");
    }

    /// <summary>Passes an open file on; it stays the caller's.</summary>
    public void Pass(SafeHandle file) => DescriptorPassing.Send(_socket.SafeHandle, file);

    /// <summary>Takes an open file; it is the caller's.</summary>
    public SafeHandle Take() => DescriptorPassing.Receive(_socket.SafeHandle);

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static void Guard(Action call)
    {
        try
        {
            call();
        }
        catch (SocketException e)
        {
            throw new IOException($"the other process does not answer: {e.Message}", e);
        }
        catch (ObjectDisposedException e)
        {
            throw new IOException("the conversation was ended here", e);
        }
    }
}
