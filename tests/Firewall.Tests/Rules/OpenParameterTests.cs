using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Parameters of a nested deployment that are known only in part before it is deployed.</summary>
public class OpenParameterTests
{
    private const string Open = "[reference('pip').ipAddress]";

    [Theory]
    [InlineData("protocol", Open)]
    [InlineData("access", Open)]
    [InlineData("direction", Open)]
    [InlineData("priority", Open)]
    [InlineData("sourceAddressPrefix", Open)]
    [InlineData("destinationAddressPrefix", Open)]
    [InlineData("sourcePortRange", Open)]
    [InlineData("destinationPortRange", Open)]
    [InlineData("destinationPortRange", "[nonsense(]")]
    [InlineData("description", Open)]
    public void A_field_that_is_open_within_an_object_or_list_is_told_where_the_rule_stands(string field, string value)
    {
        string rule = Fields(("name", "\"deny-bad\""), ("properties", Properties((field, $"\"{value}\""))));
        RuleFinding finding = Assert.Single(Sample.Read(Template($"[ {rule} ]", "[parameters('rules')]")).Findings);
        Assert.Equal((FindingSeverity.Error, "TemplateExpressionNotEvaluated"), (finding.Severity, finding.Code));
        Assert.EndsWith($".rules.value[0].properties.{field}", finding.JsonPath, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sourceAddressPrefixes")]
    [InlineData("sourcePortRanges")]
    public void An_open_element_of_a_list_is_told(string field)
    {
        string good = field == "sourcePortRanges" ? "1" : "203.0.113.1";
        string singular = field[..^(field.EndsWith("xes", StringComparison.Ordinal) ? 2 : 1)];
        string rule = Fields(("name", "\"r\""), ("properties", Properties((singular, "\"\""), (field, $"[ \"{good}\", \"{Open}\" ]"))));
        RuleFinding finding = Assert.Single(Sample.Read(Template($"[ {rule} ]", "[parameters('rules')]")).Findings);
        Assert.Equal("TemplateExpressionNotEvaluated", finding.Code);
        Assert.Contains("reference-pip.ipAddress is known only then", finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    // What Bicep makes of a loop over the rules that a module is given.
    [InlineData("[map(parameters('rules'), lambda('r', lambdaVariables('r')))]")]
    [InlineData("[concat(parameters('rules'), createArray())]")]
    [InlineData("[union(parameters('rules'), createArray())]")]
    public void An_open_field_is_told_behind_a_function_on_lists(string rules)
    {
        string rule = Fields(("name", "\"r\""), ("properties", Properties(("sourceAddressPrefix", $"\"{Open}\""))));
        Assert.Equal("TemplateExpressionNotEvaluated", Assert.Single(Sample.Read(Template($"[ {rule} ]", rules)).Findings).Code);
    }

    [Theory]
    [InlineData("[parameters('rules')]")]
    [InlineData("[concat(parameters('rules'), createArray())]")]
    [InlineData("[concat(createArray(), parameters('rules'))]")]
    [InlineData("[union(parameters('rules'), createArray())]")]
    [InlineData("[map(items(parameters('rules')), lambda('r', lambdaVariables('r').value))]")]
    [InlineData("[map(objectKeys(parameters('rules')), lambda('r', createObject('name', lambdaVariables('r'))))]")]
    [InlineData("[coalesce(tryGet(parameters('rules'), 'list'), createArray())]")]
    [InlineData("[if(contains(createArray('a'), parameters('rules')), createArray(), createArray())]")]
    [InlineData("[if(contains(createArray(1, 2), parameters('rules')), createArray(), createArray())]")]
    [InlineData("[if(equals(parameters('rules'), 5), createArray(), createArray())]")]
    [InlineData("[if(equals(true(), parameters('rules')), createArray(), createArray())]")]
    [InlineData("[if(not(equals(parameters('rules'), createArray(1))), createArray(), createArray())]")]
    [InlineData("[if(startsWith('abc', parameters('rules')), createArray(), createArray())]")]
    [InlineData("[if(empty(mapValues(parameters('rules'), lambda('r', 1))), createArray(), createArray())]")]
    [InlineData("[json(concat('[', join(parameters('rules'), ','), ']'))]")]
    public void Rules_that_are_open_as_a_whole_are_told_whatever_becomes_of_them(string rules) =>
        Assert.Equal("TemplateExpressionNotEvaluated", Assert.Single(Sample.Read(Template("\"[reference('x').outputs.rules.value]\"", rules)).Findings).Code);

    [Fact]
    public void An_open_rule_among_others_is_told_once()
    {
        string rule = Fields(("name", "\"r\""), ("properties", Properties()));
        RuleFinding finding = Assert.Single(Sample.Read(Template($"[ {rule}, \"[reference('x').outputs.rule.value]\" ]", "[parameters('rules')]")).Findings);
        Assert.Contains("reference-x.outputs.rule.value is known only then", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_open_name_is_called_by_what_it_waits_for()
    {
        string rule = Fields(("name", $"\"{Open}\""), ("properties", Properties()));
        RuleFile file = Sample.Read(Template($"[ {rule} ]", "[parameters('rules')]"));
        Assert.False(file.HasErrors);
        Assert.Equal("reference-pip.ipAddress", Assert.Single(Assert.Single(file.Groups).SecurityRules).Name);
    }

    private static string Properties(params (string Name, string Value)[] others)
    {
        Dictionary<string, string> fields = new()
        {
            ["protocol"] = "\"Tcp\"",
            ["sourcePortRange"] = "\"*\"",
            ["destinationPortRange"] = "\"443\"",
            ["sourceAddressPrefix"] = "\"*\"",
            ["destinationAddressPrefix"] = "\"*\"",
            ["access"] = "\"Deny\"",
            ["priority"] = "100",
            ["direction"] = "\"Inbound\"",
        };
        foreach ((string name, string value) in others) fields[name] = value;
        return Fields([.. fields.Select(field => (field.Key, field.Value))]);
    }

    private static string Fields(params (string Name, string Value)[] fields) =>
        $"{{ {string.Join(", ", fields.Select(field => $"\"{field.Name}\": {field.Value}"))} }}";

    // A module that gets its rules from outside.
    private static string Template(string given, string rules) => $$"""
        { "$schema": "x", "contentVersion": "1.0.0.0", "resources": [
          { "type": "Microsoft.Resources/deployments", "name": "module", "properties": { "expressionEvaluationOptions": { "scope": "inner" }, "parameters": { "rules": { "value": {{given}} } },
            "template": { "parameters": { "rules": { "type": "array" } }, "resources": [ { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg", "properties": { "securityRules": "{{rules}}" } } ] } } } ] }
        """;
}
