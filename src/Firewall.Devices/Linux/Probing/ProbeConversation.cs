using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux.Probing;

/// <summary>
/// Two ends on this machine. Of UDP they are one socket that sends to the peer's address and its own port, and gets its own datagrams back;
/// of TCP a client that connects to the peer's address, and a listener on our own.
/// </summary>
internal sealed class ProbeConversation : IProbeConversation
{
    private readonly int _tun;
    private readonly ProbeSocket _sender;
    private readonly ProbeSocket? _listener;
    private ProbeSocket? _accepted;

    /// <param name="path">Family and protocol.</param>
    /// <param name="addresses">Of the TUN.</param>
    /// <param name="interfaceName">The TUN's name.</param>
    /// <param name="tun">The TUN's descriptor, which somebody else closes.</param>
    /// <exception cref="IOException">The kernel refused.</exception>
    public ProbeConversation(ProbePath path, ProbeAddresses addresses, string interfaceName, int tun)
    {
        _tun = tun;
        _sender = ProbeSocket.Open(path, interfaceName);
        try
        {
            if (path.IsTcp)
            {
                _listener = ProbeSocket.Open(path, interfaceName);
                ushort port = _listener.Bind(addresses.Own);
                _listener.Listen();
                _sender.Connect(addresses.Peer, port);
            }
            else
            {
                _sender.Connect(addresses.Peer, _sender.Bind(addresses.Own));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool IsReady => _listener is null || (_accepted ??= _listener.Accept()) is not null;

    private ProbeSocket Receiver => _accepted ?? _listener ?? _sender;

    /// <inheritdoc/>
    public int Send(ReadOnlySpan<byte> data, int segmentSize, out Errno error) => _sender.Send(data, segmentSize, out error);

    /// <inheritdoc/>
    public int Receive(Span<byte> data) => Receiver.Receive(data);

    /// <inheritdoc/>
    public bool Wait(int milliseconds)
    {
        PollDescriptor[] both = [new(_tun, PollDescriptor.Input), new(Receiver.Fd, PollDescriptor.Input)];

        // A signal ends the wait early; then whoever waits looks again.
        return LibC.Poll(ref both[0], (nuint)both.Length, milliseconds) != 0;
    }

    /// <summary>Closes all sockets.</summary>
    public void Dispose()
    {
        _sender.Dispose();
        _accepted?.Dispose();
        _listener?.Dispose();
    }
}
