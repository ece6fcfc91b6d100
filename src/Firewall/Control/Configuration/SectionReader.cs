using System.Globalization;
using Firewall.Core.Packets;
using Microsoft.Extensions.Configuration;

namespace Firewall.Control.Configuration;

/// <summary>
/// Reads the keys of one configuration section into typed values. Whatever is wrong goes into one list, so that a person sees all
/// errors at once; the value read is then the fallback. After the last key <see cref="Finish"/> reports the keys nobody asked for.
/// </summary>
internal sealed class SectionReader(IConfigurationSection section, ConfigurationSources sources)
{
    private readonly List<string> _known = [];

    /// <summary>The section's full key.</summary>
    public string Path => section.Path;

    /// <summary>True if the key has a value that is not empty.</summary>
    public bool Has(string key) => !string.IsNullOrEmpty(section[key]) || section.GetSection(key).GetChildren().Any();

    /// <summary>A section within this one.</summary>
    public SectionReader Section(string key)
    {
        _known.Add(key);
        if (!string.IsNullOrEmpty(section[key])) Refuse(key, "an object with keys of its own");
        return new SectionReader(section.GetSection(key), sources);
    }

    /// <summary>A text; null if it is missing or empty.</summary>
    public string? Text(string key) => TryScalar(key, "a text", out string value) ? value : null;

    /// <summary>A text that must be there; null after a problem was added.</summary>
    public string? RequiredText(string key, string what)
    {
        if (TryScalar(key, what, out string value)) return value;
        if (!section.GetSection(key).GetChildren().Any()) Refuse(key, what);
        return null;
    }

    /// <summary>A text for which the caller says what is allowed, and whether this one is.</summary>
    /// <param name="key">The key.</param>
    /// <param name="fallback">Its value if there is none, or a wrong one.</param>
    /// <param name="allowed">What is allowed.</param>
    /// <param name="isAllowed">Whether this one is.</param>
    /// <param name="mayBeSecret">Whether a wrong one may hold a secret, which then stands in no log; null if none does.</param>
    public string Text(string key, string fallback, string allowed, Func<string, bool> isAllowed, Func<string, bool>? mayBeSecret = null)
    {
        if (!TryScalar(key, allowed, out string value)) return fallback;
        if (isAllowed(value)) return value;
        bool isShown = mayBeSecret is null || !mayBeSecret(value);
        sources.Refuse(ConfigurationPath.Combine(section.Path, key), isShown ? value : null, $"must be {allowed}");
        return fallback;
    }

    /// <summary>A whole number within bounds.</summary>
    public int Integer(string key, int fallback, int least, int most) => OptionalInteger(key, least, most, orNull: false) ?? fallback;

    /// <summary>A whole number within bounds, or null if it is missing or null.</summary>
    public int? OptionalInteger(string key, int least, int most, bool orNull = true)
    {
        string allowed = string.Create(CultureInfo.InvariantCulture, $"{(orNull ? "null or " : "")}a whole number from {least} to {most}");
        if (!TryScalar(key, allowed, out string value)) return null;
        if (int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most)
        {
            return number;
        }

        Refuse(key, allowed);
        return null;
    }

    /// <summary>true or false.</summary>
    public bool Flag(string key, bool fallback)
    {
        if (!TryScalar(key, "true or false", out string value)) return fallback;
        if (bool.TryParse(value, out bool flag)) return flag;
        Refuse(key, "true or false");
        return fallback;
    }

    /// <summary>One of the names of an enumeration, without regard to case.</summary>
    public T Choice<T>(string key, T fallback)
        where T : struct, Enum
    {
        string[] names = Enum.GetNames<T>();
        string allowed = string.Join(" or ", names);
        if (!TryScalar(key, allowed, out string value)) return fallback;
        string? name = names.FirstOrDefault(n => n.Equals(value, StringComparison.OrdinalIgnoreCase));
        if (name is not null) return Enum.Parse<T>(name);
        Refuse(key, allowed, NearestWord.Suggestion(value, names));
        return fallback;
    }

