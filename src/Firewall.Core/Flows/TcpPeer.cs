using System.Runtime.InteropServices;

namespace Firewall.Core.Flows;

/// <summary>
/// One end of a TCP flow in terms of van Rooij's bounds (Real Stateful TCP Packet Filtering in IP Filter, SANE 2000), as nf_conntrack
/// keeps them. All zero until the end has sent its first segment.
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = SizeInBytes)]
public struct TcpPeer
{
    /// <summary>The size of a peer within a record.</summary>
    public const int SizeInBytes = 15;

    /// <summary>One more than the highest sequence number sent.</summary>
    public uint End;

    /// <summary>The highest sequence number that may be sent: the other's acknowledgment plus its window.</summary>
    public uint MaxEnd;

    /// <summary>
    /// The highest acknowledgment number sent if <see cref="TcpPeerFlags.HasAcknowledged"/>. Until then, of an end whose SYN was seen, the least
    /// that a SYN/ACK for it may acknowledge: the SYN itself, without the data that came with it (RFC 7413).
    /// </summary>
    public uint MaxAck;

    private const int ScaleMask = 0x0F;
    private const int NotOffered = 15;
    private const int FlagsMask = 0x70;
    private const int InUnitsOfScale = 0x80; // the largest window

    private ushort _maxWindow;
    private byte _scaleAndFlags;

    /// <summary>
    /// <see cref="End"/>, but not beyond <see cref="MaxEnd"/>: the receiver drops what lies further, and goes on acknowledging less. How old
    /// something may be is counted from here.
    /// </summary>
    public readonly uint EndInWindow => TcpWindow.IsAfter(End, MaxEnd) ? MaxEnd : End;

    /// <summary>The least that a SYN/ACK may acknowledge of an end that has sent a SYN.</summary>
    public readonly uint SynEnd => (Flags & TcpPeerFlags.HasAcknowledged) == 0 ? MaxAck : End;

    /// <summary>The shift that this end's window field is to be multiplied with: 0–14.</summary>
    public readonly int Scale => HasOfferedScale ? _scaleAndFlags & ScaleMask : 0;

    /// <summary>True if the end's SYN offered to scale windows.</summary>
    public readonly bool HasOfferedScale => (_scaleAndFlags & ScaleMask) != NotOffered;

    /// <summary>What is known of this end.</summary>
    public TcpPeerFlags Flags
    {
        readonly get => (TcpPeerFlags)(_scaleAndFlags & FlagsMask);
        set => _scaleAndFlags = (byte)((_scaleAndFlags & ~FlagsMask) | (byte)value);
    }

    /// <summary>
    /// The largest window this end ever announced, in bytes; 0 if it has not sent yet. Sixteen bits hold it: exactly up to 65,535, as in a SYN,
    /// whose window is never scaled; beyond, in units of the end's scale, rounded up.
    /// </summary>
    public uint MaxWindow
    {
        readonly get => (_scaleAndFlags & InUnitsOfScale) == 0 ? _maxWindow : (uint)_maxWindow << (_scaleAndFlags & ScaleMask);
        set
        {
            bool inUnits = value > ushort.MaxValue && Scale > 0;
            if (inUnits) value = (value + (1u << Scale) - 1) >> Scale;
            _maxWindow = (ushort)Math.Min(value, ushort.MaxValue);
            _scaleAndFlags = (byte)((_scaleAndFlags & ~InUnitsOfScale) | (inUnits ? InUnitsOfScale : 0));
        }
    }

    /// <summary>Takes the window scale option of the end's SYN, -1 if there was none.</summary>
    public void Offer(int scale) => SetScale(scale < 0 ? NotOffered : scale);

    /// <summary>The other end does not scale, so neither does this one (RFC 7323 section 2.2). The largest window stays what it was.</summary>
    public void DropScale()
    {
        uint window = MaxWindow;
        SetScale(NotOffered);
        MaxWindow = window;
    }

    private void SetScale(int bits) => _scaleAndFlags = (byte)((_scaleAndFlags & ~ScaleMask) | bits);

    /// <summary>True until the end has sent its first segment.</summary>
    public readonly bool IsUnseen => _maxWindow == 0;

    /// <summary>True if this end has acknowledged all that the other is known to have sent.</summary>
    public readonly bool HasAcknowledgedAll(in TcpPeer other) => (Flags & TcpPeerFlags.HasAcknowledged) != 0 && MaxAck == other.End;
}

/// <summary>What is known of one end of a TCP flow.</summary>
[Flags]
public enum TcpPeerFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It may be sent selective acknowledgments (RFC 2018).</summary>
    SackPermitted = 0x10,

    /// <summary>It has sent a FIN.</summary>
    HasClosed = 0x20,

    /// <summary>It has sent an acknowledgment.</summary>
    HasAcknowledged = 0x40,
}
