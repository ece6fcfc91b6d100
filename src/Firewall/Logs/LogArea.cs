namespace Firewall.Logs;

/// <summary>The logger categories: few and short, since an operator writes them into the configuration.</summary>
internal static class LogArea
{
    /// <summary>Everything that has no level of its own.</summary>
    public const string Default = "Default";

    /// <summary>Start, stop, device, routing, workers.</summary>
    public const string Appliance = "Appliance";

    /// <summary>Rules and configuration: what was loaded, what changed, what was refused.</summary>
    public const string Policy = "Policy";

    /// <summary>Denied packets.</summary>
    public const string Drops = "Drops";

    /// <summary>All that may stand in <c>Firewall:Logging:LogLevel</c>.</summary>
    public static readonly IReadOnlyList<string> All = [Default, Appliance, Policy, Drops];
}
