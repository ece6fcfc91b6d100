using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Firewall.Admin.Remote;
using Firewall.Control;
using Firewall.Devices.Windows.Pipes;
using Firewall.Hosting;

namespace Firewall.Commands.Running;

/// <summary>
/// <c>--socket PATH</c>: which appliance to talk to. By TCP, also of another machine: <c>--admin URL --token-file FILE</c>, and perhaps
/// <c>--ca FILE</c>.
/// </summary>
internal sealed class SocketOption
{
    private const string Variable = "FIREWALL__ADMIN__SOCKET";

    private const string UsualName = "fw0";

    private readonly Option<string?> _option = new("--socket")
    {
        Description = $"Admin socket of the appliance, on Windows its pipe [default: that of the appliance on this machine, or {Variable}]",
        HelpName = "PATH",
    };

    private readonly Option<string?> _admin = new("--admin")
    {
        Description = "Appliance with Firewall:Admin:Tcp, instead of --socket, such as https://firewall.example.net:9478",
        HelpName = "URL",
    };

    private readonly Option<string?> _token = new("--token-file") { Description = "The file with the token that --admin asks for", HelpName = "FILE" };

    private readonly Option<string?> _authority = new("--ca")
    {
        Description = "The certificate (PEM) that vouches for that of --admin [default: those that this machine trusts]",
        HelpName = "FILE",
    };

    /// <summary>Adds the options.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_option);
        command.Options.Add(_admin);
        command.Options.Add(_token);
        command.Options.Add(_authority);
    }

    /// <summary>True if the command line names an appliance, for commands that can also do without one.</summary>
    public bool IsGiven(ParseResult parsed) =>
        parsed.GetValue(_option) is not null || parsed.GetValue(_admin) is not null || parsed.GetValue(_token) is not null || parsed.GetValue(_authority) is not null;

    /// <summary>A client for the appliance that was named, or the only one there is.</summary>
    public AdminClient Connect(ParseResult parsed)
    {
        if (parsed.GetValue(_admin) is { } url) return ConnectByTcp(url, parsed);
        if (parsed.GetValue(_token) is not null || parsed.GetValue(_authority) is not null)
            throw new InvalidInputException("--token-file and --ca belong to --admin URL, which is not given");
        string? named = parsed.GetValue(_option) ?? Environment.GetEnvironmentVariable(Variable);
        if (!OperatingSystem.IsWindows()) return new AdminClient(named ?? Find(RunFile.Folder, RunFile.Of(UsualName, RunFile.Socket)));
        if (named is not null && !PipeName.IsFull(named)) throw new InvalidInputException([$"--socket: {named} is no pipe's full name, such as {WindowsPlatform.PipeOf(UsualName)}"]);
        return new AdminClient(named ?? WindowsPlatform.PipeOf(UsualName));
    }

    private AdminClient ConnectByTcp(string url, ParseResult parsed)
    {
        if (parsed.GetValue(_option) is not null) throw new InvalidInputException("--socket and --admin name two appliances; give one of them");
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? place) || place.Scheme is not ("http" or "https") || place.PathAndQuery != "/" || place.UserInfo.Length > 0)
            throw new InvalidInputException($"--admin is '{url}', but must be http or https, a host and a port, such as https://firewall.example.net:9478");
        if (place.Scheme == "http" && !place.IsLoopback)
            throw new InvalidInputException($"--admin is '{url}', but must begin with https: the token would cross the network in the clear");
        if (parsed.GetValue(_token) is not { } file) throw new InvalidInputException("--admin needs --token-file FILE: by TCP an appliance asks for a token");
        return new AdminClient(place, AdminToken.ReadText(file, "--token-file"), parsed.GetValue(_authority) is { } authority ? ReadAuthority(authority) : null);
    }

    private static X509Certificate2 ReadAuthority(string file)
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(file);
        }
        catch (CryptographicException e)
        {
            throw new InvalidInputException($"--ca: {file} is no certificate: {e.Message}");
        }
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
