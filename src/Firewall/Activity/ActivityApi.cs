using System.Text.Json;
using Firewall.Admin;
using Firewall.Hosting;
using Microsoft.AspNetCore.Http;

namespace Firewall.Activity;

/// <summary>The activity log over the admin API.</summary>
internal sealed class ActivityApi(ApplianceState state)
{
    private const int DefaultLimit = 50;
    private const int MostEntries = 1000;

    /// <summary>Everything it can do.</summary>
    public IReadOnlyList<AdminRoute> Routes => [new AdminRoute("GET", "/v1/activity", AdminRole.Reader, (context, _) => List(context))];

    // In the shape of Azure's list of events, the newest first.
    private async Task List(HttpContext context)
    {
        var query = new RequestQuery(context.Request.Query);
        int limit = (int)(query.Number("limit", 1, MostEntries) ?? DefaultLimit);
        query.Finish();
        if (state.Activity.Path is not { } path)
            throw new AdminProblem(StatusCodes.Status404NotFound, ["no activity log is written: Firewall:ActivityLog:File is \"none\""]);
        if (ActivityFiles.IsPipe(path)) throw new AdminProblem(StatusCodes.Status404NotFound, [$"the activity log goes to {path}, which is no file: only its reader has it"]);
        using var buffer = new MemoryStream();
        await using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("value");
            foreach (byte[] entry in ActivityFiles.ReadNewest(path, limit)) json.WriteRawValue(entry, skipInputValidation: true);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        await context.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), context.RequestAborted);
    }
}
