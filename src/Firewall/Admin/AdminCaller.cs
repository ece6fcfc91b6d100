using Firewall.Activity;
using Firewall.Devices.Linux;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin;

/// <summary>Who asks over the admin socket, for the activity log.</summary>
internal static class AdminCaller
{
    /// <summary>The process that the kernel named when the connection was made.</summary>
    /// <exception cref="InvalidOperationException">The request did not come by the admin socket.</exception>
    public static ActivityCaller Of(HttpContext context)
    {
        LocalPeer peer = context.Features.Get<LocalPeer>() ?? throw new InvalidOperationException("nobody is known at the other end");
        return new ActivityCaller(UserNames.Of(peer.User), peer.User, peer.Process);
    }
}
