using System.Text.Json;
using System.Xml.Linq;
using Xunit;

namespace Firewall.Tests.App;

public sealed class RulesTestCommandTests : IDisposable
{
    private const string OneCase = """{ "name": "web", "protocol": "Tcp", "source": "203.0.113.7:*", "destination": "10.20.1.4:443", "access": "Allow", "rule": "allow-https" }""";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Cases_that_pass_are_TAP_and_exit_with_0()
    {
        CommandRunner run = CommandRunner.Run("rules", "test", RulesSamples.Cases);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal(
            """
            TAP version 14
            1..5
            ok 1 - everybody reaches the shop
            ok 2 - the office reaches a machine by SSH
            ok 3 - nobody else does
            ok 4 - no machine sends mail
            ok 5 - IPv6 stays closed
            # 5 of 5 cases passed

            """.ReplaceLineEndings("\n"),
            run.Portable());
    }

    [Fact]
    public void Cases_that_fail_say_why_and_where_and_exit_with_1()
    {
        CommandRunner run = CommandRunner.Run("rules", "test", RulesSamples.Cases, "--rules", RulesSamples.Proposed);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(
            """
            not ok 3 - nobody else does
              ---
              message: "expected Deny, but it is Allow by securityRules/allow-ssh"
              file: "docs/rules/cases.yaml"
              line: 20
              ...
            """.ReplaceLineEndings("\n"),
            run.Portable(), StringComparison.Ordinal);
        Assert.Equal("# 3 of 5 cases passed", run.OutputLines[^1]);
    }

    [Fact]
    public void The_json_has_every_case()
    {
        CommandRunner run = CommandRunner.Run("rules", "test", RulesSamples.Cases, "--rules", RulesSamples.Proposed, "--format", "json");
        Assert.Equal(1, run.ExitCode);
        JsonElement json = run.Json();
        Assert.Equal("3 2", $"{json.GetProperty("passed")} {json.GetProperty("failed")}");
        Assert.Equal(
            """{"name":"nobody else does","passed":false,"access":"Allow","rule":"securityRules/allow-ssh","message":"expected Deny, but it is Allow by securityRules/allow-ssh","file":"FILE","line":20,"path":"$.cases[2]"}""",
            JsonSerializer.Serialize(json.GetProperty("cases")[2]).Replace(RulesSamples.InJson(RulesSamples.Cases), "FILE", StringComparison.Ordinal));
    }

    [Fact]
    public void JUnit_is_written_beside_the_TAP()
    {
        CommandRunner run = CommandRunner.Run("rules", "test", RulesSamples.Cases, "--rules", RulesSamples.Proposed, "--junit", _folder["junit.xml"]);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("TAP version 14", run.Output, StringComparison.Ordinal);
        XElement suite = XDocument.Load(_folder["junit.xml"]).Root!.Element("testsuite")!;
        Assert.Equal(("5", "2"), (suite.Attribute("tests")!.Value, suite.Attribute("failures")!.Value));
    }

