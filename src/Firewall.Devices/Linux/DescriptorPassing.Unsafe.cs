using System.Runtime.InteropServices;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// Passes open files between processes over a Unix socket (SCM_RIGHTS, unix(7)): the receiver gets a descriptor of its own for the same open
/// file, which lives until both have closed theirs.
/// </summary>
public static class DescriptorPassing
{
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int Rights = 1; // SCM_RIGHTS
    private const int CloseOnExec = 0x4000_0000; // MSG_CMSG_CLOEXEC
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL

    /// <summary>Sends one descriptor, and one byte, without which nothing would be sent.</summary>
    /// <param name="socket">A connected Unix stream socket that blocks.</param>
    /// <param name="descriptor">Stays the caller's.</param>
    /// <exception cref="IOException">The other end is gone.</exception>
    public static unsafe void Send(SafeHandle socket, SafeHandle descriptor)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(descriptor);
        bool socketHeld = false;
        bool descriptorHeld = false;
        try
        {
            socket.DangerousAddRef(ref socketHeld);
            descriptor.DangerousAddRef(ref descriptorHeld);
            byte one = 1;
            var data = new Vector { Base = &one, Length = 1 };
            var control = new Control { Length = Control.Used, Level = SocketLevel, Type = Rights, Descriptor = (int)descriptor.DangerousGetHandle() };
            var message = new Message { Vectors = &data, VectorCount = 1, Control = &control, ControlLength = (nuint)sizeof(Control) };
            if (LibC.SendMessage((int)socket.DangerousGetHandle(), (nint)(&message), NoSignal) < 0)
                throw new IOException($"a descriptor could not be passed ({ErrnoText.Last.Describe()})");
        }
        finally
        {
            if (descriptorHeld) descriptor.DangerousRelease();
            if (socketHeld) socket.DangerousRelease();
        }
    }

    /// <summary>Receives what <see cref="Send"/> sent.</summary>
    /// <param name="socket">A connected Unix stream socket that blocks, or whose receive timeout tells how long.</param>
    /// <returns>The descriptor, closed at exec; it belongs to the caller.</returns>
    /// <exception cref="IOException">The other end is gone, took too long, or sent something else.</exception>
    public static unsafe SafeHandle Receive(SafeHandle socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        bool held = false;
        try
        {
            socket.DangerousAddRef(ref held);
            byte one = 0;
            var data = new Vector { Base = &one, Length = 1 };
            var control = default(Control);
            var message = new Message { Vectors = &data, VectorCount = 1, Control = &control, ControlLength = (nuint)sizeof(Control) };
            nint got = LibC.ReceiveMessage((int)socket.DangerousGetHandle(), (nint)(&message), CloseOnExec);
            if (got < 0) throw new IOException($"a descriptor could not be received ({ErrnoText.Last.Describe()})");
            if (got == 0 || control.Level != SocketLevel || control.Type != Rights || control.Length != Control.Used)
                throw new IOException("no descriptor came");
            return new Descriptor(control.Descriptor);
        }
        finally
        {
            if (held) socket.DangerousRelease();
        }
    }

    // struct iovec, struct msghdr and struct cmsghdr with one int behind it, as 64-bit Linux has them. musl declares some lengths as int
    // with padding, which is the same bytes on little-endian machines.
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Message
    {
        public void* Name;
        public nuint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public Control* Control;
        public nuint ControlLength;
        public nuint Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Control
    {
        public const int Used = 20; // CMSG_LEN(sizeof(int))

        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }
}
