using System.IO.Hashing;
using System.Runtime.InteropServices;
using Firewall.Core.Flows;

namespace Firewall.FlowLogs;

/// <summary>What the last entry of each flow said, found by the place of the flow's record. Grows as far as the flow table is used.</summary>
internal sealed class FlowBaselines(int shards)
{
    private const int First = 64;

    private readonly FlowBaseline[][] _shards = [.. Enumerable.Repeat<FlowBaseline[]>([], shards)];

    /// <summary>What a flow's last entry said; if it had none, nothing at all when it began.</summary>
    public FlowBaseline Of(FlowSlot slot, in FlowRecord flow)
    {
        ulong identity = IdentityOf(flow);
        FlowBaseline[] shard = _shards[slot.Shard];
        // Another flow's may stand there: that one's end, and this one's begin, are still to be told, or were lost.
        return slot.Number < shard.Length && shard[slot.Number].Identity == identity
            ? shard[slot.Number]
            : new FlowBaseline { Identity = identity, Time = flow.Started };
    }

    /// <summary>Sets what the last entry of the flow at that place said.</summary>
    public void Set(FlowSlot slot, in FlowBaseline last)
    {
        ref FlowBaseline[] shard = ref _shards[slot.Shard];
        if (slot.Number >= shard.Length) Array.Resize(ref shard, Math.Max(First, Math.Max(slot.Number + 1, shard.Length * 2)));
        shard[slot.Number] = last;
    }

    /// <summary>Tells a flow from all others of this start of the machine, in every process alike. Never 0, which is nobody's.</summary>
    public static ulong IdentityOf(in FlowRecord flow)
    {
        ReadOnlySpan<ulong> key = [flow.Low.High, flow.Low.Low, flow.High.High, flow.High.Low, ((ulong)flow.LowPort << 32) | ((ulong)flow.HighPort << 16) | flow.Protocol];
        return XxHash3.HashToUInt64(MemoryMarshal.AsBytes(key), flow.Started) | 1;
    }
}

/// <summary>What a flow's last entry said.</summary>
internal struct FlowBaseline
{
    /// <summary>Which flow.</summary>
    public ulong Identity;

    /// <summary>The entry's time: milliseconds of the workers' clock, modulo 2^32.</summary>
    public uint Time;

    /// <summary>The flow's counters then.</summary>
    public FlowTraffic Traffic;
}
