using Microsoft.Win32.SafeHandles;

namespace Firewall.Devices.Linux.Interop;

/// <summary>A file descriptor that is closed once, also when its owner was forgotten.</summary>
internal sealed class Descriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>Takes over the descriptor; it must be a valid one.</summary>
    public Descriptor(int fd)
        : base(ownsHandle: true) => SetHandle(fd);

    /// <summary>The number, to be used only by an owner that knows it is open.</summary>
    public int Number => (int)handle;

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.Close((int)handle) == 0;
}
