using System.Runtime.CompilerServices;
using Firewall.Core.Flows;

namespace Firewall.Tests.Simulation;

/// <summary>What the firewall knew of a packet's flow before the packet came; the exceptions from the rules of a test are put in these words.</summary>
/// <param name="State">The state, None without a flow.</param>
/// <param name="Flags">What else is known.</param>
/// <param name="IsForward">True if the packet is the originator's.</param>
/// <param name="Sender">The bounds of the packet's sender.</param>
/// <param name="Receiver">The bounds of its receiver.</param>
internal readonly record struct FlowSnapshot(TcpState State, FlowFlags Flags, bool IsForward, TcpPeer Sender, TcpPeer Receiver)
{
    public static FlowSnapshot Of(FlowTable flows, FlowKey key, bool fromHigh, long now)
    {
        ulong hash = flows.HashOf(key);
        FlowShard shard = flows.ShardOf(hash);
        ref FlowHead record = ref shard.Find(key, hash, (uint)now);
        if (Unsafe.IsNullRef(ref record)) return default;
        ref FlowTail tail = ref shard.TailOf(ref record);
        return new FlowSnapshot(
            (TcpState)record.State, record.Flags, record.IsForward(fromHigh),
            fromHigh ? tail.HighPeer : tail.LowPeer, fromHigh ? tail.LowPeer : tail.HighPeer);
    }

    public override string ToString() => State == TcpState.None
        ? "no flow"
        : $"{State} {Flags} {(IsForward ? "forward" : "reply")} sender {Text(Sender)} receiver {Text(Receiver)}";

    private static string Text(TcpPeer peer) => $"end={peer.End} maxend={peer.MaxEnd} maxack={peer.MaxAck} maxwin={peer.MaxWindow} scale={peer.Scale} {peer.Flags}";
}
