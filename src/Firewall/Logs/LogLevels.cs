using Microsoft.Extensions.Logging;

namespace Firewall.Logs;

/// <summary>The least level that each area logs; changes while the appliance runs.</summary>
internal sealed class LogLevels
{
    private volatile IReadOnlyDictionary<string, LogLevel> _levels = new Dictionary<string, LogLevel>();

    /// <summary>Takes over the levels of a configuration.</summary>
    public void Set(IReadOnlyDictionary<string, LogLevel> levels) => _levels = levels;

    /// <summary>
    /// True if the area logs that level. Of the framework's own categories only what is critical counts: it logs exceptions that we
    /// tell in our own words.
    /// </summary>
    public bool IsEnabled(string? area, LogLevel level)
    {
        IReadOnlyDictionary<string, LogLevel> levels = _levels;
        LogLevel fallback = levels.GetValueOrDefault(LogArea.Default, LogLevel.Information);
        if (area is null || !LogArea.All.Contains(area)) return level == LogLevel.Critical && fallback != LogLevel.None;
        return level >= levels.GetValueOrDefault(area, fallback);
    }
}
