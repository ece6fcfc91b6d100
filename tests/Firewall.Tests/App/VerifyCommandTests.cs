using System.Text.Json;
using Xunit;

namespace Firewall.Tests.App;

public sealed class VerifyCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("10.0.0.4:22", "203.0.113.5:*", """{"access":"Allow","ruleName":"securityRules/allow-ssh"}""")]
    [InlineData("10.0.0.4:23", "203.0.113.5:40000", """{"access":"Deny","ruleName":"defaultSecurityRules/DenyAllInBound"}""")]
    [InlineData("10.0.0.4:23", "10.0.0.9", """{"access":"Allow","ruleName":"defaultSecurityRules/AllowVnetInBound"}""")]
    [InlineData("[fd00::4]:22", "[2001:db8::1]:40000", """{"access":"Allow","ruleName":"securityRules/allow-ssh"}""")]
    [InlineData("fd00::4", "2001:db8::1", """{"access":"Deny","ruleName":"defaultSecurityRules/DenyAllInBound"}""")]
    public void The_json_answer_is_that_of_ip_flow_verify(string local, string remote, string answer)
    {
        CommandRunner run = Verify(SampleFiles.Allow(), "--direction", "Inbound", "--protocol", "Tcp", "--local", local, "--remote", remote, "--format", "json");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(answer + "\n", run.Output.ReplaceLineEndings("\n"));
    }

    [Theory]
    [InlineData("tcp")]
    [InlineData("TCP")]
    [InlineData("6")]
    public void Protocols_and_directions_are_read_in_any_case_and_as_numbers(string protocol)
    {
        CommandRunner run = Verify(SampleFiles.Allow(), "--direction", "inbound", "--protocol", protocol, "--local", "10.0.0.4:22", "--remote", "203.0.113.5");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal("Allow by securityRules/allow-ssh", Assert.Single(run.OutputLines));
        Assert.Empty(run.Error);
    }

    [Fact]
    public void A_protocol_without_ports_needs_none()
    {
        CommandRunner run = Verify(SampleFiles.NoRules, "--direction", "Outbound", "--protocol", "Icmp", "--local", "10.0.0.4", "--remote", "203.0.113.5");
        Assert.Equal("Allow by defaultSecurityRules/AllowInternetOutBound", Assert.Single(run.OutputLines));
    }

    [Fact]
    public void Explain_in_json_has_the_shape_of_nsg_diagnostics()
    {
        CommandRunner run = Verify(
            SampleFiles.Allow(), "--direction", "Inbound", "--protocol", "Tcp", "--local", "10.0.0.4:80", "--remote", "203.0.113.5:40000", "--explain", "--format", "json");
        Assert.Equal(0, run.ExitCode);
        using JsonDocument json = JsonDocument.Parse(run.Output);
        JsonElement result = json.RootElement.GetProperty("results")[0];
        Assert.Equal(
            """{"direction":"Inbound","protocol":"Tcp","source":"203.0.113.5","destination":"10.0.0.4","destinationPort":"80"}""",
            JsonSerializer.Serialize(result.GetProperty("profile")));
        JsonElement evaluated = result.GetProperty("networkSecurityGroupResult");
        Assert.Equal("Deny", evaluated.GetProperty("securityRuleAccessResult").GetString());
        JsonElement group = evaluated.GetProperty("evaluatedNetworkSecurityGroups")[0];
        Assert.Equal(
            """{"ruleName":"DefaultRule_DenyAllInBound","action":"Deny"}""", JsonSerializer.Serialize(group.GetProperty("matchedRule")));
        Assert.Equal(
            """{"name":"UserRule_allow-ssh","protocolMatched":true,"sourceMatched":true,"sourcePortMatched":true,"destinationMatched":true,"destinationPortMatched":false}""",
            JsonSerializer.Serialize(group.GetProperty("rulesEvaluationResult")[0]));
        Assert.Equal(4, group.GetProperty("rulesEvaluationResult").GetArrayLength());
    }

    [Fact]
    public void Explain_as_text_shows_each_rule_that_was_looked_at()
    {
        CommandRunner run = Verify(
            SampleFiles.Allow(), "--direction", "Inbound", "--protocol", "Tcp", "--local", "10.0.0.4:80", "--remote", "203.0.113.5:40000", "--explain");
        Assert.Equal("Deny by defaultSecurityRules/DenyAllInBound", run.OutputLines[0]);
        Assert.Contains(run.OutputLines, l => l.Contains("allow-ssh", StringComparison.Ordinal) && l.Contains(" no ", StringComparison.Ordinal));
        Assert.Contains(run.OutputLines, l => l.Contains("DenyAllInBound", StringComparison.Ordinal) && l.Contains("Deny ", StringComparison.Ordinal));
        Assert.DoesNotContain('\e', run.Output);
    }

    [Fact]
    public void The_virtual_network_can_be_named_several_times()
    {
        string[] question = ["--direction", "Inbound", "--protocol", "Tcp", "--local", "100.64.0.4:80", "--remote", "198.18.0.9:40000"];
        Assert.Equal(
            "Allow by defaultSecurityRules/AllowVnetInBound",
            Assert.Single(Verify(SampleFiles.NoRules, [.. question, "--vnet", "100.64.0.0/10", "--vnet", "198.18.0.0/15"]).OutputLines));
        CommandRunner without = Verify(SampleFiles.NoRules, question);
        Assert.Equal("Deny by defaultSecurityRules/DenyAllInBound", Assert.Single(without.OutputLines));
        Assert.Contains("--local 100.64.0.4 lies outside of the virtual network", Assert.Single(without.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void Service_tags_come_from_their_file()
    {
        string tags = _folder.Write("tags.json", """
            { "changeNumber": 1, "cloud": "Public", "values": [ { "name": "Storage", "id": "Storage", "properties": { "addressPrefixes": ["20.0.0.0/8"] } } ] }
            """);
        string rules = SampleFiles.Allow().Replace("\"sourceAddressPrefix\": \"*\"", "\"sourceAddressPrefix\": \"Storage\"", StringComparison.Ordinal);
        string[] question = ["--direction", "Inbound", "--protocol", "Tcp", "--local", "10.0.0.4:22", "--remote", "20.1.2.3:40000"];
        Assert.Equal("Allow by securityRules/allow-ssh", Assert.Single(Verify(rules, [.. question, "--service-tags", tags]).OutputLines));
        CommandRunner without = Verify(rules, question);
        Assert.Equal(2, without.ExitCode);
        Assert.Contains("Storage", without.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broken_rules_file_is_told_with_file_line_path_and_code_and_exits_with_2()
    {
        CommandRunner run = Verify(
            SampleFiles.Allow(priority: 99), "--direction", "Inbound", "--protocol", "Tcp", "--local", "10.0.0.4:22", "--remote", "203.0.113.5");
        Assert.Equal(2, run.ExitCode);
        Assert.Empty(run.Output);
        string line = Assert.Single(run.ErrorLines);
        Assert.StartsWith($"firewall: {_folder["nsg.json"]}:", line, StringComparison.Ordinal);
        Assert.Contains(" error SecurityRuleInvalidPriority at $.properties.securityRules[0]", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_rules_file_is_told_and_exits_with_2()
    {
        CommandRunner run = CommandRunner.Run(
            "verify", "--rules", _folder["none.json"], "--direction", "Inbound", "--protocol", "Tcp", "--local", "10.0.0.4:22", "--remote", "203.0.113.5");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal([$"firewall: {_folder["none.json"]}: the rules file does not exist"], run.ErrorLines);
    }

    [Fact]
    public void A_folder_of_rules_is_read_and_an_empty_one_is_refused()
    {
        _folder.Write("rules/web.json", SampleFiles.Allow());
        string[] question = ["--direction", "Inbound", "--protocol", "Tcp", "--local", "10.0.0.4:22", "--remote", "203.0.113.5"];
        Assert.Equal(0, CommandRunner.Run(["verify", "--rules", _folder["rules"], .. question]).ExitCode);
        Directory.CreateDirectory(_folder["empty"]);
        CommandRunner empty = CommandRunner.Run(["verify", "--rules", _folder["empty"], .. question]);
        Assert.Equal(2, empty.ExitCode);
        Assert.Contains("the folder holds no rules", empty.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_address_families_in_one_question_are_refused()
    {
        CommandRunner run = Verify(SampleFiles.NoRules, "--direction", "Inbound", "--protocol", "Tcp", "--local", "10.0.0.4:22", "--remote", "fd00::1");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal("firewall: --local 10.0.0.4 and --remote fd00::1 must both be IPv4 or both be IPv6", Assert.Single(run.ErrorLines));
    }

    private CommandRunner Verify(string rules, params string[] question) =>
        CommandRunner.Run(["verify", "--rules", _folder.Write("nsg.json", rules), .. question]);
}
