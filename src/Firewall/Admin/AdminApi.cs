using System.Text.Encodings.Web;
using System.Text.Json;
using Firewall.Activity;
using Firewall.Admin.Drops;
using Firewall.Admin.Flows;
using Firewall.Admin.Metrics;
using Firewall.Core.Rules;
using Firewall.Hosting;
using Firewall.JustInTime;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Firewall.Admin;

/// <summary>The admin API: what can be asked of a running appliance, and told to it. It serves the command line, the page, and scripts.</summary>
internal sealed class AdminApi
{
    /// <summary>The content type of most answers.</summary>
    public const string Json = "application/json";

    private static readonly JsonWriterOptions s_indented = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // What the metrics listener answers.
    private static readonly string[] s_public = ["/metrics", "/healthz", "/readyz"];

    private readonly ApplianceState _state;
    private readonly FlowListing _listing;
    private readonly TopFlows _top;

    /// <summary>Makes the API of a running appliance.</summary>
    public AdminApi(ApplianceState state)
    {
        _state = state;
        _listing = new FlowListing(state);
        _top = new TopFlows(state);
        Routes =
        [
            new AdminRoute("GET", "/openapi.json", AdminRole.Reader, (context, _) => AnswerDocument(context)),
            new AdminRoute("GET", "/v1/caller", AdminRole.Reader, (context, _) => AnswerCaller(context)),
            new AdminRoute("GET", "/v1/status", AdminRole.Reader, (context, _) => AnswerStatus(context)),
            new AdminRoute("GET", "/v1/rules", AdminRole.Reader, (context, _) => AnswerRules(context)),
            new AdminRoute("GET", "/v1/rules/hits", AdminRole.Reader, (context, _) => AnswerHits(context)),
            new AdminRoute("GET", "/metrics", AdminRole.Reader, (context, _) => AnswerMetrics(context)),
            new AdminRoute("GET", "/healthz", AdminRole.Reader, (context, _) => AnswerHealth(context)),
            new AdminRoute("GET", "/readyz", AdminRole.Reader, (context, _) => AnswerReadiness(context)),
            new AdminRoute("GET", "/v1/flows", AdminRole.Reader, AnswerFlows),
            new AdminRoute("GET", "/v1/flows/top", AdminRole.Reader, AnswerTop),
            new AdminRoute("POST", "/v1/flows/kill", AdminRole.Operator, KillFlows),
            .. new DropsApi(state).Routes,
            .. new JitApi(state).Routes,
            .. new ActivityApi(state).Routes,
        ];
    }

    /// <summary>Everything it can do.</summary>
    public IReadOnlyList<AdminRoute> Routes { get; }

    /// <summary>Answers one request of whom the way in has let in (<see cref="AdminPass"/>).</summary>
    /// <param name="context">The request.</param>
    /// <param name="stopping">The appliance stops.</param>
    /// <exception cref="AdminProblem">It is not answered.</exception>
    public Task AnswerAsync(HttpContext context, CancellationToken stopping)
    {
        AdminRole role = context.Features.Get<AdminPass>()?.Role ?? AdminRole.None;
        AdminRoute route = Find(context.Request, Routes, "GET /openapi.json lists what there is");
        if (role < route.Needs)
            throw new AdminProblem(StatusCodes.Status403Forbidden, [$"{route.Method} {route.Path} needs the role {route.Needs}, but you have the role {role}"]) { Refusal = AdminRefusal.Role };
        return AnswerAsync(route, context, stopping);
    }

    /// <summary>Answers one request of anybody: metrics and health, and nothing else is there.</summary>
    /// <inheritdoc cref="AnswerAsync(HttpContext, CancellationToken)"/>
    public Task AnswerPublicAsync(HttpContext context, CancellationToken stopping) =>
        AnswerAsync(Find(context.Request, Routes.Where(route => s_public.Contains(route.Path)), $"there are {string.Join(", ", s_public)}"), context, stopping);

    private static AdminRoute Find(HttpRequest request, IEnumerable<AdminRoute> routes, string what)
    {
        AdminRoute[] known = [.. routes.Where(r => r.Path == request.Path)];
        if (known.Length == 0) throw new AdminProblem(StatusCodes.Status404NotFound, [$"there is nothing at {request.Path}; {what}"]);
        return Array.Find(known, r => r.Method == request.Method)
            ?? throw new AdminProblem(StatusCodes.Status405MethodNotAllowed, [$"{request.Path} takes {known[0].Method}, not {request.Method}"]);
    }

    private static Task AnswerAsync(AdminRoute route, HttpContext context, CancellationToken stopping)
    {
        if (context.Request.ContentLength > 0 || context.Request.Headers.TransferEncoding.Count > 0)
            throw new AdminProblem(StatusCodes.Status413PayloadTooLarge, ["the words of a request stand in its query; a body is not read"]);
        context.Response.ContentType = Json;
        return route.Answer(context, stopping);
    }

