using Firewall.Control.Configuration;
using Firewall.Hosting.Services;

namespace Firewall.Activity;

/// <summary>Where an appliance's activity log is.</summary>
internal static class ActivityFiles
{
    /// <summary>The place when the configuration names none.</summary>
    public static string DefaultOf(string tunName) =>
        OperatingSystem.IsWindows() ? ProgramData.File($"{tunName}.activity.jsonl") : $"/var/log/firewall/{tunName}.activity.jsonl";

    /// <summary>The place by a configuration; null if it says that there is none.</summary>
    public static string? Of(FirewallOptions options) =>
        options.ActivityLogFile == FirewallOptions.NoFile ? null : options.ActivityLogFile ?? DefaultOf(options.Tun.Name);
}
