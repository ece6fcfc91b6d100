namespace Firewall.Core.Flows;

/// <summary>A flow that began or ended, as told to those who watch: fixed size, no reference.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Time">Milliseconds of the workers' clock, modulo 2^32.</param>
/// <param name="Number">The record's number in its shard, until the flow ends.</param>
/// <param name="Flow">A copy: when it begins without its first packet, when it ends with all.</param>
public readonly record struct FlowEvent(FlowEventKind Kind, uint Time, int Number, FlowRecord Flow);

/// <summary>What happened to a flow.</summary>
public enum FlowEventKind : byte
{
    /// <summary>The rules allowed its first packet.</summary>
    Begun,

    /// <summary>It has left the table, for whatever reason.</summary>
    Ended,
}

/// <summary>Where a flow's record is.</summary>
/// <param name="Shard">The shard's number.</param>
/// <param name="Number">The record's number in it.</param>
public readonly record struct FlowSlot(int Shard, int Number);
