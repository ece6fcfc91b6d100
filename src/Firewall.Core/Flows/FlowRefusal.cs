namespace Firewall.Core.Flows;

/// <summary>Why the flow table took no new record.</summary>
internal enum FlowRefusal : byte
{
    /// <summary>It did.</summary>
    None,

    /// <summary>The table is full of flows that are worth more.</summary>
    TableFull,

    /// <summary>The source address has opened as many flows as it may.</summary>
    SourceLimit,
}
