namespace Firewall.Admin;

/// <summary>How a running appliance is: <c>GET /v1/status</c>, <c>firewall status</c>.</summary>
/// <param name="Version">Of the program.</param>
/// <param name="Process">Its process id.</param>
/// <param name="Mode">Gateway or Host.</param>
/// <param name="Interfaces">As configured; in mode Host none means all.</param>
/// <param name="Device">The TUN.</param>
/// <param name="Queues">Queues and workers.</param>
/// <param name="Time">When this was said.</param>
/// <param name="Started">When the process began to judge packets.</param>
/// <param name="UptimeSeconds">Since then.</param>
/// <param name="ResidentBytes">The process' memory in RAM.</param>
/// <param name="Policy">The policy in force.</param>
/// <param name="Reloads">What came of reloads.</param>
/// <param name="Flows">The connection table.</param>
/// <param name="Packets">What was judged.</param>
internal sealed record StatusReport(
    string Version,
    int Process,
    string Mode,
    IReadOnlyList<string> Interfaces,
    string Device,
    int Queues,
    DateTimeOffset Time,
    DateTimeOffset Started,
    double UptimeSeconds,
    long ResidentBytes,
    PolicyStatus Policy,
    ReloadStatus Reloads,
    FlowStatus Flows,
    PacketStatus Packets);

/// <summary>The policy in force.</summary>
/// <param name="Version">Counts the policies since the start.</param>
/// <param name="Since">In force since.</param>
/// <param name="AgeSeconds">For so long.</param>
/// <param name="SecurityGroups">How many groups.</param>
/// <param name="SecurityRules">How many rules beside the default ones.</param>
/// <param name="FlushConnection">Whether any group judges running flows again.</param>
internal sealed record PolicyStatus(uint Version, DateTimeOffset Since, double AgeSeconds, int SecurityGroups, int SecurityRules, bool FlushConnection);

/// <summary>Reloads since the start.</summary>
/// <param name="LastResult">Of the last one: Changed, Unchanged or Refused; null if there was none.</param>
/// <param name="Last">When it was.</param>
/// <param name="Changed">Those that brought something new.</param>
/// <param name="Unchanged">Those that found nothing new.</param>
/// <param name="Refused">Those that met an error.</param>
internal sealed record ReloadStatus(string? LastResult, DateTimeOffset? Last, long Changed, long Unchanged, long Refused);

/// <summary>The connection table.</summary>
/// <param name="Count">Flows in it.</param>
/// <param name="Maximum">The most it can hold.</param>
/// <param name="Assured">Of <paramref name="Count"/>: both ends agreed to talk.</param>
/// <param name="Peak">The most at once so far.</param>
/// <param name="Created">Ever opened.</param>
/// <param name="Expired">Ended by their timeout.</param>
/// <param name="Evicted">Half-open ones that made room.</param>
/// <param name="Killed">Ended by an operator.</param>
/// <param name="ReservedBytes">Memory reserved; committed as it is used.</param>
internal sealed record FlowStatus(
    int Count, int Maximum, int Assured, int Peak, long Created, long Expired, long Evicted, long Killed, long ReservedBytes);

/// <summary>What was judged since the start.</summary>
/// <param name="Allowed">Packets.</param>
/// <param name="AllowedBytes">From the IP header on.</param>
/// <param name="Denied">Packets.</param>
/// <param name="DeniedBytes">From the IP header on.</param>
/// <param name="AllowedByReason">Reasons that occurred.</param>
/// <param name="DeniedByReason">Reasons that occurred.</param>
/// <param name="DropEventsLost">Denied packets that were counted, but not told to the log, since they came too fast.</param>
internal sealed record PacketStatus(
    long Allowed,
    long AllowedBytes,
    long Denied,
    long DeniedBytes,
    IReadOnlyDictionary<string, long> AllowedByReason,
    IReadOnlyDictionary<string, long> DeniedByReason,
    long DropEventsLost);

/// <summary>How often one rule decided, and what passed or was denied by it: <c>GET /v1/rules/hits</c>.</summary>
/// <param name="SecurityGroup">The rule's group.</param>
/// <param name="Rule">Its name, as in flow logs.</param>
/// <param name="Direction">Its direction.</param>
/// <param name="InForce">False for a rule that is gone.</param>
/// <param name="Hits">Flows that it allowed, or packets that it denied.</param>
/// <param name="Packets">Of the flows that it allowed, in both directions; or denied by it.</param>
/// <param name="Bytes">Of these packets, from the IP header on.</param>
/// <param name="LastHit">When it last decided; null if it never did.</param>
internal sealed record RuleHitStatus(
    string SecurityGroup, string Rule, string Direction, bool InForce, long Hits, long Packets, long Bytes, DateTimeOffset? LastHit);
