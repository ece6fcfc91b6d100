namespace Firewall.Commands;

/// <summary>What the process tells its caller; scripts rely on these numbers.</summary>
internal static class ExitCode
{
    /// <summary>Done. `verify` answers so whatever the access is.</summary>
    public const int Done = 0;

    /// <summary>Failed while running: a device, a right or a file that could not be written.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage, or an input (rules, configuration, capture) that is not valid.</summary>
    public const int Invalid = 2;

    /// <summary>Nobody reads standard output any more, as behind <c>| head</c>: what a shell tells of a program that SIGPIPE has ended.</summary>
    public const int BrokenPipe = 141;
}
