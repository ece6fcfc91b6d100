using Microsoft.AspNetCore.Http;

namespace Firewall.Admin;

/// <summary>One thing that the admin API can do. Each is described in openapi.json, which a test holds.</summary>
/// <param name="Method">GET or POST.</param>
/// <param name="Path">The exact path.</param>
/// <param name="Needs">The least role that may ask for it.</param>
/// <param name="Answer">Writes the response; told when the appliance stops.</param>
internal sealed record AdminRoute(string Method, string Path, AdminRole Needs, Func<HttpContext, CancellationToken, Task> Answer);
