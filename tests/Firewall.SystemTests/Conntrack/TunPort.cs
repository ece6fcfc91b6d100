using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Firewall.SystemTests.Conntrack;

/// <summary>
/// One end of a wire into the kernel: a TUN without any offload, so that the kernel checks every checksum. Not the product's own device,
/// whose queues are made for another purpose.
/// </summary>
internal sealed class TunPort : IDisposable
{
    private const nuint SetInterface = 0x400454CA;
    private const short Tun = 0x0001;
    private const short NoPacketInformation = 0x1000;
    private const short ReadyToRead = 1;
    private const int PatienceMilliseconds = 5_000;

    private readonly SafeFileHandle _file;
    private readonly byte[] _buffer = new byte[65_536];

    /// <summary>Makes the interface in the calling thread's network namespace. It is gone with this object.</summary>
    public TunPort(string name)
    {
        Name = name;
        _file = File.OpenHandle("/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        byte[] request = new byte[40];
        Encoding.ASCII.GetBytes(name, request);
        BitConverter.TryWriteBytes(request.AsSpan(16), (short)(Tun | NoPacketInformation));
        if (IoControl((int)_file.DangerousGetHandle(), SetInterface, request) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"cannot make the TUN {name}");
    }

    public string Name { get; }

    /// <summary>Sends a packet into the kernel, as if it came in by the interface. It has been forwarded or not when the call returns.</summary>
    public void Send(ReadOnlySpan<byte> packet)
    {
        if (Write((int)_file.DangerousGetHandle(), in MemoryMarshal.GetReference(packet), packet.Length) != packet.Length)
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"the TUN {Name} does not take {packet.Length} bytes");
    }

    /// <summary>Takes the next packet that the kernel sent out by the interface; borrowed until the next call.</summary>
    public ReadOnlySpan<byte> Receive()
    {
        var poll = new PollRequest { Descriptor = (int)_file.DangerousGetHandle(), Events = ReadyToRead };
        if (Poll(ref poll, 1, PatienceMilliseconds) != 1) throw new TimeoutException($"the kernel sent nothing out by {Name}, not even the marker");
        nint length = Read((int)_file.DangerousGetHandle(), _buffer, _buffer.Length);
        return length > 0 ? _buffer.AsSpan(0, (int)length) : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"the TUN {Name} cannot be read");
    }

    public void Dispose() => _file.Dispose();

    [DllImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int IoControl(int descriptor, nuint request, byte[] argument);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Write(int descriptor, ref readonly byte first, nint length);

    [DllImport("libc", EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Read(int descriptor, byte[] buffer, nint length);

    [DllImport("libc", EntryPoint = "poll", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Poll(ref PollRequest request, nuint count, int milliseconds);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollRequest
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
