namespace Firewall.Commands.Rules;

/// <summary>
/// What <c>lint</c>, <c>diff</c> and <c>test</c> tell their caller beyond <see cref="ExitCode"/>. As with other linters and with
/// diff(1), 1 is an answer and 2 is trouble: a pipeline can stop at either.
/// </summary>
internal static class RulesExitCode
{
    /// <summary>Lint has findings, the policies differ, or a case failed.</summary>
    public const int Findings = 1;

    /// <summary>The line of help that says so.</summary>
    public static string Describe(string whenNot, string when) =>
        $"Exit code 0 if {whenNot}, 1 if {when}, 2 if the command or an input is not valid.";
}
