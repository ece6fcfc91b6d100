namespace Firewall.Devices.Captures;

/// <summary>An interface of a pcapng section.</summary>
/// <param name="LinkType">Its link type.</param>
/// <param name="SnapLength">The most bytes captured of a packet; 0 for no limit.</param>
/// <param name="Resolution">The <c>if_tsresol</c> option: a power of ten, or of two if the high bit is set, below one second.</param>
/// <param name="OffsetSeconds">The <c>if_tsoffset</c> option, added to every timestamp.</param>
internal sealed record PcapngInterface(int LinkType, uint SnapLength, byte Resolution = 6, long OffsetSeconds = 0)
{
    private const byte BinaryBit = 0x80;
    private const int NanosecondExponent = 9;

    /// <summary>True if the timestamps say more than microseconds can hold.</summary>
    public bool IsFinerThanMicroseconds => (Resolution & BinaryBit) != 0 ? (Resolution & ~BinaryBit) >= 20 : Resolution > 6;

    /// <summary>Converts a timestamp of this interface; what does not fit 64 bits of nanoseconds is brought to the nearest that does.</summary>
    public long ToUnixNanoseconds(ulong time)
    {
        int exponent = Resolution & ~BinaryBit;
        UInt128 nanoseconds;
        if ((Resolution & BinaryBit) != 0) nanoseconds = ((UInt128)time * 1_000_000_000) >> exponent;
        else if (exponent <= NanosecondExponent) nanoseconds = time * PowerOfTen(NanosecondExponent - exponent);
        else nanoseconds = exponent - NanosecondExponent > 20 ? 0 : time / PowerOfTen(exponent - NanosecondExponent);
        Int128 sum = (Int128)nanoseconds + (Int128)OffsetSeconds * 1_000_000_000;
        return (long)Int128.Clamp(sum, 0, long.MaxValue);
    }

    private static UInt128 PowerOfTen(int exponent)
    {
        UInt128 power = 1;
        for (int i = 0; i < exponent; i++) power *= 10;
        return power;
    }
}
