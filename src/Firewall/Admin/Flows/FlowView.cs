using Firewall.Core.Flows;
using Firewall.Core.Packets;

namespace Firewall.Admin.Flows;

/// <summary>A flow as people look at it: from the end that opened it.</summary>
internal readonly ref struct FlowView
{
    private static readonly string[] s_tcpStates = Enum.GetNames<TcpState>();

    /// <summary>Turns a record round.</summary>
    public FlowView(in FlowRecord flow)
    {
        bool fromHigh = flow.IsForward(true);
        (Source, SourcePort) = fromHigh ? (flow.High, flow.HighPort) : (flow.Low, flow.LowPort);
        (Destination, DestinationPort) = fromHigh ? (flow.Low, flow.LowPort) : (flow.High, flow.HighPort);
        // The key holds their sum (FlowKey).
        if (flow.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6) DestinationPort -= SourcePort;
    }

    /// <summary>Who opened it.</summary>
    public IpAddress Source { get; }

    /// <summary>Whom it was opened to.</summary>
    public IpAddress Destination { get; }

    /// <summary>The source's port; for ICMP the identifier.</summary>
    public ushort SourcePort { get; }

    /// <summary>The destination's port; for ICMP the type of the query.</summary>
    public ushort DestinationPort { get; }

    /// <summary>The state's name.</summary>
    public static string StateOf(in FlowRecord flow) => flow.Protocol == IpProtocol.Tcp
        ? s_tcpStates[flow.State]
        : (DatagramState)flow.State == DatagramState.Replied ? nameof(DatagramState.Replied) : nameof(DatagramState.Unreplied);
}
