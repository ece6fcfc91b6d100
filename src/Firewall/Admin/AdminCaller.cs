using Firewall.Activity;
using Firewall.Devices.Linux;
using Firewall.Devices.Windows.Pipes;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin;

/// <summary>Who asks over the admin API, for the activity log.</summary>
internal static class AdminCaller
{
    /// <summary>
    /// By TCP, the token and the address. By the socket, the process that the kernel named when the connection was made; on Windows, the one
    /// that the pipe's other end belongs to.
    /// </summary>
    /// <exception cref="InvalidOperationException">Nobody is known at the other end.</exception>
    public static ActivityCaller Of(HttpContext context)
    {
        if (context.Features.Get<AdminPass>()?.Token is { } token) return new ActivityCaller(token.Name, Address: token.Address);
        if (OperatingSystem.IsWindows() && context.Features.Get<IConnectionNamedPipeFeature>() is { } pipe)
        {
            var client = PipePeer.Of(pipe.NamedPipe);
            return new ActivityCaller(client.Name ?? client.Sid ?? "unknown", null, client.Process) { Sid = client.Sid };
        }

        LocalPeer peer = context.Features.Get<LocalPeer>() ?? throw new InvalidOperationException("nobody is known at the other end");
        return new ActivityCaller(UserNames.Of(peer.User), peer.User, peer.Process);
    }
}
