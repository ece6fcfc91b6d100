using System.Runtime.InteropServices;
using Firewall.Devices.Linux.Interop;

namespace Firewall.Devices.Linux;

/// <summary>
/// A pipe or a terminal that gets lines. Who opens a pipe that nobody reads, or writes to one that is full, would have to wait for its reader; here he waits no
/// longer than he wants to.
/// </summary>
public sealed class LinePipe : IDisposable
{
    private readonly Descriptor _pipe;
    private bool _endsInTheMidst;

    private LinePipe(Descriptor pipe) => _pipe = pipe;

    /// <summary>True if a path leads to a pipe or a terminal. Who opens it for reading as others do may wait for ever, and takes lines away from its reader.</summary>
    public static bool IsAt(string path)
    {
        using Descriptor? opened = Open(path, OpenFlags.ReadOnly);
        return opened is not null && !HasPlaces(opened);
    }

    /// <summary>Opens the pipe or terminal that a path leads to; null if it leads to a file, or to nothing that can be opened.</summary>
    /// <exception cref="IOException">Nobody reads the pipe.</exception>
    public static LinePipe? TryOpen(string path)
    {
        Descriptor? opened = Open(path, OpenFlags.WriteOnly);
        if (opened is null) return ErrnoText.Last == Errno.ENXIO ? throw new IOException("nobody reads it") : null;
        if (!HasPlaces(opened)) return new LinePipe(opened);
        opened.Dispose();
        return null;
    }

    /// <summary>Writes whole lines, or tells that there was no room. What does not get in is lost, and the next line begins anew.</summary>
    /// <param name="lines">The last one with its line feed.</param>
    /// <param name="patience">How long its reader may make one wait.</param>
    /// <exception cref="BrokenPipeException">The reader is gone.</exception>
    /// <exception cref="IOException">It cannot be written for another reason.</exception>
    public bool TryWrite(ReadOnlySpan<byte> lines, TimeSpan patience)
    {
        long end = Environment.TickCount64 + (long)patience.TotalMilliseconds;
        return (!_endsInTheMidst || TryWriteAll("\n"u8, end)) && TryWriteAll(lines, end);
    }

    /// <inheritdoc/>
    public void Dispose() => _pipe.Dispose();

    private static Descriptor? Open(string path, int access)
    {
        int fd = LibC.Open(path, access | OpenFlags.NonBlocking | OpenFlags.CloseOnExec | OpenFlags.NoControllingTerminal);
        return fd >= 0 ? new Descriptor(fd) : null;
    }

    // Where there is none to go to, there is no end to add to.
    private static bool HasPlaces(Descriptor opened)
    {
        const int FromHere = 1;
        return LibC.Seek(opened.Number, 0, FromHere) >= 0;
    }

    private bool TryWriteAll(ReadOnlySpan<byte> bytes, long end)
    {
        while (bytes.Length > 0)
        {
            nint written = LibC.Write(_pipe.Number, in MemoryMarshal.GetReference(bytes), bytes.Length);
            if (written >= 0)
            {
                if (written > 0) _endsInTheMidst = bytes[(int)written - 1] != (byte)'\n';
                bytes = bytes[(int)written..];
                continue;
            }

            Errno error = ErrnoText.Last;
            if (error == Errno.EPIPE) throw new BrokenPipeException(error.Describe());
            if (error is not (Errno.EAGAIN or Errno.EINTR)) throw new IOException(error.Describe());
            if (error == Errno.EAGAIN && !HasRoom(end)) return false;
        }

        return true;
    }

    private bool HasRoom(long end)
    {
        var wait = new PollDescriptor(_pipe.Number, PollDescriptor.Output);
        return LibC.Poll(ref wait, 1, (int)Math.Max(0, end - Environment.TickCount64)) > 0;
    }
}