    [Fact]
    public void JUnit_that_cannot_be_written_fails_the_command()
    {
        CommandRunner run = CommandRunner.Run("rules", "test", RulesSamples.Cases, "--junit", _folder["no/such/folder/junit.xml"]);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"firewall: {_folder["no/such/folder/junit.xml"]} cannot be written: ", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void JUnit_never_overwrites_what_is_read()
    {
        string cases = _folder.Write("cases.json", $$"""{ "rules": "{{RulesSamples.InJson(RulesSamples.Good)}}", "cases": [{{OneCase}}] }""");
        CommandRunner run = CommandRunner.Run("rules", "test", cases, "--junit", cases);
        Assert.Equal([$"firewall: --junit {cases} would overwrite {cases}, which is read"], run.ErrorLines);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("allow-https", File.ReadAllText(cases), StringComparison.Ordinal);
    }

    [Fact]
    public void JUnit_never_overwrites_what_is_read_under_another_name()
    {
        string cases = _folder.Write("cases.json", $$"""{ "rules": "{{RulesSamples.InJson(RulesSamples.Good)}}", "cases": [{{OneCase}}] }""");
        string other = _folder[OperatingSystem.IsWindows() ? "CASES.json" : "link.json"]; // to Windows the same name
        if (!OperatingSystem.IsWindows()) File.CreateSymbolicLink(other, cases);
        Assert.Equal(2, CommandRunner.Run("rules", "test", cases, "--junit", other).ExitCode);
        Assert.Contains("allow-https", File.ReadAllText(cases), StringComparison.Ordinal);
    }

    [Fact]
    public void JSON_cases_with_comments_are_read_like_YAML_ones()
    {
        File.Copy(RulesSamples.Good, _folder["nsg.json"]);
        string cases = _folder.Write("cases.json", $$"""
            // by hand
            { "$schema": "x", "description": "d", "rules": "nsg.json", "vnet": ["10.20.0.0/16"], "cases": [{{OneCase}},] }
            """);
        CommandRunner run = CommandRunner.Run("rules", "test", cases);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal("# 1 of 1 case passed", run.OutputLines[^1]);
        Assert.Equal(0, CommandRunner.Run("rules", "test", _folder.Write("list.json", $"[{OneCase}]"), "--rules", _folder["nsg.json"]).ExitCode);
    }

    [Fact]
    public void Settings_on_the_command_line_override_those_of_the_file()
    {
        File.Copy(RulesSamples.Good, _folder["nsg.json"]);
        string cases = _folder.Write("cases.yaml", """
            rules: none.json
            serviceTags: none-tags.json
            vnet: [10.0.0.0/8, "fd00::/8"]
            cases:
              - { name: inside, protocol: Tcp, source: 10.99.0.1, destination: "10.20.1.4:443", access: Allow, rule: AllowVnetInBound }
            """);
        string tags = _folder.Write("tags.json", """{ "changeNumber": 1, "values": [] }""");
        Assert.Equal(0, CommandRunner.Run("rules", "test", cases, "--rules", _folder["nsg.json"], "--service-tags", tags).ExitCode);
        CommandRunner run = CommandRunner.Run("rules", "test", cases, "--rules", _folder["nsg.json"], "--service-tags", tags, "--vnet", "10.20.0.0/16");
        Assert.Equal(1, run.ExitCode);
        CommandRunner missing = CommandRunner.Run("rules", "test", cases);
        Assert.Equal(2, missing.ExitCode);
        Assert.Equal(
            [$"firewall: {_folder["none.json"]}: the rules file does not exist", $"firewall: {_folder["none-tags.json"]}: the service tags file does not exist"],
            missing.ErrorLines);
    }

    [Fact]
    public void Without_rules_the_command_says_how_to_name_them()
    {
        string cases = _folder.Write("cases.json", $"[{OneCase}]");
        CommandRunner run = CommandRunner.Run("rules", "test", cases);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.StartsWith("firewall: no rules to test: give them with --rules FILE", Assert.Single(run.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cases.yaml", "cases: []", "cases.yaml:1: error InvalidRuleCase at $: The file has no case.")]
    [InlineData("cases.yaml", "", "cases.yaml: error InvalidYaml: The file is empty.")]
    [InlineData("cases.yaml", "cases:\n  - name: a: b\n", "cases.yaml:2: error InvalidYaml: Not valid YAML at line 2, column 12: ")]
    [InlineData("cases.yaml", "cases:\n  - name: x\n    protcol: Tcp\n", "cases.yaml:3: error InvalidRuleCase at $.cases[0].protcol: A case has no property protcol.")]
    [InlineData("cases.yaml", "case:\n  - name: x\n", "cases.yaml:1: error InvalidRuleCase at $: The file has no list of cases.")]
    [InlineData("cases.json", "{", "cases.json:1: error InvalidJson: Not valid JSON at line 1, column 2: ")]
    [InlineData("cases.json", "", "cases.json: error InvalidYaml: The file is empty.")]
    [InlineData("cases.json", "cases:\n  - name: x\n    protcol: Tcp\n", "cases.json:3: error InvalidRuleCase at $.cases[0].protcol: A case has no property protcol.")]
    [InlineData("cases", " [1]", "cases:1: error InvalidRuleCase at $[0]: A case must be an object.")]
    public void A_broken_file_of_cases_is_told_with_its_line(string name, string text, string expected)
    {
        CommandRunner run = CommandRunner.Run("rules", "test", _folder.Write(name, text), "--rules", RulesSamples.Good);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.StartsWith($"firewall: {_folder[expected]}", run.ErrorLines[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"rulez\": \"x\"", "at $.rulez: A file of cases has no property rulez. Known are rules, vnet, serviceTags, cases, description, $schema; did you mean 'rules'?")]
    [InlineData("\"rules\": 7", "at $.rules: This must name a file. Write its path, relative to the folder of this file.")]
    [InlineData("\"rules\": {\"a\":[1]}", "at $.rules: This must name a file. Write its path, relative to the folder of this file.")]
    [InlineData("\"vnet\": \"10.20.0.1/16\"", "at $.vnet: 10.20.0.1/16 has host bits set. Write 10.20.0.0/16.")]
    [InlineData("\"vnet\": [\"10.20.0.0/16\", {\"x\":1}]", "at $.vnet: Not an address prefix: ''. Write a prefix such as 10.20.0.0/16, or a list of them.")]
    [InlineData("\"vnet\": []", "at $.vnet: The virtual network has no address. Write a prefix such as 10.20.0.0/16, or leave vnet out.")]
    public void A_wrong_setting_is_told_with_its_line(string setting, string expected)
    {
        string cases = _folder.Write("cases.json", $"{{\n\"cases\": [{OneCase}],\n{setting}\n}}");
        CommandRunner run = CommandRunner.Run("rules", "test", cases, "--rules", RulesSamples.Good);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Equal([$"firewall: {cases}:3: error InvalidRuleCase {expected}"], run.ErrorLines);
    }

    [Fact]
    public void A_file_of_cases_that_is_not_there_is_told()
    {
        CommandRunner run = CommandRunner.Run("rules", "test", _folder["none.yaml"]);
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Equal([$"firewall: {_folder["none.yaml"]}: the file of cases does not exist"], run.ErrorLines);
    }
}
