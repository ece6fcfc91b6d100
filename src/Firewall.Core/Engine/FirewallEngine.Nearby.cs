using System.Runtime.CompilerServices;
using Firewall.Core.Packets;
using Firewall.Core.Rules;

namespace Firewall.Core.Engine;

/// <content>What happens to all packets of a batch before the first is judged, so that their looks at far memory overlap.</content>
public sealed partial class FirewallEngine
{
    /// <summary>
    /// Step 1 and the first look of step 3: reads a packet that will be inspected soon, finds out where its flow would be, and brings that part
    /// of the index near. Who announces all packets of a batch before the first is inspected lets the looks at far memory overlap.
    /// </summary>
    /// <param name="packet">From its IP header on; borrowed for the call.</param>
    /// <param name="wireLength">Its length on the wire.</param>
    /// <param name="announced">To be handed to <see cref="Prefetch"/> and to Inspect, with the same packet.</param>
    /// <param name="number">A name for the packet, by which it is known again should it be held.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Announce(ReadOnlySpan<byte> packet, int wireLength, out AnnouncedPacket announced, long number = 0)
    {
        announced.WireLength = wireLength;
        announced.Number = number;
        MalformedReason malformed = PacketParser.Parse(packet, wireLength, out announced.Info);
        bool hasKey = malformed == MalformedReason.None && !announced.Info.IsLaterFragment;
        announced.Malformed = malformed;
        announced.HasKey = hasKey;
        announced.Nearest = -1;
        Unsafe.SkipInit(out announced.Key);
        Unsafe.SkipInit(out announced.FromHigh);
        Unsafe.SkipInit(out announced.Hash);
        if (!hasKey) return;
        announced.FromHigh = announced.Key.Set(announced.Info, _flows.Hash, out ulong hash);
        announced.Hash = hash;
        ShardOf(hash).PrefetchIndex(hash);
    }

    /// <summary>The second step, for each packet of a batch, when all have been announced: brings what it will need of the flow's record near.</summary>
    /// <param name="announced">What Announce made of the packet.</param>
    /// <param name="policy">The policy that will judge it.</param>
    /// <returns>False if its place in the index was full, so that it takes a look further on, which has been brought near: call <see cref="PrefetchFurther"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Prefetch(ref AnnouncedPacket announced, Policy policy)
    {
        if (!announced.HasKey) return true;
        announced.Nearest = ShardOf(announced.Hash).PrefetchRecord(announced.Hash, NeedsTail(announced, policy), out bool isFurther);
        return !isFurther;
    }

    /// <summary>The third step, for the packets of a batch that need it, when the second is done for all.</summary>
    /// <param name="announced">What Announce made of the packet.</param>
    /// <param name="policy">The policy that will judge it.</param>
    public void PrefetchFurther(ref AnnouncedPacket announced, Policy policy) =>
        announced.Nearest = ShardOf(announced.Hash).PrefetchFurther(announced.Hash, NeedsTail(announced, policy));

    private static bool NeedsTail(in AnnouncedPacket announced, Policy policy) => announced.Info.Protocol == IpProtocol.Tcp || policy.FlushConnection;
}
