using Firewall.Core.Packets;

namespace Firewall.Core.Flows.Fragments;

/// <summary>What is known of one fragmented datagram. Numbers of pieces and held fragments are 1-based; 0 is none.</summary>
internal struct FragmentDatagram
{
    public IpAddress Source;
    public IpAddress Destination;
    public uint Id;

    /// <summary>For IPv4 the protocol, which RFC 791 has in the key; 0 for IPv6, where only the first fragment knows it (RFC 8200 section 4.5).</summary>
    public byte Protocol;

    public FragmentState State;

    /// <summary>Where the last fragment ends; 0 until it came.</summary>
    public ushort End;

    public byte HeldCount;

    /// <summary>Tells this use of the entry from every other.</summary>
    public long Serial;

    /// <summary>When the datagram is forgotten, in milliseconds.</summary>
    public long Deadline;

    /// <summary>The rule of the first fragment's verdict; the engine's to set and read.</summary>
    public int Rule;

    /// <summary>How many datagrams of its addresses and protocol had begun when it began.</summary>
    public uint Begun;

    public int FirstPiece;
    public int LastPiece;
    public int PieceCount;

    /// <summary>Bytes that came, each counted once.</summary>
    public int Covered;

    public int FirstHeld;
    public int LastHeld;

    /// <summary>True when every byte came and all was allowed: whatever comes next under this key may be a new datagram.</summary>
    public readonly bool IsComplete => State == FragmentState.Allowed && End != 0 && Covered == End;

    public readonly bool Matches(in PacketInfo packet) =>
        State != FragmentState.Free && Id == packet.FragmentId && Source == packet.Source && Destination == packet.Destination
        && Protocol == ProtocolOf(packet);

    public readonly bool IsOver(long now) => State != FragmentState.Free && Deadline <= now;

    /// <summary>True if this one has to make room for a new datagram rather than the other: by rank, then by deadline.</summary>
    public readonly bool MakesRoomBefore(in FragmentDatagram other, long now)
    {
        int rank = RankAt(now);
        int otherRank = other.RankAt(now);
        return rank < otherRank || (rank == otherRank && Deadline < other.Deadline);
    }

    public static byte ProtocolOf(in PacketInfo packet) => packet.IsIPv4 ? packet.Protocol : (byte)0;

    // A flood of denied or unknown datagrams must not push out allowed ones.
    private readonly int RankAt(long now) => State switch
    {
        FragmentState.Free => 0,
        _ when Deadline <= now => 0,
        FragmentState.Allowed when IsComplete => 1,
        FragmentState.Denied or FragmentState.Poisoned or FragmentState.Refused => 2,
        FragmentState.Waiting => 3,
        FragmentState.Allowed => 4,
        _ => 5,
    };
}
