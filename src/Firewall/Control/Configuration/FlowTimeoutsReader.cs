using Firewall.Core.Flows;

namespace Firewall.Control.Configuration;

/// <summary>Reads <c>Firewall:Timeouts</c> and Azure's <c>flowTimeoutInMinutes</c> of the virtual network.</summary>
internal static class FlowTimeoutsReader
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The timeouts: our defaults, then <c>FlowTimeoutInMinutes</c> if it is set, then each key that is written out, since the more
    /// special setting wins.
    /// </summary>
    public static FlowTimeouts Read(SectionReader timeouts, SectionReader network)
    {
        FlowTimeouts start = new();
        if (network.OptionalInteger("FlowTimeoutInMinutes", 4, 30) is { } minutes) start = start.WithFlowTimeout(TimeSpan.FromMinutes(minutes));
        return new FlowTimeouts
        {
            TcpSynSent = Of("TcpSynSent", start.TcpSynSent),
            TcpSynReceived = Of("TcpSynReceived", start.TcpSynReceived),
            TcpEstablished = Of("TcpEstablished", start.TcpEstablished),
            TcpFinWait = Of("TcpFinWait", start.TcpFinWait),
            TcpCloseWait = Of("TcpCloseWait", start.TcpCloseWait),
            TcpLastAck = Of("TcpLastAck", start.TcpLastAck),
            TcpTimeWait = Of("TcpTimeWait", start.TcpTimeWait),
            TcpClose = Of("TcpClose", start.TcpClose),
            UdpUnreplied = Of("UdpUnreplied", start.UdpUnreplied),
            UdpReplied = Of("UdpReplied", start.UdpReplied),
            Icmp = Of("Icmp", start.Icmp),
            OtherUnreplied = Of("OtherUnreplied", start.OtherUnreplied),
            OtherReplied = Of("OtherReplied", start.OtherReplied),
        };

        TimeSpan Of(string key, TimeSpan fallback) => timeouts.Duration(key, fallback, Shortest, FlowTimeouts.Longest);
    }
}
