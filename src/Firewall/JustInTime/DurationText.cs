using System.Globalization;
using System.Xml;

namespace Firewall.JustInTime;

/// <summary>Durations as people write them (90s, 15m, 3h, 1d) or as Azure does (PT3H).</summary>
internal static class DurationText
{
    /// <summary>What is possible, for an error.</summary>
    public const string Allowed = "a time such as 90s, 15m, 3h or PT3H";

    /// <summary>Reads one; false if it is none, or is not longer than nothing.</summary>
    public static bool TryRead(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        try
        {
            if (text.StartsWith('P'))
            {
                duration = XmlConvert.ToTimeSpan(text);
                return duration > TimeSpan.Zero;
            }

            if (text.Length < 2 || !int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int count)) return false;
            duration = text[^1] switch
            {
                's' => TimeSpan.FromSeconds(count),
                'm' => TimeSpan.FromMinutes(count),
                'h' => TimeSpan.FromHours(count),
                'd' => TimeSpan.FromDays(count),
                _ => TimeSpan.Zero,
            };
            return duration > TimeSpan.Zero;
        }
        catch (Exception none) when (none is FormatException or OverflowException)
        {
            return false;
        }
    }
}
