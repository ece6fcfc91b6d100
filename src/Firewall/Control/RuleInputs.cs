using System.IO.Hashing;
using System.Text;
using Firewall.Core.Rules;

namespace Firewall.Control;

/// <summary>The bytes of the rules files and of the service tag file, read at one moment, so that what is compared is what is compiled.</summary>
internal sealed class RuleInputs
{
    private readonly IReadOnlyList<(string Name, byte[] Bytes)> _rules;
    private readonly ServiceTagFile? _serviceTags;

    private RuleInputs(IReadOnlyList<(string Name, byte[] Bytes)> rules, ServiceTagFile? serviceTags)
    {
        _rules = rules;
        _serviceTags = serviceTags;
    }

    /// <summary>Reads the files.</summary>
    /// <param name="rules">A rules file, with the parameters beside it if it is a template, or a folder whose *.json files (not those that begin with a dot) are read in the order of their names.</param>
    /// <param name="serviceTags">A service tag file, or null.</param>
    /// <param name="before">What was read last. A service tag file that still holds the same is not read into memory and parsed again.</param>
    /// <exception cref="InvalidInputException">A file is missing or cannot be read.</exception>
    public static RuleInputs Read(string rules, string? serviceTags, RuleInputs? before = null)
    {
        List<string> problems = [];
        List<(string, byte[])> files = [];
        foreach (string file in FilesOf(rules, problems))
        {
            if (Read("rules", file, null, problems) is { } bytes) files.Add((file, bytes));
        }

        ServiceTagFile? known = before?._serviceTags is { } last && last.Name == serviceTags ? last : null;
        ServiceTagFile? tags = null;
        if (serviceTags is not null && Read("service tags", serviceTags, known?.Bytes, problems) is { } read)
            tags = read == known?.Bytes ? known : new ServiceTagFile(serviceTags, read);
        return problems.Count > 0 ? throw new InvalidInputException(problems) : new RuleInputs(files, tags);
    }

    /// <summary>A hash over names and contents: the same if nothing changed but times.</summary>
    public string Hash()
    {
        // Not a cryptographic one: those need OpenSSL beside the executable.
        var hash = new XxHash128();
        foreach ((string name, byte[] bytes) in _serviceTags is { } tags ? _rules.Append((tags.Name, tags.Bytes)) : _rules)
        {
            // Each part with its length, so that no byte can move from one file to the next unseen.
            hash.Append(Encoding.UTF8.GetBytes($"{name}\0{bytes.Length}\0"));
            hash.Append(bytes);
        }

        return Convert.ToHexString(hash.GetCurrentHash());
    }

    /// <summary>Reads and compiles the rules.</summary>
    /// <param name="options">Address spaces; the service tags are added here.</param>
    /// <param name="catalog">Gets a number for every rule.</param>
    /// <param name="version">The number that the policy will carry.</param>
    /// <param name="warnings">What is odd, but no error.</param>
    /// <param name="before">The policy in force, with which the new one shares what is the same in both; null shares nothing.</param>
    /// <exception cref="InvalidInputException">The rules cannot be used; with all findings, also the warnings.</exception>
    public Policy Compile(PolicyOptions options, RuleCatalog catalog, uint version, out IReadOnlyList<RuleFinding> warnings, Policy? before = null)
    {
        ParsedRules parsed = Parse(options);
        List<RuleFinding> findings = [.. parsed.Findings];

        // Groups that were read with errors would only bring up errors that follow from them.
        Policy? policy = null;
        if (!parsed.HasErrors)
        {
            CompileResult compiled = PolicyCompiler.Compile(parsed.Groups, parsed.Options, catalog, version, before);
            findings.AddRange(compiled.Findings);
            policy = compiled.Policy;
        }

        if (policy is null) throw InvalidInputException.Of(findings);
        warnings = findings;
        return policy;
    }

    /// <summary>Reads the rules without compiling them. Never throws on bad input: what is wrong is in the findings.</summary>
    /// <param name="options">Address spaces; the service tags and the network around the rules are added in the result.</param>
    public ParsedRules Parse(PolicyOptions options)
    {
        List<RuleFinding> findings = [];
        if (_serviceTags is { } tagFile)
        {
            options = options with { ServiceTags = tagFile.Tags };
            findings.AddRange(tagFile.Findings);
        }

        RuleFile rules = NsgReader.ReadTogether([.. _rules.Select(file => (file.Name, (ReadOnlyMemory<byte>)file.Bytes))]);
        findings.AddRange(rules.Findings);
        return new ParsedRules(rules.Groups, options with { Network = rules.Network }, findings);
    }

    /// <summary>The file that may give a single template's parameters, <c>x.parameters.json</c> of <c>x.json</c>; null if there can be none.</summary>
    public static string? ParametersBeside(string rules) =>
        rules.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && !rules.EndsWith(NsgReader.ParametersSuffix, StringComparison.OrdinalIgnoreCase)
            ? rules[..^".json".Length] + NsgReader.ParametersSuffix
            : null;

    private static List<string> FilesOf(string rules, List<string> problems)
    {
        if (!Directory.Exists(rules)) return ParametersBeside(rules) is { } parameters && File.Exists(parameters) ? [rules, parameters] : [rules];
        List<string> files = [];
        try
        {
            // Kubernetes keeps its bookkeeping beside the files, in entries that begin with dots.
            files.AddRange(Directory.GetFiles(rules, "*.json").Where(f => !Path.GetFileName(f).StartsWith('.')));
            files.Sort(StringComparer.Ordinal);
            if (files.Count == 0) problems.Add($"{rules}: the folder holds no rules: no file in it ends in .json");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{rules}: the folder of rules cannot be read: {e.Message}");
        }

        return files;
    }

    private static byte[]? Read(string what, string file, byte[]? before, List<string> problems)
    {
        try
        {
            return InputFile.Read(file, before);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            problems.Add($"{file}: the {what} file does not exist");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            problems.Add($"{file}: the {what} file cannot be read: {e.Message}");
        }

        return null;
    }
}
