using Firewall.Core.Dataplane;
using Firewall.Devices.Windows.Interop;

namespace Firewall.Devices.Windows;

/// <summary>
/// The one queue of a Wintun adapter. Packets are borrowed from the driver's ring only as long as it takes to copy them: a ring that a slow
/// worker held would make the driver drop. Reading and writing allocate nothing.
/// </summary>
public sealed unsafe class WintunQueue : IPacketQueue, IDisposable
{
    private readonly QueueGate _gate;
    private readonly WintunLibrary _wintun;
    private readonly EventFunctions _events;
    private readonly nint _session;
    private readonly nint _readable;
    private readonly nint _wake;
    private readonly Action _closed;
    private readonly Lock _waking = new();
    private bool _wakeIsClosed;
    private long _writeErrors;

    /// <summary>Takes over a session.</summary>
    /// <param name="wintun">The library.</param>
    /// <param name="events">The functions to wait with.</param>
    /// <param name="session">The session.</param>
    /// <param name="closed">Called once, when the session has ended.</param>
    internal WintunQueue(WintunLibrary wintun, EventFunctions events, nint session, Action closed)
    {
        _gate = new QueueGate(Close);
        _wintun = wintun;
        _events = events;
        _session = session;
        _closed = closed;
        _readable = wintun.GetReadWaitEvent(session);
        _wake = events.Create();
    }

    /// <summary>0: Wintun puts nothing in front of a packet.</summary>
    public int HeaderLength => 0;

    /// <summary>How many packets found the ring full, or the adapter gone; they are lost, as on a wire. Any thread may read it.</summary>
    public long WriteErrors => Volatile.Read(ref _writeErrors);

    /// <inheritdoc/>
    public bool Read(PacketBatch batch, int timeoutMilliseconds)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (!_gate.TryEnter()) return false;
        try
        {
            return ReadOrWait(batch, timeoutMilliseconds);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <inheritdoc/>
    public int Write(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (!_gate.TryEnter()) return 0;
        try
        {
            int taken = 0;
            for (int i = 0; i < batch.Count; i++)
            {
                if (batch.IsAllowed(i) && TryWrite(batch.Frame(i))) taken++;
            }

            for (int i = 0; i < batch.ReplyCount; i++)
            {
                if (TryWrite(batch.ReplyFrame(i))) taken++;
            }

            return taken;
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <inheritdoc/>
    public void Wake()
    {
        lock (_waking)
        {
            if (!_wakeIsClosed) _events.Set(_wake);
        }
    }

    /// <summary>Ends the session. A reader that waits returns false, and so does every later one.</summary>
    public void Dispose()
    {
        if (_gate.Close()) Wake();
    }

    private bool ReadOrWait(PacketBatch batch, int timeoutMilliseconds)
    {
        long deadline = timeoutMilliseconds > 0 ? Environment.TickCount64 + timeoutMilliseconds : 0;
        int remaining = timeoutMilliseconds;
        while (true)
        {
            Win32Error error = Fill(batch);
            if (batch.Count > 0) return true;
            if (error == Win32Error.HandleEof) return false;
            if (error != Win32Error.NoMoreItems) throw new IOException($"Wintun's ring cannot be read: {Win32ErrorText.Of(error)}");
            if (remaining == 0) return true;

            switch (_events.Wait(_readable, _wake, remaining))
            {
                case -1: return true;
                case 1: return _gate.IsOpen;
            }

            // The event may have been set for packets that an earlier turn already read.
            if (timeoutMilliseconds > 0) remaining = (int)Math.Max(0, deadline - Environment.TickCount64);
        }
    }

    // Reads until nothing is left (NoMoreItems), the batch is full (None), or an error.
    private Win32Error Fill(PacketBatch batch)
    {
        while (batch.HasRoom)
        {
            byte* packet = _wintun.ReceivePacket(_session, out uint size);
            if (packet is null) return WintunLibrary.LastError;
            new ReadOnlySpan<byte>(packet, (int)size).CopyTo(batch.NextFrame());
            _wintun.ReleaseReceivePacket(_session, packet);
            batch.Commit((int)size);
        }

        return Win32Error.None;
    }

    private bool TryWrite(ReadOnlySpan<byte> packet)
    {
        byte* room = _wintun.AllocateSendPacket(_session, (uint)packet.Length);
        if (room is null)
        {
            Volatile.Write(ref _writeErrors, _writeErrors + 1);
            return false;
        }

        packet.CopyTo(new Span<byte>(room, packet.Length));
        _wintun.SendPacket(_session, room);
        return true;
    }

    private void Close()
    {
        _wintun.EndSession(_session);
        lock (_waking)
        {
            _wakeIsClosed = true;
            _events.Close(_wake);
        }

        _closed();
    }
}
