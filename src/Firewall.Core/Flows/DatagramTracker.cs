namespace Firewall.Core.Flows;

/// <summary>UDP, ICMP queries and every protocol without a state machine of its own: unanswered, then answered.</summary>
public static class DatagramTracker
{
    /// <summary>Prepares a new record for its first packet.</summary>
    public static void Open(ref FlowHead record) => record.State = (byte)DatagramState.Unreplied;

    /// <summary>Moves the flow on by one packet.</summary>
    public static TrackResult Track(ref FlowHead record, bool isForward)
    {
        if (!isForward)
        {
            record.State = (byte)DatagramState.Replied;
            record.Flags |= FlowFlags.Replied | FlowFlags.Assured;
        }

        return TrackResult.Accept;
    }
}
