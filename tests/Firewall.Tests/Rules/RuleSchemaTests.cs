using System.Text.Json;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class RuleSchemaTests
{
    [Fact]
    public void The_published_schema_is_the_generated_one()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "Firewall.sln"))) at = at.Parent;
        Assert.NotNull(at);
        string path = Path.Combine(at.FullName, "docs", "schema", "network-security-group.schema.json");
        byte[] generated = RuleSchema.ToUtf8();
        // Set FIREWALL_UPDATE_SCHEMA=1 to write it anew after a change of the model.
        if (Environment.GetEnvironmentVariable("FIREWALL_UPDATE_SCHEMA") == "1") File.WriteAllBytes(path, generated);
        Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(generated), $"{path} is out of date; run the tests once with FIREWALL_UPDATE_SCHEMA=1");
    }

    [Fact]
    public void The_schema_is_JSON_with_the_models_limits()
    {
        using JsonDocument schema = JsonDocument.Parse(RuleSchema.ToUtf8());
        JsonElement rule = schema.RootElement.GetProperty("$defs").GetProperty("ruleProperties").GetProperty("properties");
        Assert.Equal(4096, rule.GetProperty("priority").GetProperty("maximum").GetInt32());
        Assert.Equal(["Allow", "Deny"], rule.GetProperty("access").GetProperty("anyOf")[0].GetProperty("enum").EnumerateArray().Select(value => value.GetString()));
        Assert.True(rule.TryGetProperty("destinationApplicationSecurityGroups", out _));
    }
}