    private static Task AnswerCaller(HttpContext context)
    {
        var caller = new CallerStatus(AdminCaller.Of(context).Name, context.Features.GetRequiredFeature<AdminPass>().Role.ToString());
        return JsonSerializer.SerializeAsync(context.Response.Body, caller, AdminJson.Default.CallerStatus, context.RequestAborted);
    }

    private static async Task AnswerDocument(HttpContext context)
    {
        await using Stream document = OpenApiDocument();
        await document.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    /// <summary>The description of the API, as it is served.</summary>
    public static Stream OpenApiDocument() => typeof(AdminApi).Assembly.GetManifestResourceStream("openapi.json")!;

    private Task AnswerStatus(HttpContext context) =>
        JsonSerializer.SerializeAsync(context.Response.Body, _state.Report(), AdminJson.Default.StatusReport, context.RequestAborted);

    private async Task AnswerRules(HttpContext context)
    {
        var query = new RequestQuery(context.Request.Query);
        bool asWritten = query.Flag("asWritten");
        query.Finish();
        using var buffer = new MemoryStream();
        await using (var json = new Utf8JsonWriter(buffer, s_indented)) EffectiveRules.WriteJson(json, EffectiveRules.Of(_state.Policies.Current, expand: !asWritten));
        buffer.WriteByte((byte)'\n');
        await context.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), context.RequestAborted);
    }

    private async Task AnswerHits(HttpContext context)
    {
        FlowFigures flows = await _state.Census.TakeAsync(context.RequestAborted);
        await JsonSerializer.SerializeAsync(context.Response.Body, _state.RuleHits(flows), AdminJson.Default.IReadOnlyListRuleHitStatus, context.RequestAborted);
    }

    private Task AnswerMetrics(HttpContext context)
    {
        context.Response.ContentType = MetricsText.ContentType;
        return context.Response.WriteAsync(MetricsText.Of(ApplianceMetrics.Of(_state)), context.RequestAborted);
    }

    private Task AnswerHealth(HttpContext context) => _state.Fault() is { } fault
        ? throw new AdminProblem(StatusCodes.Status503ServiceUnavailable, [fault])
        : context.Response.WriteAsync("{\"status\":\"ok\"}\n", context.RequestAborted);

    // An appliance without rules judges packets too, by denying them all; nobody should be sent to it.
    private Task AnswerReadiness(HttpContext context) => (_state.Fault() ?? (_state.Policies.Current.Version == 0 ? "no policy is loaded" : null)) is { } fault
        ? throw new AdminProblem(StatusCodes.Status503ServiceUnavailable, [fault])
        : context.Response.WriteAsync("{\"status\":\"ready\"}\n", context.RequestAborted);

    private async Task AnswerTop(HttpContext context, CancellationToken stopping)
    {
        const int LongestSeconds = 60;
        const int MostFlows = 1000;
        var query = new RequestQuery(context.Request.Query);
        FlowFilter filter = FlowFilter.Read(query, _state.Policies.Catalog);
        int seconds = (int)(query.Number("seconds", 1, LongestSeconds) ?? 1);
        int limit = (int)(query.Number("limit", 1, MostFlows) ?? 20);
        string by = query.Text("by") ?? "bytes";
        query.Finish();
        if (by is not ("bytes" or "packets")) throw new AdminProblem(StatusCodes.Status400BadRequest, [$"by is '{by}', but must be bytes or packets"]);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stopping, context.RequestAborted);
        await _top.WriteAsync(context.Response.BodyWriter, filter, seconds, limit, by == "packets", ended.Token);
    }

    private Task AnswerFlows(HttpContext context, CancellationToken stopping)
    {
        var query = new RequestQuery(context.Request.Query);
        FlowFilter filter = FlowFilter.Read(query, _state.Policies.Catalog);
        long limit = query.Number("limit", 1, long.MaxValue) ?? long.MaxValue;
        query.Finish();
        return _listing.WriteAsync(context.Response.BodyWriter, filter, limit, stopping, context.RequestAborted);
    }

    private async Task KillFlows(HttpContext context, CancellationToken stopping)
    {
        var query = new RequestQuery(context.Request.Query);
        FlowFilter filter = FlowFilter.Read(query, _state.Policies.Catalog);
        bool reset = query.Flag("reset");
        bool all = query.Flag("all");
        query.Finish();
        if (filter.IsEmpty && !all) throw new AdminProblem(400, ["say which flows to kill, such as address=10.0.0.4; all=true kills every flow"]);
        if (!filter.IsEmpty && all) throw new AdminProblem(400, ["all=true kills every flow: leave the filters away"]);
        FlowKillResult result = await _state.Killer.KillAsync(filter.Matches, reset, stopping);
        _state.Activity.Add(new ActivityEvent(ActivityOperation.KillFlows, true, AdminCaller.Of(context), _state.Device)
        {
            Description = $"{result.Killed} flows" + (reset ? ", with reset" : ""),
            Properties = new Dictionary<string, ActivityValue> { ["filter"] = context.Request.QueryString.ToString() },
        });
        await JsonSerializer.SerializeAsync(context.Response.Body, result, AdminJson.Default.FlowKillResult, context.RequestAborted);
    }
}
