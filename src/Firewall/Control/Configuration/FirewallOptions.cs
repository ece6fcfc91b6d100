using Firewall.Core.Flows;
using Firewall.Core.Packets;
using Firewall.Core.Rules;
using Microsoft.Extensions.Logging;

namespace Firewall.Control.Configuration;

/// <summary>
/// The configuration, section <c>Firewall</c>, read and checked. Each property has the name of its key; firewall.sample.json
/// explains them to operators. Immutable: a reload makes a new one.
/// </summary>
internal sealed record FirewallOptions
{
    /// <summary>Gateway or Host.</summary>
    public required ApplianceMode Mode { get; init; }

    /// <summary>Full path of the rules: a file, or a folder whose *.json files are read.</summary>
    public required string Rules { get; init; }

    /// <summary>Full path of a service tag file, or null.</summary>
    public required string? ServiceTags { get; init; }

    /// <summary>The addresses that the VirtualNetwork tag stands for; null for the private ones that the rules take by default.</summary>
    public required IReadOnlyList<IpPrefix>? VirtualNetwork { get; init; }

    /// <summary>The addresses that the AzureLoadBalancer tag stands for; null for Azure's own.</summary>
    public required IReadOnlyList<IpPrefix>? AzureLoadBalancer { get; init; }

    /// <summary>Whether traffic with Azure's platform addresses passes the rules by.</summary>
    public required PlatformAddresses PlatformAddresses { get; init; }

    /// <summary>Interfaces by name. Gateway: those it stands between. Host: those it guards; empty means all but the loopback.</summary>
    public required IReadOnlyList<string> Interfaces { get; init; }

    /// <summary>The TUN device.</summary>
    public required TunSettings Tun { get; init; }

    /// <summary>The routing table and rules that bring packets to the TUN.</summary>
    public required RoutingSettings Routing { get; init; }

    /// <summary>The Wintun adapter.</summary>
    public required WindowsSettings Windows { get; init; }

    /// <summary>What happens to packets of which neither end is protected.</summary>
    public required Access Transit { get; init; }

    /// <summary>Answer denied packets with RST or ICMP instead of silence.</summary>
    public required bool Reject { get; init; }

    /// <summary>The flow table's size and what guards it.</summary>
    public required FlowLimits FlowTable { get; init; }

    /// <summary>A TCP connection whose beginning was not seen may be picked up in its middle, if the rules allow it.</summary>
    public required bool PicksUpMidStream { get; init; }

    /// <summary>
    /// Full path of the file that the flow table lives in; null for the platform's own place, <see cref="NoFile"/> for private memory.
    /// </summary>
    public required string? FlowTableFile { get; init; }

    /// <summary>The value of <see cref="FlowTableFile"/> that keeps flows in private memory, which ends with the process.</summary>
    public const string NoFile = "none";

    /// <summary>Idle timeouts, with <c>VirtualNetwork:FlowTimeoutInMinutes</c> worked in.</summary>
    public required FlowTimeouts Timeouts { get; init; }

    /// <summary>The timeout keys that are written out: a <c>flowTimeoutInMinutes</c> in the rules files does not touch those.</summary>
    public required IReadOnlySet<string> WrittenTimeouts { get; init; }

    /// <summary>Just-in-time access.</summary>
    public required JustInTimeSettings JustInTime { get; init; }

    /// <summary>Full path of the activity log; null for the platform's own place, <see cref="NoFile"/> for none.</summary>
    public required string? ActivityLogFile { get; init; }

    /// <summary>Where and how flows are logged.</summary>
    public required FlowLogSettings FlowLogs { get; init; }

    /// <summary>What is kept of denied packets.</summary>
    public required DropSettings Drops { get; init; }

    /// <summary>The socket that operators reach the running appliance by.</summary>
    public required AdminSettings Admin { get; init; }

    /// <summary>Where metrics are sent.</summary>
    public required OtlpSettings Otlp { get; init; }

    /// <summary>The least level that is logged, by area; "Default" for the rest.</summary>
    public required IReadOnlyDictionary<string, LogLevel> LogLevels { get; init; }
}

/// <summary>What happens to traffic with Azure's platform addresses 168.63.129.16 and 169.254.169.254.</summary>
internal enum PlatformAddresses
{
    /// <summary>The rules judge it like any other.</summary>
    Judge,

    /// <summary>It passes, unless a rule names a platform tag; right only on Azure, where nobody can forge these addresses.</summary>
    Bypass,
}

/// <summary>Keys of <c>Firewall:Tun</c>.</summary>
/// <param name="Name">Name of the TUN interface.</param>
/// <param name="Queues">How many queues, each with its worker thread; null leaves it to the platform.</param>
/// <param name="Mtu">In bytes; 0 follows the interfaces.</param>
/// <param name="Offloads">Take super-packets and unfinished checksums from the kernel.</param>
/// <param name="ProbeOffloads">Try the offloads by packets of its own at start, and leave out those that the kernel does wrong.</param>
/// <param name="Coalesce">Write consecutive packets of a flow that were read together as one super-packet.</param>
/// <param name="IoUring">Read through io_uring where the kernel allows it.</param>
/// <param name="Persistent">The interface stays if the process is killed, for the next one to take over.</param>
internal sealed record TunSettings(string Name, int? Queues, int Mtu, bool Offloads, bool ProbeOffloads, bool Coalesce, bool IoUring, bool Persistent);

/// <summary>Keys of <c>Firewall:JustInTime</c>.</summary>
/// <param name="Policies">Full path of the file of policies; null if there is none.</param>
/// <param name="State">Full path of the file that requests outlive the process in; null for the platform's own place.</param>
internal sealed record JustInTimeSettings(string? Policies, string? State);

/// <summary>Keys of <c>Firewall:Drops</c>.</summary>
/// <param name="KeptPackets">How many of the last denied packets each worker keeps; 0 for none.</param>
/// <param name="SnapLength">Bytes that are kept of each.</param>
internal sealed record DropSettings(int KeptPackets, int SnapLength);

/// <summary>Keys of <c>Firewall:Routing</c>.</summary>
/// <param name="Table">Number of the routing table that leads to the TUN.</param>
/// <param name="Priority">Priority of the first of our routing rules.</param>
internal sealed record RoutingSettings(int Table, int Priority);
