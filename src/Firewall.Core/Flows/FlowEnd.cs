namespace Firewall.Core.Flows;

/// <summary>An operator's wish that a flow should end; carried out by a worker.</summary>
/// <param name="Key">Which flow.</param>
/// <param name="Started">Its <see cref="FlowRecord.Started"/>: a later flow with the same key is another one, and stays.</param>
/// <param name="Reset">TCP: tell both ends by a RST.</param>
public readonly record struct FlowEnd(FlowKey Key, uint Started, bool Reset)
{
    /// <summary>The wish to end that flow.</summary>
    public static FlowEnd Of(in FlowRecord flow, bool reset) => new(FlowShard.KeyOf(flow.Head), flow.Started, reset);
}
