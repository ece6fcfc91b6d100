using System.Runtime.InteropServices;

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

    /// <summary>SYN: its sequence number plus its length. A challenging ACK: its acknowledgment number. Else the segment's end.</summary>
    public uint Value;

    /// <summary>SYN: its window, not scaled.</summary>
    public ushort Window;

    private ushort _bits;

    /// <summary>What kind of segment came last.</summary>
    public readonly TcpKind Kind => (TcpKind)(_bits & KindMask);

    /// <summary>True if the larger endpoint sent it.</summary>
    public readonly bool FromHigh => (_bits & FromHighBit) != 0;

    /// <summary>SYN: its window scale option, or -1.</summary>
    public readonly int Scale => ((_bits >> ScaleShift) & 0x0F) is var scale && scale == NoScale ? -1 : scale;

    /// <summary>SYN: whether it permits selective acknowledgments.</summary>
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
    public void RememberSyn(bool fromHigh, uint end, ushort window, int scale, bool sackPermitted, bool expectsChallenge)
    {
        Value = end;
        Window = window;
        _bits = (ushort)((int)TcpKind.Syn
            | (fromHigh ? FromHighBit : 0)
            | ((scale < 0 ? NoScale : scale) << ScaleShift)
            | (sackPermitted ? SackBit : 0)
            | (expectsChallenge ? ChallengeBit : 0));
    }

    /// <summary>Remembers an ACK that answers a SYN: a host that still has the old connection.</summary>
    public void RememberChallenge(bool fromHigh, uint acknowledgment)
    {
        Value = acknowledgment;
        Window = 0;
        _bits = (ushort)((int)TcpKind.Ack | (fromHigh ? FromHighBit : 0) | ChallengeBit);
    }

    /// <summary>The challenge came.</summary>
    public void ForgetChallenge() => _bits = (ushort)(_bits & ~ChallengeBit);
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
