namespace Firewall.Devices.Captures;

/// <summary>One record of a capture file as its format holds it. The frame is borrowed until the next record is read.</summary>
internal readonly ref struct CaptureRecord
{
    /// <summary>The bytes that were captured, from the link-layer header on.</summary>
    public required ReadOnlySpan<byte> Frame { get; init; }

    /// <summary>The frame's length on the wire; never less than what was captured.</summary>
    public required int WireLength { get; init; }

    /// <summary>Nanoseconds since 1970-01-01 UTC.</summary>
    public required long Timestamp { get; init; }

    /// <summary>The frame's link type.</summary>
    public required int LinkType { get; init; }
}
