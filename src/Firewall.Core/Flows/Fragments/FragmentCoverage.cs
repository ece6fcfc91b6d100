namespace Firewall.Core.Flows.Fragments;

/// <summary>Which bytes of each datagram have come: a fixed pool of pieces, chained in each datagram in the order of their places.</summary>
internal sealed class FragmentCoverage
{
    private readonly Node[] _nodes;
    private int _firstFree;

    /// <summary>Makes the pool.</summary>
    /// <param name="capacity">Pieces of all datagrams together.</param>
    public FragmentCoverage(int capacity)
    {
        _nodes = new Node[capacity + 1];
        for (int i = 1; i < capacity; i++) _nodes[i].Next = i + 1;
        _firstFree = 1;
        FreeCount = capacity;
    }

    /// <summary>Pieces that can still be remembered.</summary>
    public int FreeCount { get; private set; }

    /// <summary>Adds a piece to a datagram; only <see cref="CoverageResult.Added"/> changes anything.</summary>
    public CoverageResult Add(ref FragmentDatagram datagram, in FragmentPiece piece)
    {
        if (!AgreesOnEnd(datagram, piece)) return CoverageResult.Conflict;
        int before = 0;

        // Fragments mostly come in order: behind the last one there is nothing to search.
        int behind = datagram.LastPiece != 0 && _nodes[datagram.LastPiece].End > piece.Start ? datagram.FirstPiece : 0;
        if (behind == 0) before = datagram.LastPiece;
        while (behind != 0 && _nodes[behind].End <= piece.Start) (before, behind) = (behind, _nodes[behind].Next);
        if (behind != 0 && _nodes[behind].Start < piece.End)
        {
            ref Node other = ref _nodes[behind];
            bool isSame = other.Start == piece.Start && other.End == piece.End && other.Digest == piece.Digest;
            return isSame ? CoverageResult.Duplicate : CoverageResult.Conflict;
        }

        if (_firstFree == 0 || datagram.PieceCount == FragmentLimits.PiecesPerDatagram) return CoverageResult.NoRoom;
        int index = _firstFree;
        _firstFree = _nodes[index].Next;
        FreeCount--;
        _nodes[index] = new Node { Start = piece.Start, End = piece.End, Digest = piece.Digest, Next = behind };
        if (before == 0) datagram.FirstPiece = index;
        else _nodes[before].Next = index;
        if (behind == 0) datagram.LastPiece = index;
        datagram.PieceCount++;
        datagram.Covered += piece.End - piece.Start;
        if (piece.IsLast) datagram.End = piece.End;
        return CoverageResult.Added;
    }

    /// <summary>Forgets all pieces of a datagram.</summary>
    public void Clear(ref FragmentDatagram datagram)
    {
        if (datagram.FirstPiece != 0)
        {
            _nodes[datagram.LastPiece].Next = _firstFree;
            _firstFree = datagram.FirstPiece;
            FreeCount += datagram.PieceCount;
        }

        datagram.FirstPiece = 0;
        datagram.LastPiece = 0;
        datagram.PieceCount = 0;
        datagram.Covered = 0;
        datagram.End = 0;
    }

    // The fragment without the "more" flag says where the datagram ends; all others must end in front of that.
    private bool AgreesOnEnd(in FragmentDatagram datagram, in FragmentPiece piece)
    {
        if (datagram.End != 0) return piece.IsLast ? piece.End == datagram.End : piece.End < datagram.End;
        return !piece.IsLast || datagram.LastPiece == 0 || _nodes[datagram.LastPiece].End < piece.End;
    }

    private struct Node
    {
        public ulong Digest;
        public int Next;
        public ushort Start;
        public ushort End;
    }
}
