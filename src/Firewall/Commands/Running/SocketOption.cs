using System.CommandLine;
using Firewall.Control;
using Firewall.Devices.Windows.Pipes;
using Firewall.Hosting;

namespace Firewall.Commands.Running;

/// <summary><c>--socket PATH</c>: which appliance to talk to.</summary>
internal sealed class SocketOption
{
    private const string Variable = "FIREWALL__ADMIN__SOCKET";

    private const string UsualName = "fw0";

    private readonly Option<string?> _option = new("--socket")
    {
        Description = $"Admin socket of the appliance, on Windows its pipe [default: that of the appliance on this machine, or {Variable}]",
        HelpName = "PATH",
    };

    /// <summary>Adds the option.</summary>
    public void AddTo(Command command) => command.Options.Add(_option);

    /// <summary>A client for the appliance that was named, or the only one there is.</summary>
    public AdminClient Connect(ParseResult parsed)
    {
        string? named = parsed.GetValue(_option) ?? Environment.GetEnvironmentVariable(Variable);
        if (!OperatingSystem.IsWindows()) return new AdminClient(named ?? Find(RunFile.Folder, RunFile.Of(UsualName, RunFile.Socket)));
        if (named is not null && !PipeName.IsFull(named)) throw new InvalidInputException([$"--socket: {named} is no pipe's full name, such as {WindowsPlatform.PipeOf(UsualName)}"]);
        return new AdminClient(named ?? WindowsPlatform.PipeOf(UsualName));
    }

    /// <summary>The socket of an appliance: the usual one if it is there, or else the only one.</summary>
    /// <param name="folder">Where sockets are.</param>
    /// <param name="usual">The usual one in this network namespace.</param>
    public static string Find(string folder, string usual)
    {
        if (File.Exists(usual)) return usual;
        string[] others;
        try
        {
            others = Directory.Exists(folder) ? Directory.GetFiles(folder, "*" + RunFile.Socket) : [];
        }
        catch (UnauthorizedAccessException e)
        {
            throw new ApplianceException(e.Message, e);
        }

        Array.Sort(others, StringComparer.Ordinal);
        return others.Length switch
        {
            0 => throw new ApplianceException($"no appliance runs here: there is no socket in {folder}; start it by `firewall run`, or say where it listens by --socket"),
            1 => others[0],
            _ => throw new InvalidInputException([$"several appliances run here; say which one by --socket: {string.Join(", ", others)}"]),
        };
    }
}
