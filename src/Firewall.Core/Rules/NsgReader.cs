using Firewall.Core.Rules.Reading;

namespace Firewall.Core.Rules;

/// <summary>
/// Reads network security groups from any of the shapes in which Azure and its tools write them: the ARM resource, alone or in a list
/// with <c>value</c>; an ARM template with parameters, variables and simple functions; <c>az network nsg show</c>, <c>list</c> and
/// <c>create</c>; <c>az network nsg rule list</c> and <c>show</c>; PowerShell's <c>ConvertTo-Json</c>. Property names are read in any
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
    /// <summary>
    /// Reads a file. Never throws on bad input: all that is wrong is in the findings, each with its place and how to mend it.
    /// </summary>
    /// <param name="utf8">The file's bytes; not kept.</param>
    /// <param name="file">The file's name, for findings, and for the name of a group that has none of its own.</param>
    public static RuleFile Read(ReadOnlyMemory<byte> utf8, string file)
    {
        ArgumentNullException.ThrowIfNull(file);
        List<RuleFinding> findings = [];
        JsonValue? root = JsonTree.Parse(utf8, file, findings);
        if (root is null) return new RuleFile([], findings);
        ShapeReader shapes = new(file, findings);
        IReadOnlyList<NetworkSecurityGroup> groups = shapes.Read(root);
        return new RuleFile(groups, findings) { Network = shapes.Network };
    }
}
