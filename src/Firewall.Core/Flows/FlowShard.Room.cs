using Firewall.Core.Packets;

namespace Firewall.Core.Flows;

/// <content>Who goes when there is no room.</content>
internal sealed partial class FlowShard
{
    /// <summary>
    /// Makes room by dropping one flow that was never answered: the oldest of a few picked at random, which is cheap, cannot be steered
    /// from outside, and under a flood hits the flood. In a full table a connection that is over goes before them: one that was reset, or in
    /// TIME_WAIT with all acknowledged, of which a few thousand a second would keep the table full else. No other assured flow is ever dropped.
    /// </summary>
    private void EvictHalfOpen(uint now)
    {
        const int Looks = 32;
        const int Enough = 4;
        bool isFull = Count == _capacity;
        int oldest = -1;
        int found = 0;
        for (int i = 0; i < Looks && found < Enough; i++)
        {
            _random ^= _random << 13;
            _random ^= _random >> 17;
            _random ^= _random << 5;
            int number = (int)(((ulong)_random * (uint)_everUsed) >> 32);
            ref FlowHead record = ref _memory.Head(number);
            if (record.State == 0) continue;
            if (isFull && IsOver(record, _memory.Tail(number)))
            {
                oldest = number;
                break;
            }

            if ((record.Flags & FlowFlags.Assured) != 0) continue;
            found++;
            if (oldest < 0 || unchecked((int)(_memory.Tail(number).Started - _memory.Tail(oldest).Started)) < 0) oldest = number;
        }

        if (oldest < 0) return;
        ref FlowHead victim = ref _memory.Head(oldest);
        Evicted++;
        Remove(ref victim, _hash.Of(KeyOf(victim)), now);
    }

    private static bool IsOver(in FlowHead record, in FlowTail tail) =>
        record.Protocol == IpProtocol.Tcp
        && ((TcpState)record.State == TcpState.Close
            || ((TcpState)record.State == TcpState.TimeWait && tail.LowPeer.HasAcknowledgedAll(tail.HighPeer) && tail.HighPeer.HasAcknowledgedAll(tail.LowPeer)));
}
