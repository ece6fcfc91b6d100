using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Firewall.Admin;

/// <summary>A request that cannot be answered, and why; ends as that status and <c>{"errors":[…]}</c>.</summary>
internal sealed class AdminProblem(int status, IReadOnlyList<string> errors) : Exception(string.Join('\n', errors))
{
    /// <summary>The HTTP status.</summary>
    public int Status => status;

    /// <summary>Why the asker was sent away; null if he was not, and only the request was wrong.</summary>
    public AdminRefusal? Refusal { get; init; }

    /// <summary>What is wrong, each in a line for a person.</summary>
    public IReadOnlyList<string> Errors => errors;

    /// <summary>Writes the answer.</summary>
    public Task WriteAsync(HttpContext context)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = AdminApi.Json;
        return context.Response.Body.WriteAsync(Body(errors), context.RequestAborted).AsTask();
    }

    /// <summary>The answer's body.</summary>
    public static byte[] Body(IReadOnlyList<string> errors) => JsonSerializer.SerializeToUtf8Bytes(new AdminErrors(errors), AdminJson.Default.AdminErrors);
}
