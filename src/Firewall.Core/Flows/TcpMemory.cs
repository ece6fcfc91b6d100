using System.Runtime.InteropServices;
using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <summary>
/// What the tracker remembers of the last segment. Some segments are let through because only the receiving host can tell whether they
/// make sense (a SYN on a live connection, an ACK that answers a SYN); when the host's answer comes by, this tells what it answers.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = SizeInBytes)]
internal struct TcpMemory
{
    public const int SizeInBytes = 8;

    private const int KindMask = 0x0007;
    private const int FromHighBit = 0x0008;
    private const int ScaleShift = 4;
    private const int NoScale = 15;
    private const int SackBit = 0x0100;
    private const int ChallengeBit = 0x0200;

    /// <summary>A challenging ACK: its acknowledgment number. Else the segment's end: its sequence number plus its length.</summary>
    public uint Value;

    /// <summary>SYN and SYN/ACK that were let through: the window, not scaled.</summary>
    public ushort Window;

    private ushort _bits;

    /// <summary>What kind of segment came last.</summary>
    public readonly TcpKind Kind => (TcpKind)(_bits & KindMask);

    /// <summary>True if the larger endpoint sent it.</summary>
    public readonly bool FromHigh => (_bits & FromHighBit) != 0;

    /// <summary>Of those: the window scale option, or -1.</summary>
    public readonly int Scale => ((_bits >> ScaleShift) & 0x0F) is var scale && scale == NoScale ? -1 : scale;

    /// <summary>Of those: whether it permits selective acknowledgments.</summary>
    public readonly bool SackPermitted => (_bits & SackBit) != 0;

    /// <summary>True if a challenge ACK (RFC 5961) may come next, or, for an ACK, if it is one.</summary>
    public readonly bool ExpectsChallenge => (_bits & ChallengeBit) != 0;

    /// <summary>Remembers an ordinary segment.</summary>
    public void Remember(TcpKind kind, bool fromHigh, uint end)
    {
        Value = end;
        Window = 0;
        _bits = (ushort)((int)kind | (fromHigh ? FromHighBit : 0));
    }

    /// <summary>Remembers a SYN that was let through on a flow that did not ask for one.</summary>
    public void RememberSyn(bool fromHigh, in PacketInfo syn, ReadOnlySpan<byte> options, bool expectsChallenge) =>
        RememberOpening(TcpKind.Syn, fromHigh, syn, options, expectsChallenge);

    /// <summary>Remembers a SYN/ACK that was let through although it acknowledges a little more than was seen of its receiver.</summary>
    public void RememberSynAck(bool fromHigh, in PacketInfo synAck, ReadOnlySpan<byte> options) =>
        RememberOpening(TcpKind.SynAck, fromHigh, synAck, options, expectsChallenge: false);

    /// <summary>Remembers an ACK that answers a SYN: a host that still has the old connection.</summary>
    public void RememberChallenge(bool fromHigh, uint acknowledgment)
    {
        Value = acknowledgment;
        Window = 0;
        _bits = (ushort)((int)TcpKind.Ack | (fromHigh ? FromHighBit : 0) | ChallengeBit);
    }

    /// <summary>The challenge came.</summary>
    public void ForgetChallenge() => _bits = (ushort)(_bits & ~ChallengeBit);

    private void RememberOpening(TcpKind kind, bool fromHigh, in PacketInfo segment, ReadOnlySpan<byte> options, bool expectsChallenge)
    {
        TcpOptionList.ReadSyn(options, out int scale, out bool sackPermitted);
        Value = TcpWindow.EndOf(segment);
        Window = segment.Window;
        _bits = (ushort)((int)kind
            | (fromHigh ? FromHighBit : 0)
            | ((scale < 0 ? NoScale : scale) << ScaleShift)
            | (sackPermitted ? SackBit : 0)
            | (expectsChallenge ? ChallengeBit : 0));
    }
}

/// <summary>What a segment is to the state machine: the row of its table.</summary>
internal enum TcpKind : byte
{
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
}
