using Microsoft.Extensions.Configuration;

namespace Firewall.Control.Configuration;

/// <summary>Knows where each value of the configuration came from, and collects what is wrong with it.</summary>
internal sealed class ConfigurationSources(ConfigurationText? text, IReadOnlyDictionary<string, string> environment, List<string> problems)
{
    /// <summary>
    /// Adds a problem: where the value stands, its key, the value, and what is allowed.
    /// </summary>
    /// <param name="path">The full key.</param>
    /// <param name="value">The value as it was read; null if it is of no use to the reader.</param>
    /// <param name="fault">What is wrong, as a phrase that follows the key.</param>
    public void Refuse(string path, string? value, string fault)
    {
        string shown = value is null ? "" : $" is \"{value}\", but";
        problems.Add($"{OriginOf(path)}{path}{shown} {fault}");
    }

    // An environment variable wins over the file, so it is asked first. A key that stands nowhere is a missing one.
    private string OriginOf(string path)
    {
        for (string at = path; at.Length > 0; at = ConfigurationPath.GetParentPath(at) ?? "")
        {
            if (environment.TryGetValue(at, out string? variable)) return $"environment variable {variable}: ";
            if (text?.LineOf(at) is { } line) return $"{text.File}:{line}: ";
        }

        return text is null ? "" : $"{text.File}: ";
    }
}
