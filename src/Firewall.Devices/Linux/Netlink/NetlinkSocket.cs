using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux.Netlink;

/// <summary>Takes one message of a dump: its type and what follows the netlink header.</summary>
internal delegate void NetlinkHandler(ushort type, ReadOnlySpan<byte> body);

/// <summary>
/// A NETLINK_ROUTE socket. It belongs to the network namespace of the thread that opened it, whichever thread uses it later.
/// Not thread safe. Only the kernel can send to it: rtnetlink does not let one process write to another.
/// </summary>
internal sealed class NetlinkSocket : IDisposable
{
    private const int RawSocket = 3;
    private const int RouteProtocol = 0;
    private const int NetlinkLevel = 270;
    private const int CapAcknowledge = 10;
    private const int ExtendedAcknowledge = 11;
    private const int StrictCheck = 12;
    private const int ReturnTrueLength = 0x20;
    private const int AttemptsAtDump = 8;

    private readonly Descriptor _descriptor;

    // The kernel fills dump answers up to 32 KiB and never cuts a message that is smaller than the buffer.
    private readonly byte[] _buffer = new byte[64 * 1024];
    private uint _sequence;

    /// <param name="groups">Multicast groups, bit n-1 for group n; 0 for none.</param>
    /// <param name="nonBlocking">For a socket that is only listened to, behind poll.</param>
    public NetlinkSocket(uint groups = 0, bool nonBlocking = false)
    {
        int type = RawSocket | OpenFlags.CloseOnExec | (nonBlocking ? OpenFlags.NonBlocking : 0);
        int fd = LibC.Socket(NetlinkAddress.NetlinkFamily, type, RouteProtocol);
        if (fd < 0) throw new NetlinkException("opening a netlink socket", ErrnoText.Last);
        _descriptor = new Descriptor(fd);
        var address = new NetlinkAddress(groups);
        if (LibC.Bind(fd, in address, 12) < 0)
        {
            Errno error = ErrnoText.Last;
            _descriptor.Dispose();
            throw new NetlinkException("binding a netlink socket", error);
        }

        // Old kernels lack some of these; then messages are longer or say less, nothing else changes.
        int on = 1;
        LibC.SetSocketOption(fd, NetlinkLevel, CapAcknowledge, in on, 4);
        LibC.SetSocketOption(fd, NetlinkLevel, ExtendedAcknowledge, in on, 4);
        LibC.SetSocketOption(fd, NetlinkLevel, StrictCheck, in on, 4);
    }

    /// <summary>For poll.</summary>
    public int Fd => _descriptor.Number;

    /// <summary>Sends a request and waits for the kernel's word.</summary>
    /// <exception cref="NetlinkException">The kernel refused.</exception>
    public void Execute(NetlinkRequest request)
    {
        Errno error = TryExecute(request, out string? text);
        if (error != Errno.None) throw new NetlinkException(request.What, error, text);
    }

    /// <summary>Sends a request and returns the kernel's error number, for callers that expect one.</summary>
    public Errno TryExecute(NetlinkRequest request, out string? kernelText)
    {
        Send(request, NetlinkMessage.Acknowledge);
        (Errno error, kernelText, _) = Receive(request, static (_, _) => { });
        return error;
    }

    /// <summary>Sends a dump request and hands over every message of the answer. Repeats if the tables changed meanwhile.</summary>
    /// <param name="request">An RTM_GET…; the dump flags are added here.</param>
    /// <param name="restart">Called before every attempt: forget what an earlier one gave.</param>
    /// <param name="handler">Gets each message; the span is valid during the call.</param>
    /// <exception cref="NetlinkException">The kernel refused, or the tables never stood still.</exception>
    public void Dump(NetlinkRequest request, Action restart, NetlinkHandler handler)
    {
        for (int attempt = 0; attempt < AttemptsAtDump; attempt++)
        {
            restart();
            Send(request, NetlinkMessage.Dump);
            (Errno error, string? text, bool interrupted) = Receive(request, handler);
            if (error != Errno.None) throw new NetlinkException(request.What, error, text);
            if (!interrupted) return;
        }

        throw new NetlinkException($"{request.What} failed: the tables changed during each of {AttemptsAtDump} attempts");
    }

