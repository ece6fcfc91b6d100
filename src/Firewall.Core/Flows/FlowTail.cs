using System.Runtime.InteropServices;

namespace Firewall.Core.Flows;

/// <summary>The part of a flow's record that a datagram of a known flow does without: what TCP remembers, the timer wheel, the rest of the counters.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = SizeInBytes)]
public struct FlowTail
{
    /// <summary>The size of a tail.</summary>
    public const int SizeInBytes = 56;

    /// <summary>The high part of the bytes from the originator.</summary>
    internal ushort ForwardBytesHigh;

    /// <summary>The high part of the bytes to the originator.</summary>
    internal ushort ReplyBytesHigh;

    /// <summary>Time of the flow's first packet.</summary>
    public uint Started;

    /// <summary>Timer wheel: the next record of the slot, 1-based; 0 ends the list. In a free record: the next free one.</summary>
    internal int Next;

    /// <summary>Timer wheel: the record in front, 1-based; or minus (slot + 1) for the first of a slot.</summary>
    internal int Previous;

    /// <summary>
    /// The low 16 bits of the version of the policy that allowed the flow last. A flow would have to sleep through exactly 65,536
    /// reloads to be taken for a fresh one.
    /// </summary>
    public ushort PolicyVersion;

    /// <summary>TCP: what was let through without being believed; see <see cref="TcpMemory"/>.</summary>
    internal TcpMemory Memory;

    /// <summary>TCP: what the smaller endpoint has sent and may send.</summary>
    public TcpPeer LowPeer;

    /// <summary>TCP: what the larger endpoint has sent and may send.</summary>
    public TcpPeer HighPeer;
}
