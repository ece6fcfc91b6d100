using Microsoft.Extensions.Logging;

namespace Firewall.Logs;

/// <summary>The least level that each area logs; changes while the appliance runs.</summary>
internal sealed class LogLevels
{
    private volatile IReadOnlyDictionary<string, LogLevel> _levels = new Dictionary<string, LogLevel>();

    /// <summary>Takes over the levels of a configuration.</summary>
    public void Set(IReadOnlyDictionary<string, LogLevel> levels) => _levels = levels;

    /// <summary>True if the area logs that level. The framework's own categories have nothing to tell an operator below a warning.</summary>
    public bool IsEnabled(string? area, LogLevel level)
    {
        IReadOnlyDictionary<string, LogLevel> levels = _levels;
        LogLevel fallback = levels.GetValueOrDefault(LogArea.Default, LogLevel.Information);
        if (area is null || !LogArea.All.Contains(area)) return level >= (fallback > LogLevel.Warning ? fallback : LogLevel.Warning);
        return level >= levels.GetValueOrDefault(area, fallback);
    }
}