    /// <summary>A length of time: whole seconds, or "hh:mm:ss" with "d." before it.</summary>
    public TimeSpan Duration(string key, TimeSpan fallback, TimeSpan least, TimeSpan most)
    {
        string allowed = string.Create(
            CultureInfo.InvariantCulture,
            $"seconds, or a time like \"00:02:00\" (days: \"1.00:00:00\"), from {least.TotalSeconds} s to {most.TotalSeconds} s");
        if (!TryScalar(key, allowed, out string value)) return fallback;
        TimeSpan duration = TimeSpan.Zero;
        // A bare number is seconds here; the framework would read it as days.
        bool read = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            ? seconds <= most.TotalSeconds
            : TimeSpan.TryParseExact(value, ["c", @"h\:mm\:ss", @"d\.h\:mm\:ss"], CultureInfo.InvariantCulture, out duration);
        if (read && seconds > 0) duration = TimeSpan.FromSeconds(seconds);
        if (read && duration >= least && duration <= most) return duration;
        Refuse(key, allowed);
        return fallback;
    }

    /// <summary>
    /// Texts: a JSON list, or one text with commas (handy in an environment variable, where it replaces the whole list of the file).
    /// </summary>
    public IReadOnlyList<string> List(string key, string allowed, Func<string, bool> isAllowed)
    {
        _known.Add(key);
        var values = new List<(string Path, string Value)>();
        IConfigurationSection list = section.GetSection(key);
        if (!string.IsNullOrEmpty(list.Value))
        {
            values.AddRange(list.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(v => (list.Path, v)));
        }
        else
        {
            foreach (IConfigurationSection element in list.GetChildren())
            {
                if (!int.TryParse(element.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                {
                    sources.Refuse(list.Path, null, "must be a list, not an object");
                    return [];
                }

                values.Add((element.Path, element.Value ?? ""));
            }
        }

        foreach ((string path, string value) in values.Where(v => !isAllowed(v.Value))) sources.Refuse(path, value, $"must be {allowed}");
        foreach (IGrouping<string, (string Path, string Value)> twice in values.GroupBy(v => v.Value, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            sources.Refuse(twice.Last().Path, twice.Key, "stands in the list twice");
        }

        return [.. values.Where(v => isAllowed(v.Value)).Select(v => v.Value).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Address prefixes in CIDR form.</summary>
    public IReadOnlyList<IpPrefix> Prefixes(string key)
    {
        const string Allowed = "an address prefix such as \"10.0.0.0/16\" or \"fd00:1::/64\", without host bits";
        return [.. List(key, Allowed, text => IpPrefix.TryParse(text, out _, out bool hostBits) && !hostBits).Select(Parse)];

        static IpPrefix Parse(string text) => IpPrefix.TryParse(text, out IpPrefix prefix, out _) ? prefix : default;
    }

    /// <summary>Adds a problem with a key of this section.</summary>
    public void Refuse(string key, string allowed, string suggestion = "")
    {
        string path = ConfigurationPath.Combine(section.Path, key);
        sources.Refuse(path, section[key], $"must be {allowed}{suggestion}");
    }

    /// <summary>Reports keys that no one asked for.</summary>
    public void Finish()
    {
        foreach (IConfigurationSection child in section.GetChildren())
        {
            if (_known.Contains(child.Key, StringComparer.OrdinalIgnoreCase)) continue;
            sources.Refuse(child.Path, null, $"is not a known key{NearestWord.Suggestion(child.Key, _known)}");
        }
    }

    // False if there is no value to read, or it is an object where a single value belongs (which is reported).
    private bool TryScalar(string key, string allowed, out string value)
    {
        _known.Add(key);
        value = section[key] ?? "";
        if (value.Length > 0) return true;
        string path = ConfigurationPath.Combine(section.Path, key);
        if (section.GetSection(key).GetChildren().Any()) sources.Refuse(path, null, $"must be {allowed}, not an object or a list");
        return false;
    }
}
