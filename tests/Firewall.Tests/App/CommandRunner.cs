using System.Text;
using Firewall.Commands;

namespace Firewall.Tests.App;

/// <summary>Runs the program's command line in this process and keeps what it printed, each line ended by "\n" whatever the system has.</summary>
internal sealed record CommandRunner(int ExitCode, string Output, string Error)
{
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public string[] OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public static CommandRunner Run(params string[] args) => Run([], args);

    public static CommandRunner Run(byte[] input, params string[] args)
    {
        using var output = new MemoryStream();
        using var error = new StringWriter();
        int code = FirewallCommand.Run(args, new CommandStreams(new MemoryStream(input), output, error));
        return new CommandRunner(code, Portable(Encoding.UTF8.GetString(output.ToArray())), Portable(error.ToString()));
    }

    private static string Portable(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal);
}
