using System.Net;
using System.Text;
using Firewall.Devices.Windows.Pipes;

namespace Firewall.Control.Configuration;

/// <summary>Keys of <c>Firewall:Admin</c>.</summary>
/// <param name="Socket">Full path of the Unix socket, on Windows full name of the pipe; null for the platform's own place, <see cref="FirewallOptions.NoFile"/> for none.</param>
/// <param name="Group">Members of this group are operators, as root is.</param>
/// <param name="ReaderGroup">Members of this group are readers; null if there is none.</param>
/// <param name="Metrics">Where metrics and health are answered by TCP, to anybody; null for nowhere.</param>
/// <param name="Tcp">The admin API by TCP; null for not at all.</param>
internal sealed record AdminSettings(string? Socket, string Group, string? ReaderGroup, IPEndPoint? Metrics, AdminTcpSettings? Tcp)
{
    /// <summary>Reads the section; also reports what is not known in it.</summary>
    public static AdminSettings Read(SectionReader admin, string folder)
    {
        // struct sockaddr_un holds 108 bytes (unix(7)); the socket is made under a longer name and moved.
        const int LongestPath = 100;
        const string SocketAllowed = "null, \"none\", or a path of at most 100 bytes";
        const string PipeAllowed = @"null, ""none"", or a pipe's full name, such as ""\\\\.\\pipe\\firewall-fw0"" in JSON";
        string? socket = admin.Text("Socket");
        if (OperatingSystem.IsWindows())
        {
            if (socket is not null and not FirewallOptions.NoFile && !PipeName.IsFull(socket)) admin.Refuse("Socket", PipeAllowed);
        }
        else
        {
            if (socket is not null and not FirewallOptions.NoFile) socket = Path.GetFullPath(socket, folder);
            if (socket is not null && Encoding.UTF8.GetByteCount(socket) > LongestPath) admin.Refuse("Socket", SocketAllowed);
        }

        const string MetricsAllowed = "null, or an address and a port, such as \"127.0.0.1:9477\" or \"[::1]:9477\"";
        string readers = admin.Text("ReaderGroup", "", "null, or a group's name", IsGroupName);
        string metrics = admin.Text("Metrics", "", MetricsAllowed, AdminTcpSettings.IsEndPoint);
        return new AdminSettings(
            socket,
            admin.Text("Group", "firewall", "a group's name", IsGroupName),
            readers.Length == 0 ? null : readers,
            metrics.Length == 0 ? null : IPEndPoint.Parse(metrics),
            AdminTcpSettings.Read(admin.Section("Tcp"), folder));
    }

    private static bool IsGroupName(string name) => name.Length is > 0 and <= 32 && !name.Contains(':', StringComparison.Ordinal);
}
