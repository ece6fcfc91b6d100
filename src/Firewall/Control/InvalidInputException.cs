using Firewall.Core.Rules;

namespace Firewall.Control;

/// <summary>
/// Something that a person wrote (rules, configuration, a capture) is not valid. Ends the command with exit code 2; each problem is
/// one line that says what is wrong, where, and how to mend it.
/// </summary>
internal sealed class InvalidInputException : Exception
{
    /// <summary>One problem.</summary>
    public InvalidInputException(string problem)
        : this([problem])
    {
    }

    /// <summary>All problems that were found.</summary>
    public InvalidInputException(IReadOnlyList<string> problems)
        : base(string.Join('\n', problems)) => Problems = problems;

    /// <summary>Rules that cannot be used: all findings, the errors first.</summary>
    public static InvalidInputException Of(IEnumerable<RuleFinding> findings) => new([.. findings.OrderBy(f => !f.IsError).Select(f => f.ToString())]);

    /// <summary>The lines for the person who has to mend it.</summary>
    public IReadOnlyList<string> Problems { get; }
}
