using System.Text;
using Firewall.Commands;

namespace Firewall.Tests.App;

/// <summary>Runs the program's command line in this process and keeps what it printed.</summary>
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
        return new CommandRunner(code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }
}
