using System.Diagnostics;

namespace Firewall.SystemTests.Linux;

/// <summary>Runs commands of the machine.</summary>
internal static class Shell
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs a command and returns its output; throws with both if it fails.</summary>
    public static string Run(string command, params string[] arguments)
    {
        (int code, string output) = Try(command, arguments);
        return code == 0 ? output : throw new InvalidOperationException($"{command} {string.Join(' ', arguments)} → {code}\n{output}");
    }

    /// <summary>Runs a command and returns its exit code, and output and errors together.</summary>
    public static (int ExitCode, string Output) Try(string command, string[] arguments)
    {
        using Process process = Start(command, null, arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} {string.Join(' ', arguments)} did not end in {Patience.TotalSeconds:0} s");
        }

        return (process.ExitCode, output.GetAwaiter().GetResult() + errors.GetAwaiter().GetResult());
    }

    /// <summary>Starts a command with its output captured. The caller reads it and ends the process.</summary>
    public static Process Start(string command, IReadOnlyDictionary<string, string>? environment, string[] arguments)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
