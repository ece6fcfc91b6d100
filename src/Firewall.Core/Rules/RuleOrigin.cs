namespace Firewall.Core.Rules;

/// <summary>Where something stands in a rules file, so that a finding made later can still point at it.</summary>
/// <param name="File">The file as the user named it.</param>
/// <param name="JsonPath">The place in the file.</param>
/// <param name="Line">1-based line; 0 if it was not read from a file.</param>
public readonly record struct RuleOrigin(string File, string JsonPath, int Line)
{
    /// <summary>The origin of what was not read from a file.</summary>
    public static RuleOrigin None { get; } = new("", "", 0);

    /// <summary>Makes a finding that makes the rules unusable.</summary>
    public RuleFinding Error(string code, string message, string remedy) =>
        new(FindingSeverity.Error, File ?? "", JsonPath ?? "", Line, code, message, remedy);

    /// <summary>Makes a finding that leaves the rules usable.</summary>
    public RuleFinding Warning(string code, string message, string remedy) =>
        new(FindingSeverity.Warning, File ?? "", JsonPath ?? "", Line, code, message, remedy);
}
