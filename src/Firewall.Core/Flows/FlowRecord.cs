using System.Runtime.InteropServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// One tracked connection: 120 bytes without pointers, so that the region of all records can be mapped, counted and adopted by another
/// process. Together with its share of the index a flow stays below 128 bytes. The table keeps the two parts apart; this is a copy of both.
/// </summary>
/// <remarks>Times are milliseconds modulo 2^32 and are compared by their signed difference: no timeout may exceed 24 days.</remarks>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = SizeInBytes)]
public struct FlowRecord
{
    /// <summary>The size of a record.</summary>
    public const int SizeInBytes = FlowHead.SizeInBytes + FlowTail.SizeInBytes;

    /// <summary>Counters of packets begin anew here.</summary>
    internal const long PacketsRange = 1L << 32;

    /// <summary>Counters of bytes begin anew here.</summary>
    internal const long BytesRange = 1L << 48;

    /// <summary>What every packet needs.</summary>
    public FlowHead Head;

    /// <summary>The rest.</summary>
    public FlowTail Tail;

    /// <summary>A copy of a record.</summary>
    public FlowRecord(in FlowHead head, in FlowTail tail)
    {
        Head = head;
        Tail = tail;
    }

    /// <inheritdoc cref="FlowHead.Low"/>
    public readonly IpAddress Low => Head.Low;

    /// <inheritdoc cref="FlowHead.High"/>
    public readonly IpAddress High => Head.High;

    /// <inheritdoc cref="FlowHead.LowPort"/>
    public readonly ushort LowPort => Head.LowPort;

    /// <inheritdoc cref="FlowHead.HighPort"/>
    public readonly ushort HighPort => Head.HighPort;

    /// <inheritdoc cref="FlowHead.Protocol"/>
    public readonly byte Protocol => Head.Protocol;

    /// <inheritdoc cref="FlowHead.Flags"/>
    public readonly FlowFlags Flags => Head.Flags;

    /// <inheritdoc cref="FlowHead.State"/>
    public readonly byte State => Head.State;

    /// <inheritdoc cref="FlowHead.Direction"/>
    public readonly byte Direction => Head.Direction;

    /// <inheritdoc cref="FlowHead.Rule"/>
    public readonly int Rule => Head.Rule;

    /// <inheritdoc cref="FlowHead.Deadline"/>
    public readonly uint Deadline => Head.Deadline;

    /// <inheritdoc cref="FlowHead.LastSeen"/>
    public readonly uint LastSeen => Head.LastSeen;

    /// <inheritdoc cref="FlowTail.Started"/>
    public readonly uint Started => Tail.Started;

    /// <inheritdoc cref="FlowHead.ForwardPackets"/>
    public readonly uint ForwardPackets => Head.ForwardPackets;

    /// <inheritdoc cref="FlowHead.ReplyPackets"/>
    public readonly uint ReplyPackets => Head.ReplyPackets;

    /// <summary>Bytes from the originator, IP headers included, modulo 2^48.</summary>
    public readonly ulong ForwardBytes => ((ulong)Tail.ForwardBytesHigh << 32) | Head.ForwardBytesLow;

    /// <summary>Bytes to the originator, IP headers included, modulo 2^48.</summary>
    public readonly ulong ReplyBytes => ((ulong)Tail.ReplyBytesHigh << 32) | Head.ReplyBytesLow;

    /// <summary>Packets in both directions, as far as they are counted here.</summary>
    public readonly long Packets => (long)ForwardPackets + ReplyPackets;

    /// <summary>Bytes in both directions, as far as they are counted here.</summary>
    public readonly long Bytes => (long)(ForwardBytes + ReplyBytes);

    /// <inheritdoc cref="FlowHead.IsForward"/>
    public readonly bool IsForward(bool fromHigh) => Head.IsForward(fromHigh);

    /// <inheritdoc cref="FlowHead.IsExpired"/>
    public readonly bool IsExpired(uint now) => Head.IsExpired(now);
}
