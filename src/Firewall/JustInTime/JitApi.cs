using System.Globalization;
using System.Text.Json;
using Firewall.Admin;
using Firewall.Hosting;
using Microsoft.AspNetCore.Http;

namespace Firewall.JustInTime;

/// <summary>Just-in-time access over the admin API: ask, list, take back.</summary>
internal sealed class JitApi(ApplianceState state)
{
    /// <summary>Everything it can do.</summary>
    public IReadOnlyList<AdminRoute> Routes =>
    [
        new AdminRoute("GET", "/v1/jit/policies", AdminRole.Reader, (context, _) => ListPolicies(context)),
        new AdminRoute("GET", "/v1/jit/requests", AdminRole.Reader, (context, _) => List(context)),
        new AdminRoute("POST", "/v1/jit/initiate", AdminRole.Operator, (context, _) => Initiate(context)),
        new AdminRoute("POST", "/v1/jit/revoke", AdminRole.Operator, (context, _) => Revoke(context)),
    ];

    private async Task ListPolicies(HttpContext context)
    {
        new RequestQuery(context.Request.Query).Finish();
        using var buffer = new MemoryStream();
        await using (var json = new Utf8JsonWriter(buffer)) JitPolicyWriter.Write(json, state.JustInTime.Policies);
        await context.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), context.RequestAborted);
    }

    private Task List(HttpContext context)
    {
        var query = new RequestQuery(context.Request.Query);
        bool all = query.Flag("all");
        query.Finish();
        IReadOnlyList<JitRequest> requests = [.. state.JustInTime.Requests.Where(request => all || request.IsActive)];
        return JsonSerializer.SerializeAsync(context.Response.Body, requests, JitJson.Default.IReadOnlyListJitRequest, context.RequestAborted);
    }

    private Task Initiate(HttpContext context)
    {
        var query = new RequestQuery(context.Request.Query);
        string? machine = query.Line("vm");
        long? port = query.Number("port", 0, ushort.MaxValue);
        string? protocol = query.Line("protocol");
        string? source = query.Line("source");
        TimeSpan? duration = null;
        if (query.Line("duration") is { } text)
        {
            if (DurationText.TryRead(text, out TimeSpan read)) duration = read;
            else query.Refuse("duration", DurationText.Allowed);
        }

        string justification = query.Line("justification") ?? "";
        query.Finish();
        if (machine is null || port is null || source is null) throw new AdminProblem(StatusCodes.Status400BadRequest, ["vm, port and source must be given"]);
        return Answer(context, () => state.JustInTime.Request(new JitAsk(machine, (ushort)port, source, duration, justification, protocol), AdminCaller.Of(context)));
    }

    private Task Revoke(HttpContext context)
    {
        var query = new RequestQuery(context.Request.Query);
        string? text = query.Text("id");
        query.Finish();
        if (!Guid.TryParse(text, CultureInfo.InvariantCulture, out Guid id))
            throw new AdminProblem(StatusCodes.Status400BadRequest, ["id must be that of a request, as `firewall jit list` shows it"]);
        return Answer(context, () => state.JustInTime.Revoke(id, AdminCaller.Of(context)));
    }

    private static Task Answer(HttpContext context, Func<JitRequest> action)
    {
        try
        {
            return JsonSerializer.SerializeAsync(context.Response.Body, action(), JitJson.Default.JitRequest, context.RequestAborted);
        }
        catch (JitRefusal refusal)
        {
            throw new AdminProblem(StatusCodes.Status400BadRequest, [refusal.Message]);
        }
    }
}
