using System.Globalization;
using Firewall.Control;
using Firewall.Core.Packets;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin;

/// <summary>Reads a request's query word by word, and tells all that is wrong with it at once.</summary>
internal sealed class RequestQuery(IQueryCollection query)
{
    private readonly List<string> _known = [];
    private readonly List<string> _problems = [];

    /// <summary>A text; null if it is not there.</summary>
    public string? Text(string key)
    {
        _known.Add(key);
        return query.TryGetValue(key, out var values) && values.Count > 0 ? values[^1] : null;
    }

    /// <summary>
    /// A text of one line without control characters, null if it is not there: for what others will read in lists, logs and terminals.
    /// </summary>
    public string? Line(string key)
    {
        if (Text(key) is not { } text) return null;
        if (!text.Any(char.IsControl)) return text;
        Refuse(key, "text in one line, without control characters");
        return null;
    }

    /// <summary>An address or a prefix; host bits are taken for what they are.</summary>
    public IpPrefix? Prefix(string key)
    {
        if (Text(key) is not { } text) return null;
        if (IpPrefix.TryParse(text, out IpPrefix prefix, out _)) return prefix;
        Refuse(key, "an address or a prefix, such as 10.0.0.4, 10.0.0.0/24 or fd00:1::/64");
        return null;
    }

    /// <summary>A whole number within bounds.</summary>
    public long? Number(string key, long least, long most)
    {
        if (Text(key) is not { } text) return null;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= least && number <= most) return number;
        Refuse(key, most == long.MaxValue ? $"a whole number from {least} on" : $"a whole number from {least} to {most}");
        return null;
    }

    /// <summary>true or false; false if it is not there.</summary>
    public bool Flag(string key)
    {
        if (Text(key) is not { } text) return false;
        if (bool.TryParse(text, out bool flag)) return flag;
        Refuse(key, "true or false");
        return false;
    }

    /// <summary>Says what a value must be.</summary>
    public void Refuse(string key, string allowed) =>
        _problems.Add($"{key} is '{string.Concat((Text(key) ?? "").Select(c => char.IsControl(c) ? ' ' : c))}', but must be {allowed}");

    /// <summary>Refuses keys that nobody asked for.</summary>
    /// <exception cref="AdminProblem">Something was wrong.</exception>
    public void Finish()
    {
        foreach (string key in query.Keys.Where(k => !_known.Contains(k, StringComparer.Ordinal)))
        {
            _problems.Add($"{key} is not known here{NearestWord.Suggestion(key, _known)}");
        }

        if (_problems.Count > 0) throw new AdminProblem(StatusCodes.Status400BadRequest, _problems);
    }
}
