using System.Diagnostics;
using Firewall.Core.Dataplane;

namespace Firewall.Bench;

/// <summary>
/// A queue on which packets fall due at a steady rate, whether the worker is there or not: one that is late finds all that came
/// meanwhile. Tells how long after its time the latest packet was passed on.
/// </summary>
internal sealed class PacedQueue : IPacketQueue
{
    private readonly byte[] _packets;
    private readonly int _length;
    private readonly int _count;
    private readonly double _ticksPerPacket;
    private readonly long _start;
    private long _next;
    private long _first;
    private long _worstTicks;

    /// <param name="packets">
    /// Packets of one length, one behind the other, so that the collector has no thousands of arrays to look at. Sent in turn; every
    /// tenth is the next of the second half, so that new flows come all the time.
    /// </param>
    /// <param name="length">Of each packet.</param>
    /// <param name="rate">Packets a second.</param>
    /// <param name="total">How many in all.</param>
    public PacedQueue(byte[] packets, int length, int rate, long total)
    {
        _packets = packets;
        _length = length;
        _count = packets.Length / length;
        _ticksPerPacket = (double)Stopwatch.Frequency / rate;
        Total = total;
        _start = Stopwatch.GetTimestamp() + (Stopwatch.Frequency / 100);
    }

    public int HeaderLength => 0;

    public long Total { get; }

    public long Passed { get; private set; }

    public bool Read(PacketBatch batch, int timeoutMilliseconds)
    {
        if (_next == Total) return false;
        while (Stopwatch.GetTimestamp() < Due(_next)) Thread.SpinWait(10);
        long now = Stopwatch.GetTimestamp();
        _first = _next;
        while (batch.HasRoom && _next < Total && Due(_next) <= now)
        {
            _packets.AsSpan(PacketOf(_next++) * _length, _length).CopyTo(batch.NextFrame());
            batch.Commit(_length);
        }

        return true;
    }

    public int Write(PacketBatch batch)
    {
        long now = Stopwatch.GetTimestamp();
        int taken = 0;
        for (int i = 0; i < batch.Count; i++)
        {
            if (!batch.IsAllowed(i)) continue;
            taken++;
            long late = now - Due(_first + i);
            if (late > Volatile.Read(ref _worstTicks)) Interlocked.Exchange(ref _worstTicks, late);
        }

        Passed += taken;
        return taken;
    }

    public void Wake()
    {
    }

    /// <summary>How late the latest packet was since this was asked last, in milliseconds; by any thread.</summary>
    public double TakeWorst() => Interlocked.Exchange(ref _worstTicks, 0) * 1000.0 / Stopwatch.Frequency;

    private long Due(long number) => _start + (long)(number * _ticksPerPacket);

    private int PacketOf(long number)
    {
        int half = _count / 2;
        return (int)(number % 10 == 0 ? half + (number / 10 % half) : number % half);
    }
}
