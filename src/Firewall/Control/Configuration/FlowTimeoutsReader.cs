using Firewall.Core.Flows;
using Firewall.Core.Rules;

namespace Firewall.Control.Configuration;

/// <summary>Reads <c>Firewall:Timeouts</c> and Azure's <c>flowTimeoutInMinutes</c> of the virtual network.</summary>
internal static class FlowTimeoutsReader
{
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The timeouts: our defaults, then <c>FlowTimeoutInMinutes</c> if it is set, then each key that is written out, since the more
    /// special setting wins.
    /// </summary>
    /// <param name="timeouts">The section of timeouts.</param>
    /// <param name="network">The section of the virtual network.</param>
    /// <param name="written">The keys that the configuration speaks for.</param>
    public static FlowTimeouts Read(SectionReader timeouts, SectionReader network, out IReadOnlySet<string> written)
    {
        FlowTimeouts start = new();
        HashSet<string> keys = [];
        written = keys;
        if (network.OptionalInteger("FlowTimeoutInMinutes", 4, 30) is { } minutes)
        {
            start = start.WithFlowTimeout(TimeSpan.FromMinutes(minutes));
            keys.UnionWith([nameof(FlowTimeouts.TcpEstablished), nameof(FlowTimeouts.UdpReplied), nameof(FlowTimeouts.OtherReplied)]);
        }

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

        TimeSpan Of(string key, TimeSpan fallback)
        {
            if (timeouts.Has(key)) keys.Add(key);
            return timeouts.Duration(key, fallback, Shortest, FlowTimeouts.Longest);
        }
    }

    /// <summary>
    /// The timeouts with the <c>flowTimeoutInMinutes</c> of the virtual networks in the rules files, where the configuration says nothing
    /// itself. Of several networks the shortest counts.
    /// </summary>
    public static FlowTimeouts Of(FirewallOptions options, Policy policy)
    {
        int? minutes = policy.Options.Network.VirtualNetworks.Min(network => network.FlowTimeoutInMinutes);
        if (minutes is null) return options.Timeouts;
        FlowTimeouts given = options.Timeouts.WithFlowTimeout(TimeSpan.FromMinutes(minutes.Value));
        return options.Timeouts with
        {
            TcpEstablished = Choose(nameof(FlowTimeouts.TcpEstablished), options.Timeouts.TcpEstablished, given.TcpEstablished),
            UdpReplied = Choose(nameof(FlowTimeouts.UdpReplied), options.Timeouts.UdpReplied, given.UdpReplied),
            OtherReplied = Choose(nameof(FlowTimeouts.OtherReplied), options.Timeouts.OtherReplied, given.OtherReplied),
        };

        TimeSpan Choose(string key, TimeSpan configured, TimeSpan network) => options.WrittenTimeouts.Contains(key) ? configured : network;
    }
}
