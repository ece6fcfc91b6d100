using System.Collections;
using Microsoft.Extensions.Configuration;

namespace Firewall.Control.Configuration;

/// <summary>
/// Loads the configuration: the file, then environment variables <c>FIREWALL__…</c> over it (two underscores stand between the
/// parts of a key; an empty variable counts as not set). Reads afresh on every call, for hot reload.
/// </summary>
internal sealed class ConfigurationLoader
{
    /// <summary>What every environment variable of ours begins with.</summary>
    public const string EnvironmentPrefix = "FIREWALL__";

    private readonly bool _mayBeMissing;
    private readonly string _name;
    private readonly List<(string Key, string Variable, string Value)> _environment;

    /// <summary>Takes a file to load from.</summary>
    /// <param name="file">The configuration file; relative to the current directory.</param>
    /// <param name="mayBeMissing">True if the environment alone will do.</param>
    /// <param name="environment">The environment variables of the process.</param>
    public ConfigurationLoader(string file, bool mayBeMissing, IDictionary environment)
    {
        _name = file;
        _mayBeMissing = mayBeMissing;
        File = Path.GetFullPath(file);
        _environment = ReadEnvironment(environment);
    }

    /// <summary>The full path of the configuration file.</summary>
    public string File { get; }

    /// <summary>Loads and checks.</summary>
    /// <exception cref="InvalidInputException">With all errors at once.</exception>
    public FirewallOptions Load()
    {
        List<string> problems = [];
        ConfigurationText? text = ReadFile(problems);
        if (problems.Count > 0) throw new InvalidInputException(problems);

        var variables = _environment.ToDictionary(e => e.Key, e => e.Variable, StringComparer.OrdinalIgnoreCase);
        IConfigurationRoot root = Build(text, problems);
        if (problems.Count == 0 && !root.GetSection(FirewallOptionsReader.SectionName).GetChildren().Any())
        {
            problems.Add(
                $"{_name}: the section \"{FirewallOptionsReader.SectionName}\" is missing or empty; "
                + "write { \"Firewall\": { \"Rules\": \"rules.json\", … } }");
        }

        if (problems.Count > 0) throw new InvalidInputException(problems);
        FirewallOptions options = FirewallOptionsReader.Read(
            root, new ConfigurationSources(text, variables, problems), Path.GetDirectoryName(File) ?? "/");
        return problems.Count > 0 ? throw new InvalidInputException(problems) : options;
    }

    private static List<(string Key, string Variable, string Value)> ReadEnvironment(IDictionary environment)
    {
        List<(string, string, string)> read = [];
        foreach (DictionaryEntry entry in environment)
        {
            if (entry is not { Key: string name, Value: string { Length: > 0 } value }) continue;
            if (!name.StartsWith(EnvironmentPrefix, StringComparison.OrdinalIgnoreCase)) continue;
            read.Add((name.Replace("__", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal), name, value));
        }

        return [.. read.DistinctBy(e => e.Item1, StringComparer.OrdinalIgnoreCase)];
    }

    private ConfigurationText? ReadFile(List<string> problems)
    {
        try
        {
            return ConfigurationText.Read(_name, InputFile.Read(File), problems);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            if (_mayBeMissing && _environment.Count > 0) return null;
            problems.Add(
                $"{_name}: no such configuration file; name it with --config, or set {EnvironmentPrefix}RULES, {EnvironmentPrefix}INTERFACES, … "
                + "in the environment");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{_name}: the configuration file cannot be read: {e.Message}");
        }

        return null;
    }

    private IConfigurationRoot Build(ConfigurationText? text, List<string> problems)
    {
        var builder = new ConfigurationBuilder();
        if (text is not null) builder.AddJsonStream(new MemoryStream(text.Json, writable: false));
        builder.AddInMemoryCollection(_environment.Select(e => KeyValuePair.Create<string, string?>(e.Key, e.Value)));
        try
        {
            return builder.Build();
        }
        catch (Exception e) when (e is FormatException or InvalidDataException)
        {
            // Syntax was checked before; what is left is what that library alone refuses.
            problems.Add($"{_name}: {e.InnerException?.Message ?? e.Message}");
            return new ConfigurationRoot([]);
        }
    }
}
