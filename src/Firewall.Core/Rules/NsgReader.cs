using Firewall.Core.Rules.Reading;

namespace Firewall.Core.Rules;

/// <summary>
/// Reads network security groups from any of the shapes in which Azure and its tools write them: the ARM resource, alone or in a list
/// with <c>value</c>; an ARM template with parameters, variables and simple functions; <c>az network nsg show</c>, <c>list</c> and
/// <c>create</c>; <c>az network nsg rule list</c> and <c>show</c>; PowerShell's <c>ConvertTo-Json</c>.
/// Virtual networks, subnets, network interfaces and application security groups in the same shapes are read beside them. Property names are read in any
/// case, unknown properties are ignored, unknown values are refused. Missing, <c>null</c>, <c>""</c> and <c>[]</c> are all "not set".
/// </summary>
/// <remarks>
/// Comments and trailing commas are accepted, since rules files are edited by hand; a property that is written twice in one object is
/// refused, since readers differ in which one they take. UTF-8 with or without byte order mark, and UTF-16 with one (Windows
/// PowerShell's <c>&gt;</c> writes that).
/// </remarks>
public static class NsgReader
{
    /// <summary>How the name of a file ends that has the parameters of the template of the same name: <c>x.parameters.json</c> of <c>x.json</c>.</summary>
    public const string ParametersSuffix = ".parameters.json";

    /// <summary>
    /// Reads a file. Never throws on bad input: all that is wrong is in the findings, each with its place and how to mend it.
    /// </summary>
    /// <param name="utf8">The file's bytes; not kept.</param>
    /// <param name="file">The file's name, for findings, and for the name of a group that has none of its own.</param>
    public static RuleFile Read(ReadOnlyMemory<byte> utf8, string file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return Read(utf8, file, null, []);
    }

    /// <summary>Reads a template with a deployment's parameter file, whose values count before the template's own defaults.</summary>
    /// <param name="utf8">The template's bytes; not kept.</param>
    /// <param name="file">The template's name.</param>
    /// <param name="parameters">The parameter file's bytes; not kept.</param>
    /// <param name="parametersFile">The parameter file's name, for findings.</param>
    public static RuleFile Read(ReadOnlyMemory<byte> utf8, string file, ReadOnlyMemory<byte> parameters, string parametersFile)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(parametersFile);
        List<RuleFinding> findings = [];
        if (JsonTree.Parse(parameters, parametersFile, findings) is not { } root) return new RuleFile([], findings);
        root.OtherFile = parametersFile;
        if (root["parameters"] is { IsObject: true } values) return Read(utf8, file, values, findings);
        findings.Add(root.Origin(parametersFile).Error(
            FindingCodes.InvalidFormat, "The file has no parameters.", "Write {\"parameters\":{\"name\":{\"value\":…}}}, or remove the file."));
        return new RuleFile([], findings);
    }

    /// <summary>
    /// Reads several files as one, such as all of a folder. A file <c>x.parameters.json</c> goes with the template <c>x.json</c> and is
    /// not read as rules.
    /// </summary>
    public static RuleFile ReadTogether(IReadOnlyList<(string Name, ReadOnlyMemory<byte> Utf8)> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        Dictionary<string, (string Name, ReadOnlyMemory<byte> Utf8)> parameters = [];
        foreach ((string name, ReadOnlyMemory<byte> utf8) in files)
        {
            if (!name.EndsWith(ParametersSuffix, StringComparison.OrdinalIgnoreCase)) continue;
            string template = name[..^ParametersSuffix.Length] + ".json";
            if (files.Any(file => file.Name == template)) parameters[template] = (name, utf8);
        }

        return RuleFile.Join(files.Where(file => !parameters.Values.Any(entry => entry.Name == file.Name)).Select(file =>
            parameters.TryGetValue(file.Name, out (string Name, ReadOnlyMemory<byte> Utf8) given) ? Read(file.Utf8, file.Name, given.Utf8, given.Name) : Read(file.Utf8, file.Name)));
    }

    private static RuleFile Read(ReadOnlyMemory<byte> utf8, string file, JsonValue? parameters, List<RuleFinding> findings)
    {
        JsonValue? root = JsonTree.Parse(utf8, file, findings);
        if (root is null) return new RuleFile([], findings);
        ShapeReader shapes = new(file, findings, parameters);
        IReadOnlyList<NetworkSecurityGroup> groups = shapes.Read(root);
        return new RuleFile(groups, findings) { Network = shapes.Network };
    }
}