    /// <summary>Reads and forgets all notifications that wait. False if some were lost because nobody read in time.</summary>
    public bool DrainNotifications(NetlinkHandler handler)
    {
        bool whole = true;
        while (true)
        {
            nint length = LibC.Receive(Fd, ref _buffer[0], _buffer.Length, ReturnTrueLength);
            if (length < 0)
            {
                Errno error = ErrnoText.Last;
                if (error == Errno.EINTR) continue;
                if (error == Errno.EAGAIN) return whole;
                if (error != Errno.ENOBUFS) throw new NetlinkException("reading netlink notifications", error);
                whole = false;
                continue;
            }

            if (length > _buffer.Length)
            {
                whole = false;
                continue;
            }

            ReadOnlySpan<byte> rest = _buffer.AsSpan(0, (int)length);
            while (!rest.IsEmpty)
            {
                ReadOnlySpan<byte> message = Split(ref rest);
                handler(NetlinkMessage.ReadUInt16(message[4..]), message[NetlinkMessage.HeaderLength..]);
            }
        }
    }

    public void Dispose() => _descriptor.Dispose();

    private void Send(NetlinkRequest request, ushort extraFlags)
    {
        ReadOnlySpan<byte> message = request.Finish(++_sequence, extraFlags);
        while (LibC.Send(Fd, in message[0], message.Length, 0) < 0)
        {
            Errno error = ErrnoText.Last;
            if (error != Errno.EINTR) throw new NetlinkException(request.What, error);
        }
    }

    private (Errno Error, string? Text, bool Interrupted) Receive(NetlinkRequest request, NetlinkHandler handler)
    {
        bool interrupted = false;
        while (true)
        {
            nint length = LibC.Receive(Fd, ref _buffer[0], _buffer.Length, ReturnTrueLength);
            if (length < 0)
            {
                Errno error = ErrnoText.Last;
                if (error == Errno.EINTR) continue;
                throw new NetlinkException(request.What, error);
            }

            if (length > _buffer.Length) NetlinkMessage.ThrowMalformed($"{length} bytes in one datagram");
            ReadOnlySpan<byte> rest = _buffer.AsSpan(0, (int)length);
            while (!rest.IsEmpty)
            {
                ReadOnlySpan<byte> message = Split(ref rest);
                if (NetlinkMessage.ReadUInt32(message[8..]) != _sequence) continue; // the rest of an answer we gave up on
                ushort type = NetlinkMessage.ReadUInt16(message[4..]);
                ushort flags = NetlinkMessage.ReadUInt16(message[6..]);
                ReadOnlySpan<byte> body = message[NetlinkMessage.HeaderLength..];
                interrupted |= (flags & NetlinkMessage.DumpInterrupted) != 0;
                switch (type)
                {
                    case NetlinkMessage.Error:
                        (Errno error, string? text) = ReadError(body, flags);
                        return (error, text, interrupted);
                    case NetlinkMessage.Done:
                        // A dump that failed half-way says so here.
                        int status = body.Length >= 4 ? (int)NetlinkMessage.ReadUInt32(body) : 0;
                        return (status < 0 ? (Errno)(-status) : Errno.None, null, interrupted);
                    default:
                        handler(type, body);
                        break;
                }
            }
        }
    }

    private static ReadOnlySpan<byte> Split(ref ReadOnlySpan<byte> rest)
    {
        NetlinkMessage.RequireLength(rest, NetlinkMessage.HeaderLength, "a message");
        uint length = NetlinkMessage.ReadUInt32(rest);
        if (length < NetlinkMessage.HeaderLength || length > rest.Length)
            NetlinkMessage.ThrowMalformed($"a message of {length} bytes where {rest.Length} remain");
        ReadOnlySpan<byte> message = rest[..(int)length];
        rest = rest[Math.Min(NetlinkMessage.Align((int)length), rest.Length)..];
        return message;
    }

    // struct nlmsgerr: the negative errno, then the request's header (and its body unless capped), then attributes.
    private static (Errno Error, string? Text) ReadError(ReadOnlySpan<byte> body, ushort flags)
    {
        const ushort messageAttribute = 1;
        NetlinkMessage.RequireLength(body, 4 + NetlinkMessage.HeaderLength, "an error message");
        var error = (Errno)(-(int)NetlinkMessage.ReadUInt32(body));
        if ((flags & NetlinkMessage.AcknowledgeAttributes) == 0) return (error, null);

        uint echoed = (flags & NetlinkMessage.Capped) != 0 ? NetlinkMessage.HeaderLength : NetlinkMessage.ReadUInt32(body[4..]);
        if (echoed > body.Length - 4) NetlinkMessage.ThrowMalformed($"an error that echoes {echoed} bytes in {body.Length}");
        var attributes = new NetlinkAttributes(body[Math.Min(4 + NetlinkMessage.Align((int)echoed), body.Length)..]);
        while (attributes.Next())
        {
            if (attributes.Type == messageAttribute) return (error, attributes.Text);
        }

        return (error, null);
    }
}
