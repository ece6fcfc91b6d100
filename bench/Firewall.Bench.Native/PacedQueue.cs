using System.Diagnostics;
using Firewall.Core.Dataplane;

namespace Firewall.Bench;

/// <summary>
/// A queue on which packets fall due at a steady rate, whether the worker is there or not: one that is late finds all that came
/// meanwhile. Tells for every packet how long after its time it was passed on.
/// </summary>
internal sealed class PacedQueue : IPacketQueue
{
    // Microseconds up to 20 ms; what is later is in the last.
    private readonly int[] _delays = new int[20_000];
    private readonly byte[] _packets;
    private readonly int _length;
    private readonly int _count;
    private readonly double _ticksPerPacket;
    private readonly long _start;
    private long _next;
    private long _first;

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

    public double WorstMilliseconds { get; private set; }

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
            double microseconds = (now - Due(_first + i)) * 1e6 / Stopwatch.Frequency;
            _delays[(int)Math.Clamp(microseconds, 0, _delays.Length - 1)]++;
            if (microseconds / 1000 > WorstMilliseconds) WorstMilliseconds = microseconds / 1000;
        }

        Passed += taken;
        return taken;
    }

    public void Wake()
    {
    }

    /// <summary>How many packets were later than that.</summary>
    public long LaterThan(int microseconds)
    {
        long sum = 0;
        for (int i = microseconds; i < _delays.Length; i++) sum += _delays[i];
        return sum;
    }

    /// <summary>The delay, in microseconds, that this share of the packets stayed below.</summary>
    public int Quantile(double share)
    {
        long left = (long)(Passed * share);
        for (int i = 0; i < _delays.Length; i++)
        {
            left -= _delays[i];
            if (left < 0) return i;
        }

        return _delays.Length;
    }

    private long Due(long number) => _start + (long)(number * _ticksPerPacket);

    private int PacketOf(long number)
    {
        int half = _count / 2;
        return (int)(number % 10 == 0 ? half + (number / 10 % half) : number % half);
    }
}
