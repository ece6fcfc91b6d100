using System.Buffers.Binary;
using System.Text;
using Firewall.Core.Packets;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux.Probing;

/// <summary>A socket on the TUN that is probed; no call waits.</summary>
internal sealed class ProbeSocket : IDisposable
{
    private const int IPv4Family = 2;
    private const int IPv6Family = 10;
    private const int StreamType = 1;
    private const int DatagramType = 2;
    private const int SocketLevel = 1;
    private const int TcpLevel = 6;
    private const int UdpLevel = 17;
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL
    private const int LongestAddress = 28;

    // As much as all that is on its way at once: 64 datagrams cost the kernel at most 4 KB each.
    private const int ReceiveBuffer = 512 * 1024;

    private readonly Descriptor _descriptor;
    private readonly bool _isStream;
    private int _segmentSize;

    private ProbeSocket(int fd, bool isStream)
    {
        _descriptor = new Descriptor(fd);
        _isStream = isStream;
    }

    /// <summary>For poll.</summary>
    public int Fd => _descriptor.Number;

    /// <summary>Opens one.</summary>
    /// <param name="path">Family and protocol.</param>
    /// <param name="interfaceName">The TUN's name: routing rules of this machine may lead elsewhere, but not what is bound to an interface.</param>
    /// <exception cref="IOException">The kernel refused.</exception>
    public static ProbeSocket Open(ProbePath path, string interfaceName)
    {
        const int bindToDevice = 25, receiveBufferForce = 33, noDelay = 1;
        int fd = LibC.Socket(path.IsIPv4 ? IPv4Family : IPv6Family, (path.IsTcp ? StreamType : DatagramType) | OpenFlags.NonBlocking | OpenFlags.CloseOnExec, 0);
        if (fd < 0) throw Failure("a socket cannot be opened");
        var socket = new ProbeSocket(fd, path.IsTcp);

        // Older kernels want CAP_NET_RAW for the first; without it the probe may hear nothing.
        byte[] name = Encoding.ASCII.GetBytes(interfaceName);
        LibC.SetSocketOption(fd, SocketLevel, bindToDevice, in name[0], (uint)name.Length);
        if (path.IsTcp) socket.Set(TcpLevel, noDelay, 1);
        else socket.Set(SocketLevel, receiveBufferForce, ReceiveBuffer);
        return socket;
    }

    /// <summary>Binds to an address and lets the kernel choose the port. Returns the port.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public ushort Bind(IpAddress address)
    {
        Span<byte> bytes = stackalloc byte[LongestAddress];
        uint length = Write(bytes, address, 0);
        if (LibC.Bind(Fd, in bytes[0], length) < 0) throw Failure($"{address} cannot be used");
        length = LongestAddress;
        if (LibC.GetSocketName(Fd, ref bytes[0], ref length) < 0) throw Failure("a socket has no port");
        return BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
    }

    /// <summary>Connects, of TCP without waiting for the answer.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public void Connect(IpAddress address, ushort port)
    {
        Span<byte> bytes = stackalloc byte[LongestAddress];
        uint length = Write(bytes, address, port);
        if (LibC.Connect(Fd, in bytes[0], length) < 0 && ErrnoText.Last != Errno.EINPROGRESS) throw Failure($"{address} cannot be reached");
    }

    /// <summary>Begins to take connections.</summary>
    /// <exception cref="IOException">The kernel refused.</exception>
    public void Listen()
    {
        if (LibC.Listen(Fd, 1) < 0) throw Failure("a socket cannot listen");
    }

    /// <summary>The connection that has come about, or null.</summary>
    public ProbeSocket? Accept()
    {
        int fd = LibC.Accept(Fd, 0, 0, OpenFlags.NonBlocking | OpenFlags.CloseOnExec);
        return fd < 0 ? null : new ProbeSocket(fd, _isStream);
    }

    /// <inheritdoc cref="IProbeConversation.Send"/>
    public int Send(ReadOnlySpan<byte> data, int segmentSize, out Errno error)
    {
        const int udpSegment = 103;
        error = Errno.None;
        if (!_isStream && segmentSize != _segmentSize)
        {
            if (!Set(UdpLevel, udpSegment, segmentSize)) throw Failure("datagrams cannot be sent in segments");
            _segmentSize = segmentSize;
        }

        nint sent = LibC.Send(Fd, in data[0], data.Length, NoSignal);
        if (sent >= 0) return (int)sent;
        error = ErrnoText.Last;
        if (error is Errno.EAGAIN or Errno.EINTR or Errno.ENOBUFS) error = Errno.None;
        return 0;
    }

    /// <inheritdoc cref="IProbeConversation.Receive"/>
    public int Receive(Span<byte> data) => (int)Math.Max(0, LibC.Receive(Fd, ref data[0], data.Length, 0));

    /// <summary>Closes it. A connection ends at once, with RST: nothing of it stays in the kernel.</summary>
    public void Dispose()
    {
        const int linger = 13;
        Span<byte> atOnce = [1, 0, 0, 0, 0, 0, 0, 0];
        if (_isStream) LibC.SetSocketOption(Fd, SocketLevel, linger, in atOnce[0], (uint)atOnce.Length);
        _descriptor.Dispose();
    }

    private static IOException Failure(string what) => new($"{what} ({ErrnoText.Last.Describe()})");

    // struct sockaddr_in and struct sockaddr_in6.
    private static uint Write(Span<byte> bytes, IpAddress address, ushort port)
    {
        bytes.Clear();
        BitConverter.TryWriteBytes(bytes, (ushort)(address.IsIPv4 ? IPv4Family : IPv6Family));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], port);
        address.WriteBytes(bytes[(address.IsIPv4 ? 4 : 8)..]);
        return address.IsIPv4 ? 16u : LongestAddress;
    }

    private bool Set(int level, int option, int value) => LibC.SetSocketOption(Fd, level, option, in value, sizeof(int)) == 0;
}
