namespace Firewall.Devices.Captures;

/// <summary>
/// One record of a capture. Its bytes are borrowed from the reader: they are valid until the next
/// <see cref="CaptureReader.TryReadNext"/>, which the compiler's rules for ref structs help to keep.
/// </summary>
public readonly ref struct CapturedPacket
{
    /// <summary>The record's number among all of the capture, from 1; the number that Wireshark and tcpdump show.</summary>
    public required long Number { get; init; }

    /// <summary>
    /// Nanoseconds since 1970-01-01 UTC. A pcapng simple packet block has no time; it gets that of the packet before it, or 0.
    /// </summary>
    public required long Timestamp { get; init; }

    /// <summary>The link type of <see cref="Frame"/>.</summary>
    public required int LinkType { get; init; }

    /// <summary>What was captured, from the link-layer header on.</summary>
    public required ReadOnlySpan<byte> Frame { get; init; }

    /// <summary>The frame's length on the wire in bytes; more than was captured if a snap length cut it.</summary>
    public required int FrameWireLength { get; init; }

    /// <summary>Where the IP packet starts in <see cref="Frame"/>; -1 if the frame carries something else (ARP, LLDP, ...).</summary>
    public required int PacketOffset { get; init; }

    /// <summary>True if the frame carries IP. Whether the packet is well-formed is for the packet parser to say.</summary>
    public bool IsIp => PacketOffset >= 0;

    /// <summary>The IP packet as far as it was captured, perhaps with padding behind it; empty if the frame carries none.</summary>
    public ReadOnlySpan<byte> Packet => IsIp ? Frame[PacketOffset..] : default;

    /// <summary>The bytes that the frame had on the wire from the IP header on; 0 if it carries no IP.</summary>
    public int WireLength => IsIp ? FrameWireLength - PacketOffset : 0;
}
