using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Templates may have line breaks and tabs within strings; places in findings stay those of the file.</summary>
public class LineBreakTests
{
    [Fact]
    public void An_expression_may_run_over_several_lines()
    {
        NetworkSecurityGroup group = Assert.Single(Sample.Good(Template("\"[concat(\n    '80',\r\n\t'80'\n  )]\"")));
        Assert.Equal("8080", Assert.Single(group.SecurityRules).DestinationPorts[0].ToString());
    }

    [Fact]
    public void Line_breaks_and_tabs_are_kept_in_a_description()
    {
        string json = Sample.Group(Sample.Rule().Replace("\"protocol\"", "\"description\":\"one\r\n\ttwo\",\"protocol\"", StringComparison.Ordinal));
        Assert.Equal("one\r\n\ttwo", Sample.Good(json)[0].SecurityRules[0].Description);
    }

    [Theory]
    [InlineData("// a \" quote\n")]
    [InlineData("/* a \" quote\n and * another \" / one */\n")]
    public void Quotes_in_comments_start_no_string(string comment)
    {
        string json = comment + Sample.Group(Sample.Rule().Replace("\"protocol\"", "\"description\":\"// a\n/* b \\\\\\\" c\",\"protocol\"", StringComparison.Ordinal));
        Assert.Equal("// a\n/* b \\\" c", Sample.Good(json)[0].SecurityRules[0].Description);
    }

    [Fact]
    public void Findings_after_a_broken_string_give_the_line_of_the_file()
    {
        RuleFile file = Sample.Read("{\"name\":\"n\",\"properties\":{\"securityRules\":[\n" + Sample.Rule("a", 100).Replace("\"protocol\"", "\"description\":\"1\n2\n3\",\"protocol\"", StringComparison.Ordinal) + ",\n"
            + Sample.Rule("b", 99) + "]}}");
        RuleFinding finding = Assert.Single(file.Findings);
        // Each rule is written on two lines, and the description of the first has two more.
        Assert.Equal(("SecurityRuleInvalidPriority", 7, "$.properties.securityRules[1].properties.priority"), (finding.Code, finding.Line, finding.JsonPath));
    }

    [Theory]
    [InlineData("{\"a\":\"1\n2\",\n \"b\": }", 3, 7, 1)]
    [InlineData("{\"a\":\"1\n2\" }}", 2, 5, 1)]
    [InlineData("{\"a\":\"1,\n\"b\":2}", 2, 2, 1)]
    [InlineData("{\"a\":\"1\n", 2, 1, 1)]
    [InlineData("{\"a\":1,\n\"b\":}\n,\"c\":\"1\n2\"", 2, 5, 0)]
    public void A_syntax_error_after_a_broken_string_has_its_place(string json, int line, int column, int start)
    {
        RuleFinding finding = Assert.Single(Sample.Read(json).Findings);
        Assert.Equal(("InvalidJson", line), (finding.Code, finding.Line));
        Assert.Contains($"line {line}, column {column}:", finding.Message, StringComparison.Ordinal);
        // A quote that was forgotten lets a string run on: so it is told where the string starts.
        Assert.Equal(start > 0, finding.Remedy.Contains($"the string that starts on line {start} runs over the end", StringComparison.Ordinal));
    }

    private static string Template(string port) => $$"""
        { "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "resources": [ { "type": "Microsoft.Network/networkSecurityGroups",
          "name": "nsg", "properties": { "securityRules": [ { "name": "r", "properties": { "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": {{port}},
          "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Allow", "priority": 100, "direction": "Inbound" } } ] } } ] }
        """;
}
