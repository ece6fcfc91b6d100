using System.Runtime.InteropServices;

namespace Firewall.Core.Flows;

/// <summary>
/// A walk over all flows of a table while its workers go on: it takes no lock and no worker ever waits for it. Each flow that lives from
/// the walk's begin to its end is met exactly once; one that opens or ends meanwhile may or may not be.
/// </summary>
/// <remarks>
/// A record is copied until two copies are the same and no worker was changing it. One that changes all the time is taken as it is: its
/// addresses, ports and rule are right, its figures may be one packet apart.
/// </remarks>
public sealed class FlowWalk
{
    private readonly FlowTable _table;
    private int _shard;
    private int _next;
    private int _number;

    /// <summary>Begins a walk.</summary>
    public FlowWalk(FlowTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        _table = table;
    }

    /// <summary>Copies the next flow.</summary>
    /// <param name="now">Milliseconds of the workers' clock: a flow whose time is over is left out.</param>
    /// <param name="flow">A copy that belongs to the caller.</param>
    /// <param name="looks">How many records may be looked at, free ones too; counted down. At 0 the call returns, and the walk can go on.</param>
    /// <returns>False at the end of the walk, or when <paramref name="looks"/> is used up; see <see cref="IsAtEnd"/>.</returns>
    public bool TryNext(long now, out FlowRecord flow, ref int looks)
    {
        while (_shard < _table.Shards.Length)
        {
            FlowShard shard = _table.Shards[_shard];
            while (_next < shard.EverUsed)
            {
                if (looks <= 0)
                {
                    flow = default;
                    return false;
                }

                looks--;
                _number = _next++;
                if (TryCopy(shard, _number, out flow) && !flow.IsExpired((uint)now)) return true;
            }

            _shard++;
            _next = 0;
        }

        IsAtEnd = true;
        flow = default;
        return false;
    }

    /// <summary>Where the flow that was copied last has its record.</summary>
    public FlowSlot Slot => new(_shard, _number);

    /// <summary>True when every flow has been met.</summary>
    public bool IsAtEnd { get; private set; }

    // Two copies that are the same, with nobody changing the record, are a whole one.
    private static bool TryCopy(FlowShard shard, int number, out FlowRecord copy)
    {
        const int Attempts = 16;
        copy = shard.Peek(number);
        if (copy.State == 0) return false;
        for (int attempt = 1; attempt <= Attempts; attempt++)
        {
            Interlocked.MemoryBarrier();
            FlowRecord again = shard.Peek(number);
            if ((copy.Flags & FlowFlags.Changing) == 0 && BytesOf(in copy).SequenceEqual(BytesOf(in again))) break;
            if (attempt == Attempts && (again.Started != copy.Started || !again.Head.Matches(FlowShard.KeyOf(copy.Head)))) return false;
            copy = again;
        }

        // A worker that was interrupted while it took the record out leaves it without a protocol first, then without a state.
        return copy.Protocol != 0 && copy.Head.HasKnownState && copy.Low <= copy.High;
    }

    private static ReadOnlySpan<byte> BytesOf(ref readonly FlowRecord record) => MemoryMarshal.AsBytes(new ReadOnlySpan<FlowRecord>(in record));
}
