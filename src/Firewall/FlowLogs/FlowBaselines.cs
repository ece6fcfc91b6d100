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
    public ref FlowBaseline Of(FlowSlot slot, in FlowRecord flow)
    {
        ref FlowBaseline baseline = ref At(slot);
        // Another flow's: this one's begin was lost.
        if (baseline.Identity != IdentityOf(flow)) baseline = new FlowBaseline { Identity = IdentityOf(flow), Time = flow.Started };
        return ref baseline;
    }

    /// <summary>Sets what a flow's last entry said.</summary>
    public ref FlowBaseline Set(FlowSlot slot, in FlowRecord flow, uint time, FlowTraffic traffic)
    {
        ref FlowBaseline baseline = ref At(slot);
        baseline = new FlowBaseline { Identity = IdentityOf(flow), Time = time, Traffic = traffic };
        return ref baseline;
    }

    private ref FlowBaseline At(FlowSlot slot)
    {
        ref FlowBaseline[] shard = ref _shards[slot.Shard];
        if (slot.Number >= shard.Length) Array.Resize(ref shard, Math.Max(First, Math.Max(slot.Number + 1, shard.Length * 2)));
        return ref shard[slot.Number];
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
