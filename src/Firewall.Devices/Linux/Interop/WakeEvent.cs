namespace Firewall.Devices.Linux.Interop;

/// <summary>
/// An eventfd that makes a thread's poll return. One thread waits and drains; any thread signals, also after the end, where it does nothing.
/// </summary>
internal sealed class WakeEvent : IDisposable
{
    private readonly Descriptor _descriptor;

    public WakeEvent()
    {
        int fd = LibC.EventFd(0, OpenFlags.NonBlocking | OpenFlags.CloseOnExec);
        if (fd < 0) throw new IOException($"eventfd failed ({ErrnoText.Last.Describe()})");
        _descriptor = new Descriptor(fd);
    }

    /// <summary>For the waiting thread's poll.</summary>
    public int Fd => _descriptor.Number;

    /// <summary>Makes the waiting thread's poll return, now or the next time.</summary>
    public void Signal()
    {
        bool held = false;
        try
        {
            // Held open while we write: a descriptor number that is closed may already name somebody else's file.
            _descriptor.DangerousAddRef(ref held);
            Span<byte> one = stackalloc byte[8];
            BitConverter.TryWriteBytes(one, 1UL);
            LibC.Write(_descriptor.Number, in one[0], one.Length);
        }
        catch (ObjectDisposedException)
        {
            // The waiter is gone.
        }
        finally
        {
            if (held) _descriptor.DangerousRelease();
        }
    }

    /// <summary>Forgets earlier signals. Called by the waiting thread.</summary>
    public void Drain()
    {
        Span<byte> count = stackalloc byte[8];
        LibC.Read(Fd, ref count[0], count.Length);
    }

    public void Dispose() => _descriptor.Dispose();
}
