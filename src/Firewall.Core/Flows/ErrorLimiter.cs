namespace Firewall.Core.Flows;

/// <summary>
/// How many ICMP errors a flow may be told in a second, in fixed memory. An error that quotes a packet of the flow is easily forged by
/// whoever sees one; a real router sends a few. Flows that share a cell share its allowance.
/// </summary>
internal sealed class ErrorLimiter
{
    /// <summary>Errors per flow and second, and at once.</summary>
    public const int PerSecond = 10;

    private const int Cells = 1 << 12;
    private const int SecondBits = 28;

    // A second (28 bits) and how many errors it has seen (4 bits) in one word, so that workers need no lock.
    private readonly uint[] _cells = new uint[Cells];

    /// <summary>Takes leave for one more error.</summary>
    public bool TryTake(ulong flowHash, long now)
    {
        ref uint cell = ref _cells[(int)(flowHash >> 16) & (Cells - 1)];
        uint second = (uint)(now / 1000) & ((1u << SecondBits) - 1);
        uint old = Volatile.Read(ref cell);
        uint seen = old >> 4 == second ? old & 0x0F : 0;
        if (seen >= PerSecond) return false;
        Volatile.Write(ref cell, (second << 4) | (seen + 1));
        return true;
    }
}
