using System.Runtime.CompilerServices;
using Firewall.Core.Engine;
using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Tests.Simulation;

/// <summary>A mistake that an engine could make, planted behind the real one, to show that the simulation sees it.</summary>
internal enum PlantedFault
{
    None,

    /// <summary>What belongs to no flow passes.</summary>
    PassesStrangers,

    /// <summary>The scales of the windows are forgotten once the connection is established.</summary>
    ForgetsScales,

    /// <summary>Any acknowledgment moves the highest number sent backwards.</summary>
    ForgetsWhatWasSent,

    /// <summary>A FIN ends the flow.</summary>
    EndsFlowsByTheFirstFin,
}

/// <summary>Plants a fault.</summary>
internal static class PlantedFaults
{
    /// <summary>Spoils the verdict of a packet, or what the table knows of its flow.</summary>
    public static Verdict Spoil(this PlantedFault fault, in Verdict verdict, FlowTable flows, in PacketInfo info, in FlowKey key, long now)
    {
        if (fault == PlantedFault.PassesStrangers && verdict.Reason == VerdictReason.NoFlow) return new Verdict(Access.Allow, verdict.Reason, verdict.Rule, verdict.Direction);
        if (fault == PlantedFault.None || !verdict.IsAllowed) return verdict;
        ulong hash = flows.HashOf(key);
        FlowShard shard = flows.ShardOf(hash);
        ref FlowHead record = ref shard.Find(key, hash, (uint)now);
        if (Unsafe.IsNullRef(ref record)) return verdict;
        ref FlowTail tail = ref shard.TailOf(ref record);
        bool isEstablished = record.State == (byte)TcpState.Established;
        switch (fault)
        {
            case PlantedFault.ForgetsScales when isEstablished:
                tail.LowPeer.DropScale();
                tail.HighPeer.DropScale();
                break;
            case PlantedFault.ForgetsWhatWasSent when isEstablished:
                tail.LowPeer.End -= 1000;
                tail.HighPeer.End -= 1000;
                break;
            case PlantedFault.EndsFlowsByTheFirstFin when (info.TcpFlags & TcpFlags.Fin) != 0:
                shard.Remove(ref record, hash, (uint)now);
                break;
        }

        return verdict;
    }
}
