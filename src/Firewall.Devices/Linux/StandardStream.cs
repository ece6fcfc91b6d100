using System.Runtime.InteropServices;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// Standard output or standard error, written by the system call alone. <see cref="Console"/> takes one lock for both of them and holds it while a
/// reader makes it wait. Nor would a <see cref="FileStream"/> do: in a file it writes at places of its own, over what the other stream wrote there.
/// </summary>
/// <param name="descriptor">1 or 2.</param>
public sealed class StandardStream(int descriptor)
{
    /// <summary>Standard output.</summary>
    public static StandardStream Output { get; } = new(1);

    /// <summary>Standard error.</summary>
    public static StandardStream Error { get; } = new(2);

    /// <summary>Writes all of it; waits as long as its reader makes it wait.</summary>
    /// <exception cref="BrokenPipeException">Nobody will ever read it.</exception>
    /// <exception cref="IOException">It cannot be kept.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            nint written = LibC.Write(descriptor, in MemoryMarshal.GetReference(bytes), bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            Errno error = ErrnoText.Last;
            if (error == Errno.EAGAIN) AwaitRoom();
            else if (error == Errno.EPIPE) throw new BrokenPipeException(error.Describe());
            else if (error != Errno.EINTR) throw new IOException(error.Describe());
        }
    }

    // Somebody else who has the same pipe or terminal open may have set it to wait for nothing.
    private void AwaitRoom()
    {
        var wait = new PollDescriptor(descriptor, PollDescriptor.Output);
        _ = LibC.Poll(ref wait, 1, Timeout.Infinite);
    }
}
