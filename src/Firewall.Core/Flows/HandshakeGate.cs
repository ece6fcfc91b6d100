using System.Numerics;

namespace Firewall.Core.Flows;

/// <summary>
/// What stands before the table when it is flooded with connection requests. As long as the class of half-open flows has room, or requests
/// come no faster than <see cref="FlowLimits.HandshakesPerSecond"/>, all pass. Beyond that the first SYN of a connection is only remembered,
/// and the same SYN, sent again after half a second or more, passes: every host sends it again, after a second as a rule (RFC 6298
/// section 2), while a flood from random addresses never does. The flood then costs one look at each packet, so the device's queue, which
/// it shares with everybody, does not overflow.
/// </summary>
/// <remarks>
/// Measured: without the gate 170 thousand requests a second through two namespaces brought a running transfer to a standstill, since
/// sending each on costs more than reading it. Any worker may ask at any time: a race only lets one more through or makes one wait.
/// </remarks>
internal sealed class HandshakeGate
{
    private const int WindowShift = 7; // requests are counted in windows of 128 ms
    private const int ClosedMilliseconds = 1000;
    private const int AgeShift = 4; // what is remembered has an age in units of 16 ms
    private const int LeastAge = 480 >> AgeShift;
    private const int LargestAge = 10_000 >> AgeShift;
    private const int MostCells = 1 << 20;

    private readonly int _mostPerWindow;
    private readonly uint[] _cells;
    private long _window;
    private int _requests;
    private long _closedUntil = long.MinValue;

    /// <summary>Makes an open gate.</summary>
    /// <param name="maxFlows">Size of the table behind it.</param>
    /// <param name="perSecond">Requests a second; 0 never closes.</param>
    public HandshakeGate(int maxFlows, int perSecond)
    {
        _mostPerWindow = perSecond == 0 ? int.MaxValue : Math.Max(1, (int)(((long)perSecond << WindowShift) / 1000));
        // Zeroed memory that nobody touches is no memory: it is taken in a flood only.
        _cells = new uint[perSecond == 0 ? 1 : BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(4L * maxFlows, 1024, MostCells))];
    }

    /// <summary>Whether a connection request may open a flow.</summary>
    /// <param name="hash">Of the flow's key.</param>
    /// <param name="isCrowded">The class of half-open flows has its fill.</param>
    /// <param name="now">Milliseconds.</param>
    public bool Admits(ulong hash, bool isCrowded, long now)
    {
        bool isClosed = now < Volatile.Read(ref _closedUntil);
        if (!isCrowded && !isClosed) return true;
        long window = now >> WindowShift;
        if (Volatile.Read(ref _window) != window)
        {
            Volatile.Write(ref _window, window);
            _requests = 0;
        }

        if (++_requests >= _mostPerWindow) Volatile.Write(ref _closedUntil, now + ClosedMilliseconds);
        return !isClosed || WasRemembered(hash, now);
    }

    private bool WasRemembered(ulong hash, long now)
    {
        // The lower half of the hash chooses the cell, the upper bits are remembered; 0 is an empty cell.
        ref uint cell = ref _cells[(int)((uint)hash & (uint)(_cells.Length - 1))];
        uint tag = Math.Max((uint)(hash >> 48), 1);
        ushort time = (ushort)(now >> AgeShift);
        uint seen = Volatile.Read(ref cell);
        if (seen >> 16 == tag)
        {
            int age = (ushort)(time - (ushort)seen);
            if (age is >= LeastAge and <= LargestAge)
            {
                Volatile.Write(ref cell, 0);
                return true;
            }

            // Sent again at once: its age still counts from the first one.
            if (age < LeastAge) return false;
        }

        Volatile.Write(ref cell, (tag << 16) | time);
        return false;
    }
}
