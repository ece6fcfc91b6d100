using System.Net;
using Firewall.Control.Configuration;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin.Remote;

/// <summary>The way into the admin API by TCP: for who shows a token, under a name that is ours; and the page, which holds no secret.</summary>
internal sealed class TcpDoor
{
    private const string LocalName = "localhost";

    // No script, style or frame but ours, nothing sent anywhere but here, and no text ever taken for markup.
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    private readonly AdminApi _api;
    private readonly TcpSecretsInForce _secrets;
    private readonly IReadOnlyList<string> _names;
    private readonly PageFiles? _page;

    /// <summary>Makes the way in.</summary>
    public TcpDoor(AdminApi api, TcpSecretsInForce secrets, AdminTcpSettings settings)
    {
        _api = api;
        _secrets = secrets;
        _names = [LocalName, .. settings.HostNames];
        _page = settings.Page ? new PageFiles() : null;
    }

    /// <summary>Answers one request.</summary>
    /// <exception cref="AdminProblem">It is not answered.</exception>
    public Task AnswerAsync(HttpContext context, CancellationToken stopping)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        if (!IsOurs(context.Request.Host.Host))
        {
            throw new AdminProblem(
                StatusCodes.Status421MisdirectedRequest,
                [$"the appliance is not called '{context.Request.Host}': use its address, or name it in Firewall:Admin:Tcp:HostNames"])
            {
                Refusal = AdminRefusal.Host,
            };
        }

        if (_page?.Find(context.Request) is { } file) return file.AnswerAsync(context);
        AdminRole role = _secrets.Current.RoleOf(context.Request.Headers.Authorization);
        if (role == AdminRole.None)
        {
            headers.WWWAuthenticate = "Bearer realm=\"firewall\"";
            throw new AdminProblem(StatusCodes.Status401Unauthorized, ["this needs a token of the appliance: Authorization: Bearer TOKEN"]) { Refusal = AdminRefusal.Token };
        }

        context.Features.Get<TcpPlace>()?.Become(role);
        string name = role == AdminRole.Operator ? "operator-token" : "reader-token";
        context.Features.Set(new AdminPass(role) { Token = (name, context.Connection.RemoteIpAddress?.ToString() ?? "unknown") });
        return _api.AnswerAsync(context, stopping);
    }

    // A page of somebody else's name that was made to lead here (DNS rebinding) shows that name; no such page can have an address for its name.
    private bool IsOurs(string host) => IPAddress.TryParse(host, out _) || _names.Contains(host, StringComparer.OrdinalIgnoreCase);
}
