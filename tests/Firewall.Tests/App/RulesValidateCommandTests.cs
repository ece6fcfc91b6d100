using System.Text.Json;
using Firewall.Tests.Rules;
using Xunit;

namespace Firewall.Tests.App;

public sealed class RulesValidateCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Valid_rules_get_one_line_and_exit_code_0()
    {
        CommandRunner run = CommandRunner.Run("rules", "validate", RulesSamples.Good);
        Assert.Equal((0, "docs/rules/nsg-web.json: valid: 1 security group, 3 rules\n", ""), (run.ExitCode, run.Portable(), run.Error));
    }

    [Fact]
    public void Every_error_is_told_with_file_line_code_path_and_remedy()
    {
        CommandRunner run = CommandRunner.Run("rules", "validate", RulesSamples.Broken);
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(
            """
            docs/rules/nsg-web-broken.json:23: error SecurityRuleConflict at $.properties.securityRules[1]: Security rule allow-ssh-office conflicts with rule allow-https. Rules cannot have the same Priority and Direction. To learn more, see aka.ms/nsgrules. Both are Inbound with priority 200 (the other on line 9); give one of them another priority.
            docs/rules/nsg-web-broken.json:27: error SecurityRuleInvalidAddressPrefix at $.properties.securityRules[1].properties.sourceAddressPrefix: Security rule nsg-web/securityRules/allow-ssh-office has invalid Address prefix. Value provided: 198.51.100.1/28 It has host bits set; the prefix is 198.51.100.0/28.
            docs/rules/nsg-web-broken.json:44: error SecurityRuleInvalidPortRange at $.properties.securityRules[2].properties.destinationPortRange: Security rule has invalid Port range. Value provided: 25,465. Value should be an integer OR integer range with '-' delimiter. Valid range 0-65535. Write several ranges as a list in destinationPortRanges.
            docs/rules/nsg-web-broken.json:47: error SecurityRuleInvalidDirection at $.properties.securityRules[2].properties.direction: Security rule has invalid Direction. Value provided: Out Allowed values: Inbound,Outbound. Write one of these.
            docs/rules/nsg-web-broken.json: not valid: 4 errors

            """.ReplaceLineEndings("\n"),
            run.Portable());
        Assert.Empty(run.Error);
    }

    [Fact]
    public void A_template_takes_the_parameters_beside_it()
    {
        const string Template = """
            { "parameters": { "port": { "type": "string" } }, "resources": [ { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg", "properties": { "securityRules": [ { "name": "r",
              "properties": { "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "[parameters('port')]", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Allow",
              "priority": 100, "direction": "Inbound" } } ] } } ] }
            """;
        string file = _folder.Write("net.json", Template);
        CommandRunner without = CommandRunner.Run("rules", "validate", file);
        Assert.Equal(2, without.ExitCode);
        Assert.Contains("in net.parameters.json beside the template", without.OutputLines[0], StringComparison.Ordinal);
        _folder.Write("net.parameters.json", """{ "parameters": { "port": { "value": "8443" } } }""");
        CommandRunner with = CommandRunner.Run("rules", "validate", file);
        Assert.Equal((0, $"{file}: valid: 1 security group, 1 rule"), (with.ExitCode, Assert.Single(with.OutputLines)));
    }

    [Fact]
    public void The_json_has_every_finding()
    {
        CommandRunner run = CommandRunner.Run("rules", "validate", RulesSamples.Broken, "--format", "json");
        Assert.Equal(2, run.ExitCode);
        JsonElement json = run.Json();
        Assert.Equal(
            """{"severity":"error","code":"SecurityRuleInvalidPortRange","file":"FILE","line":44,"path":"$.properties.securityRules[2].properties.destinationPortRange","message":"Security rule has invalid Port range. Value provided: 25,465. Value should be an integer OR integer range with \u0027-\u0027 delimiter. Valid range 0-65535.","remedy":"Write several ranges as a list in destinationPortRanges."}""",
            JsonSerializer.Serialize(json.GetProperty("findings")[2]).Replace(RulesSamples.InJson(RulesSamples.Broken), "FILE", StringComparison.Ordinal));
        Assert.Equal(
            ["valid False", "securityGroups 1", "securityRules 1", "errors 4", "warnings 0"],
            json.EnumerateObject().Where(p => p.Name != "findings").Select(p => $"{p.Name} {p.Value}"));
    }

    [Fact]
    public void Warnings_alone_leave_the_rules_valid()
    {
        string file = _folder.Write("nsg.json", Sample.Group(Sample.Rule("gre", 100, protocol: "47", destinationPort: "80")));
        CommandRunner run = CommandRunner.Run("rules", "validate", file);
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith($"{file}:", run.OutputLines[0], StringComparison.Ordinal);
        Assert.Contains(" warning SecurityRuleNeverMatches at ", run.OutputLines[0], StringComparison.Ordinal);
        Assert.Equal($"{file}: valid: 1 security group, 1 rule, 1 warning", run.OutputLines[1]);
    }

    [Fact]
    public void Errors_that_only_compiling_finds_are_told_too()
    {
        string file = _folder.Write("nsg.json", Sample.Group(Sample.Rule("tag", 100, source: "Storage.WestEurope")));
        CommandRunner run = CommandRunner.Run("rules", "validate", file);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains(" warning ServiceTagNotKnown at ", run.OutputLines[0], StringComparison.Ordinal);
        Assert.Equal(2, CommandRunner.Run("rules", "lint", file).ExitCode);
        string wrong = _folder.Write("wrong.json", Sample.Group(Sample.Rule("tag", 100, source: "AzureBastionSubnet")));
        run = CommandRunner.Run("rules", "validate", wrong);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(" error SecurityRuleInvalidAddressPrefix at ", run.OutputLines[0], StringComparison.Ordinal);
        string tags = _folder.Write("tags.json", """
            { "changeNumber": 7, "values": [ { "name": "Storage.WestEurope", "properties": { "addressPrefixes": ["20.0.0.0/8"] } } ] }
            """);
        Assert.Equal(0, CommandRunner.Run("rules", "validate", file, "--service-tags", tags).ExitCode);
    }

    [Fact]
    public void An_export_of_several_groups_without_their_subnets_is_valid_with_a_warning()
    {
        string file = _folder.Write("list.json", $"[{Group("nsg-a")},{Group("nsg-b")}]");
        CommandRunner run = CommandRunner.Run("rules", "validate", file);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("warning NetworkSecurityGroupNotAssociated", Assert.Single(run.OutputLines[..^1]), StringComparison.Ordinal);
        Assert.Equal($"{file}: valid: 2 security groups, 2 rules, 1 warning", run.OutputLines[^1]);
    }

    [Fact]
    public void A_folder_is_checked_as_a_whole()
    {
        _folder.Write("rules/a.json", Sample.Group(Sample.Rule(priority: 99)));
        _folder.Write("rules/b.json", "{");
        CommandRunner run = CommandRunner.Run("rules", "validate", _folder["rules"]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains(run.OutputLines, line => line.StartsWith(Path.Combine(_folder["rules"], "a.json"), StringComparison.Ordinal) && line.Contains("SecurityRuleInvalidPriority", StringComparison.Ordinal));
        Assert.Contains(run.OutputLines, line => line.StartsWith(Path.Combine(_folder["rules"], "b.json"), StringComparison.Ordinal) && line.Contains("InvalidJson", StringComparison.Ordinal));
        Assert.Equal($"{_folder["rules"]}: not valid: 2 errors", run.OutputLines[^1]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("""{"name":"n"}""")]
    [InlineData("[1]")]
    public void A_file_without_rules_is_not_valid(string text)
    {
        CommandRunner run = CommandRunner.Run("rules", "validate", _folder.Write("x.json", text));
        Assert.Equal(2, run.ExitCode);
        Assert.EndsWith("not valid: 1 error", run.OutputLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_an_error_of_the_command()
    {
        foreach (string[] args in (string[][])[["validate"], ["show"], ["lint"], ["diff", RulesSamples.Good], ["test", RulesSamples.Cases, "--rules"]])
        {
            CommandRunner run = CommandRunner.Run(["rules", .. args, _folder["none.json"]]);
            Assert.Equal((2, ""), (run.ExitCode, run.Output));
            Assert.Equal([$"firewall: {_folder["none.json"]}: the rules file does not exist"], run.ErrorLines);
        }
    }

    private static string Group(string name) => RulesSamples.Group(name, Sample.Rule());
}
