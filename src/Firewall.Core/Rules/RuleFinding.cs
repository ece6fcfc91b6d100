using System.Globalization;
using System.Text;

namespace Firewall.Core.Rules;

/// <summary>One thing that is wrong with a rules file: what, where, and how to mend it.</summary>
/// <param name="Severity">Whether the file can still be used.</param>
/// <param name="File">The file as the user named it; empty if the finding is about no file.</param>
/// <param name="JsonPath">The place in the file, as <c>$.properties.securityRules[2].properties.priority</c>; empty if there is none.</param>
/// <param name="Line">1-based line, or 0 if there is none.</param>
/// <param name="Code">Azure's error code where Azure has one (see <see cref="FindingCodes"/>), else one of ours.</param>
/// <param name="Message">Azure's message pattern where Azure has one.</param>
/// <param name="Remedy">What to write instead.</param>
public sealed record RuleFinding(
    FindingSeverity Severity,
    string File,
    string JsonPath,
    int Line,
    string Code,
    string Message,
    string Remedy)
{
    /// <summary>True if the rules cannot be used because of this finding.</summary>
    public bool IsError => Severity == FindingSeverity.Error;

    /// <summary>The one line that people read: <c>file:line: error Code at path: message remedy</c>.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        if (File.Length > 0)
        {
            text.Append(File);
            if (Line > 0) text.Append(':').Append(Line.ToString(CultureInfo.InvariantCulture));
            text.Append(": ");
        }

        text.Append(IsError ? "error " : "warning ").Append(Code);
        if (JsonPath.Length > 0) text.Append(" at ").Append(JsonPath);
        text.Append(": ").Append(Message);
        if (Remedy.Length > 0) text.Append(' ').Append(Remedy);
        return text.ToString();
    }
}
