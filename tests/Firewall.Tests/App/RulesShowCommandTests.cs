using System.Text.Json;
using Firewall.Tests.Rules;
using Xunit;

namespace Firewall.Tests.App;

public sealed class RulesShowCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_table_has_every_rule_in_the_order_of_evaluation_with_tags_expanded()
    {
        string file = _folder.Write("nsg.json", Sample.Group(Sample.Rule("allow-web", 200, source: "203.0.113.0/24")));
        CommandRunner run = CommandRunner.Run("rules", "show", file, "--vnet", "10.20.0.0/16");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            """
            nsg-shop-web, Inbound, all protected addresses
            ╭──────────┬───────────────────────────────┬──────────┬────────────────────┬──────┬────────────────────┬──────┬────────╮
            │ priority │ rule                          │ protocol │ source             │ port │ destination        │ port │ access │
            ├──────────┼───────────────────────────────┼──────────┼────────────────────┼──────┼────────────────────┼──────┼────────┤
            │ 200      │ allow-web                     │ Tcp      │ 203.0.113.0/24     │ *    │ *                  │ 443  │ Allow  │
            │ 65000    │ AllowVnetInBound              │ *        │ VirtualNetwork     │ *    │ VirtualNetwork     │ *    │ Allow  │
            │          │                               │          │   10.20.0.0/16     │      │   10.20.0.0/16     │      │        │
            │          │                               │          │   168.63.129.16/32 │      │   168.63.129.16/32 │      │        │
            │ 65001    │ AllowAzureLoadBalancerInBound │ *        │ AzureLoadBalancer  │ *    │ *                  │ *    │ Allow  │
            │          │                               │          │   168.63.129.16/32 │      │                    │      │        │
            │ 65500    │ DenyAllInBound                │ *        │ *                  │ *    │ *                  │ *    │ Deny   │
            ╰──────────┴───────────────────────────────┴──────────┴────────────────────┴──────┴────────────────────┴──────┴────────╯
            nsg-shop-web, Outbound, all protected addresses
            """.ReplaceLineEndings("\n"),
            string.Join('\n', run.OutputLines[..13].Select(line => line.Trim())));
        Assert.Contains(run.OutputLines, line => line.Contains("… ", StringComparison.Ordinal) && line.Contains(" more", StringComparison.Ordinal));
    }

    [Fact]
    public void The_json_is_Azures_effective_security_rules()
    {
        string file = _folder.Write("nsg.json", Sample.Group(Sample.Rule("allow-web", 200, source: "203.0.113.0/24")));
        CommandRunner run = CommandRunner.Run("rules", "show", file, "--vnet", "10.20.0.0/16", "--format", "json");
        Assert.Equal(0, run.ExitCode);
        JsonElement group = Assert.Single(run.Json().GetProperty("value").EnumerateArray());
        JsonElement[] rules = [.. group.GetProperty("effectiveSecurityRules").EnumerateArray()];
        Assert.Equal(7, rules.Length);
        Assert.Equal(
            """{"name":"securityRules/allow-web","protocol":"Tcp","sourcePortRange":"0-65535","sourcePortRanges":["0-65535"],"destinationPortRange":"443-443","destinationPortRanges":["443-443"],"sourceAddressPrefix":"203.0.113.0/24","sourceAddressPrefixes":["203.0.113.0/24"],"destinationAddressPrefix":"0.0.0.0/0","destinationAddressPrefixes":["0.0.0.0/0","::/0"],"access":"Allow","priority":200,"direction":"Inbound"}""",
            JsonSerializer.Serialize(rules[0]));
        Assert.Equal("""["10.20.0.0/16","168.63.129.16/32"]""", JsonSerializer.Serialize(rules[1].GetProperty("expandedSourceAddressPrefix")));
    }

    [Fact]
    public void Groups_whose_addresses_are_not_known_are_shown_one_after_the_other()
    {
        string file = _folder.Write("list.json", """[{"name":"nsg-a","properties":{"securityRules":[]}},{"name":"nsg-b","properties":{"securityRules":[]}}]""");
        CommandRunner run = CommandRunner.Run("rules", "show", file, "--format", "json");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(
            ["nsg-a", "nsg-b"],
            run.Json().GetProperty("value").EnumerateArray().Select(group => group.GetProperty("networkSecurityGroup").GetProperty("id").GetString()));
        Assert.Contains("warning NetworkSecurityGroupNotAssociated", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("leave FILE, --vnet and --service-tags away", "nsg.json", "--hits")]
    [InlineData("leave FILE, --vnet and --service-tags away", "--hits", "--vnet", "10.20.0.0/16")]
    [InlineData("leave FILE, --vnet and --service-tags away", "--hits", "--service-tags", "tags.json")]
    [InlineData("add --hits", "nsg.json", "--socket", "admin.sock")]
    [InlineData("add --hits", "nsg.json", "--admin", "https://192.0.2.1:9478")]
    [InlineData("add --hits", "--token-file", "reader.token")]
    [InlineData("needs a FILE, or --hits")]
    public void A_file_and_an_appliance_are_not_shown_together(string why, params string[] options)
    {
        _folder.Write("nsg.json", Sample.Group(Sample.Rule("allow-web", 200)));
        CommandRunner run = CommandRunner.Run(["rules", "show", .. options.Select(option => option == "nsg.json" ? _folder[option] : option)]);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(why, Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Rules_with_errors_are_told_and_not_shown()
    {
        CommandRunner run = CommandRunner.Run("rules", "show", RulesSamples.Broken);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Equal(4, run.ErrorLines.Length);
        Assert.All(run.ErrorLines, line => Assert.StartsWith($"firewall: {RulesSamples.Broken}:", line, StringComparison.Ordinal));
    }
}
