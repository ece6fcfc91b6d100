namespace Firewall.Core.Flows.Fragments;

/// <summary>A fragment as it came, and what its holder wants to find again.</summary>
/// <param name="frame">Device header and packet; borrowed for the call.</param>
/// <param name="wireLength">The packet's length on the wire in bytes.</param>
/// <param name="number">The caller's name for the packet.</param>
/// <param name="direction">How the packet lies to the protected network; the engine's to set and read.</param>
internal readonly ref struct FragmentArrival(ReadOnlySpan<byte> frame, int wireLength, long number, byte direction)
{
    public ReadOnlySpan<byte> Frame { get; } = frame;

    public int WireLength { get; } = wireLength;

    public long Number { get; } = number;

    public byte Direction { get; } = direction;
}
