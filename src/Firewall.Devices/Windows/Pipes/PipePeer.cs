using System.IO.Pipes;
using System.Runtime.Versioning;
using System.Security.Principal;

namespace Firewall.Devices.Windows.Pipes;

/// <summary>The process at the other end of a named pipe, as Windows knows it.</summary>
/// <param name="Process">Its process id, or null if Windows does not tell.</param>
/// <param name="Name">Its user, as <c>DOMAIN\name</c>, or null if Windows does not tell.</param>
/// <param name="Sid">The user's security identifier, or null if Windows does not tell.</param>
public sealed record PipePeer(int? Process, string? Name, string? Sid)
{
    /// <summary>
    /// Asks Windows about the client of a pipe. The user is known only after something was read from the pipe
    /// (ImpersonateNamedPipeClient), and only to the extent that the client lets itself be identified.
    /// </summary>
    /// <param name="pipe">The server's end, connected.</param>
    [SupportedOSPlatform("windows")]
    public static PipePeer Of(NamedPipeServerStream pipe)
    {
        ArgumentNullException.ThrowIfNull(pipe);
        int? process = PipeCalls.GetClientProcess(pipe.SafePipeHandle, out uint id) != 0 ? (int)id : null;
        string? name = null, sid = null;
        try
        {
            pipe.RunAsClient(() =>
            {
                using var user = WindowsIdentity.GetCurrent(TokenAccessLevels.Query);
                // First: it needs no look-up of a name, which may fail.
                sid = user.User?.Value;
                name = user.Name;
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException or System.Security.SecurityException)
        {
            // Gone, or it came anonymously: what is known has to do.
        }

        return new PipePeer(process, name, sid);
    }
}
