using System.Text.Json;
using Firewall.Admin;
using Xunit;

namespace Firewall.Tests.App;

/// <summary>What the admin API says of itself.</summary>
public sealed class AdminApiTests
{
    [Fact]
    public void The_document_describes_every_route_and_no_other()
    {
        using Stream text = AdminApi.OpenApiDocument();
        JsonElement document = JsonDocument.Parse(text).RootElement;
        Assert.StartsWith("3.", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        IEnumerable<string> described = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Name.ToUpperInvariant()} {path.Name}"));
        var api = new AdminApi(null!);
        Assert.All(api.Routes, route => Assert.Equal(
            route.Needs.ToString(),
            document.GetProperty("paths").GetProperty(route.Path).GetProperty(route.Method == "GET" ? "get" : "post").GetProperty("x-role").GetString()));
        Assert.All(api.Routes, route => Assert.Equal(route.Method == "GET" ? AdminRole.Reader : AdminRole.Operator, route.Needs));
        Assert.Equal(api.Routes.Select(r => $"{r.Method} {r.Path}").Order(), described.Order());
        Assert.All(References(document), name => Assert.True(document.GetProperty("components").GetProperty(name[0]).TryGetProperty(name[1], out _), name[1]));
    }

    private static IEnumerable<string[]> References(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.Name == "$ref" ? [p.Value.GetString()!.Split('/')[2..]] : References(p.Value)),
        JsonValueKind.Array => element.EnumerateArray().SelectMany(References),
        _ => [],
    };
}
