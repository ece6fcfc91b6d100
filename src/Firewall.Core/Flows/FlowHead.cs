using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// The part of a flow's record that every packet needs: one cache line. The table keeps all heads together, aligned, so that a datagram of a
/// known flow touches one line of its record, where a record in one piece of 120 bytes would take it two or three.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = SizeInBytes)]
public struct FlowHead
{
    /// <summary>The size of a head.</summary>
    public const int SizeInBytes = 64;

    private const int RestBits = 11;
    private const uint RestMask = (1 << RestBits) - 1;

    /// <summary>Address of the smaller endpoint, see <see cref="FlowKey"/>.</summary>
    public IpAddress Low;

    /// <summary>Address of the larger endpoint.</summary>
    public IpAddress High;

    /// <summary>Port of the smaller endpoint.</summary>
    public ushort LowPort;

    /// <summary>Port of the larger endpoint.</summary>
    public ushort HighPort;

    /// <summary>IP protocol number.</summary>
    public byte Protocol;

    /// <summary>What is known of the flow besides its state.</summary>
    public FlowFlags Flags;

    private byte _stateAndDirection;
    private byte _ruleHigh;
    private ushort _ruleLow;
    private ushort _rest;
    private uint _deadline;

    /// <summary>Packets from the originator, modulo 2^32.</summary>
    public uint ForwardPackets;

    /// <summary>Packets to the originator, modulo 2^32.</summary>
    public uint ReplyPackets;

    /// <summary>The low half of the bytes from the originator; the rest is in the tail.</summary>
    internal uint ForwardBytesLow;

    /// <summary>The low half of the bytes to the originator.</summary>
    internal uint ReplyBytesLow;


    /// <summary>A <see cref="Flows.TcpState"/> for TCP, a <see cref="DatagramState"/> for everything else: 0–15.</summary>
    public byte State
    {
        readonly get => (byte)(_stateAndDirection & 0x0F);
        set => _stateAndDirection = (byte)((_stateAndDirection & 0xF0) | (value & 0x0F));
    }

    /// <summary>How the flow's first packet lay to the protected network, 0–15; the engine's to set and read.</summary>
    public byte Direction
    {
        readonly get => (byte)(_stateAndDirection >> 4);
        set => _stateAndDirection = (byte)((value << 4) | (_stateAndDirection & 0x0F));
    }

    /// <summary>
    /// Number of the rule that allowed the flow, 0 for none; the engine's to set and read. A number that does not fit into 24 bits, the
    /// seventeen millionth rule in the life of a process, becomes 0.
    /// </summary>
    public int Rule
    {
        readonly get => (_ruleHigh << 16) | _ruleLow;
        set
        {
            int kept = value >> 24 == 0 ? value : 0;
            _ruleLow = (ushort)kept;
            _ruleHigh = (byte)(kept >> 16);
        }
    }

    /// <summary>When the flow expires unless a packet moves it on; set by <see cref="See(uint, uint)"/>.</summary>
    public readonly uint Deadline => _deadline;

    /// <summary>
    /// Time of the flow's last packet, late by a 1,024th of its timeout at most: 0.2 s for four minutes. Kept as the time from then to the
    /// deadline, in eleven bits and a shift.
    /// </summary>
    public readonly uint LastSeen => _deadline - ((uint)(_rest & RestMask) << (_rest >> RestBits));

    /// <summary>Takes note of a packet.</summary>
    /// <param name="now">Its time.</param>
    /// <param name="deadline">When the flow shall expire; less than 24 days from now.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void See(uint now, uint deadline)
    {
        uint rest = deadline - now;
        int shift = Math.Max(0, BitOperations.Log2(rest) - (RestBits - 1));
        _rest = (ushort)((shift << RestBits) | (int)(rest >> shift));
        _deadline = deadline;
    }

    /// <summary>Takes note of a packet that does not move the deadline.</summary>
    public void See(uint now) => See(now, _deadline);

    /// <summary>True if a packet from that endpoint is one of the originator's.</summary>
    public readonly bool IsForward(bool fromHigh) => fromHigh == ((Flags & FlowFlags.OriginatorIsHigh) != 0);

    /// <summary>True if the flow's time is over.</summary>
    public readonly bool IsExpired(uint now) => unchecked((int)(now - _deadline)) >= 0;

    /// <summary>True if the state is one that a live record of its protocol can have.</summary>
    internal readonly bool HasKnownState => Protocol == IpProtocol.Tcp
        ? State is > (byte)TcpState.None and <= (byte)TcpState.SynSent2
        : State is (byte)DatagramState.Unreplied or (byte)DatagramState.Replied;

    /// <summary>
    /// Marks the record as being changed. Whoever dies before <see cref="EndChange"/> leaves the mark behind. A thread that is killed ends
    /// between two of its own instructions, so only the compiler's order counts, and it moves no store across a volatile one.
    /// </summary>
    internal void BeginChange() => Volatile.Write(ref Unsafe.As<FlowFlags, byte>(ref Flags), (byte)(Flags | FlowFlags.Changing));

    /// <summary>The record is whole again.</summary>
    internal void EndChange() => Volatile.Write(ref Unsafe.As<FlowFlags, byte>(ref Flags), (byte)(Flags & ~FlowFlags.Changing));

    /// <summary>True for the flow of that key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly bool Matches(in FlowKey key)
    {
        int ports = (LowPort ^ key.LowPort) | (HighPort ^ key.HighPort) | (Protocol ^ key.Protocol);
        return ports == 0 && key.DifferenceFrom(Low, High) == Vector128<byte>.Zero;
    }

    /// <summary>Counts a packet.</summary>
    /// <returns>True if a counter began anew, see <see cref="FlowShard.CountWrap"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Count(bool isForward, int bytes)
    {
        ref uint packets = ref isForward ? ref ForwardPackets : ref ReplyPackets;
        ref uint sum = ref isForward ? ref ForwardBytesLow : ref ReplyBytesLow;
        uint count = packets + 1;
        uint total = sum + (uint)bytes;
        packets = count;
        sum = total;
        return count == 0 || total < (uint)bytes;
    }
}

/// <summary>What a flow record knows besides its state.</summary>
[Flags]
public enum FlowFlags : byte
{
    /// <summary>Nothing yet.</summary>
    None = 0,

    /// <summary>The larger endpoint sent the first packet.</summary>
    OriginatorIsHigh = 1,

    /// <summary>The responder has answered.</summary>
    Replied = 2,

    /// <summary>Both ends agreed to talk: never evicted to make room.</summary>
    Assured = 4,

    /// <summary>The handshake was not seen, or not whole: windows are known by halves, and a segment outside of them passes.</summary>
    Liberal = 8,

    /// <summary>Both ends have sent a SYN (simultaneous open).</summary>
    SimultaneousOpen = 16,

    /// <summary>A worker is changing the record. One that is found so in a dead process's table is torn.</summary>
    Changing = 32,
}

/// <summary>State of a flow that is not TCP.</summary>
public enum DatagramState : byte
{
    /// <summary>Only the originator has sent.</summary>
    Unreplied = 1,

    /// <summary>Both have sent.</summary>
    Replied = 2,
}
