using System.Text;
using Firewall.Control;
using Firewall.Core.Rules;
using Firewall.Core.Rules.Cases;

namespace Firewall.Commands.Rules;

/// <summary>A file of expectations, in YAML or JSON.</summary>
/// <param name="Cases">The cases, at least one.</param>
/// <param name="Settings">What they are to be run against.</param>
internal sealed record CaseFile(IReadOnlyList<RuleCase> Cases, CaseSettings Settings)
{
    private const string InvalidCases = "InvalidRuleCase";

    /// <summary>Reads it. Files that it names are taken from its own folder.</summary>
    /// <exception cref="InvalidInputException">It cannot be read, is not valid, or has no case.</exception>
    public static CaseFile Read(string path)
    {
        byte[] bytes;
        try
        {
            bytes = InputFile.Read(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidInputException($"{path}: the file of cases does not exist");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidInputException($"{path}: the file of cases cannot be read: {e.Message}");
        }

        List<RuleFinding> findings = [];
        byte[]? json = IsYaml(path, bytes) ? YamlToJson.Convert(bytes, path, findings) : bytes;
        if (json is null) throw InvalidInputException.Of(findings);
        RuleCaseFile read = RuleCaseReader.Read(json, path);
        if (read.HasErrors) throw InvalidInputException.Of(read.Findings);
        CaseSettings settings = CaseSettings.Read(json, path, findings);
        if (read.Cases.Count == 0)
        {
            findings.Add(new RuleOrigin(path, "$", 1).Error(InvalidCases, "The file has no case.", "Tests of nothing always pass; write at least one case."));
        }

        return findings.Count > 0 ? throw InvalidInputException.Of(findings) : new CaseFile(read.Cases, settings);
    }

    // Every JSON file is nearly a YAML file, but comments and errors are told better by JSON's own reader.
    private static bool IsYaml(string path, byte[] bytes)
    {
        string extension = Path.GetExtension(path);
        if (extension.Equals(".yaml", StringComparison.OrdinalIgnoreCase) || extension.Equals(".yml", StringComparison.OrdinalIgnoreCase)) return true;
        using var text = new StreamReader(new MemoryStream(bytes), Encoding.UTF8, detectEncodingFromByteOrderMarks: true);
        int first;
        do first = text.Read();
        while (first is ' ' or '\t' or '\r' or '\n');
        return first is not ('{' or '[' or '/');
    }
}
