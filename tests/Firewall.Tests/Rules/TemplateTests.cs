using System.Globalization;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class TemplateTests
{
    [Theory]
    [InlineData("[parameters('p')]", "8080")]
    [InlineData("[variables('v')]", "9090")]
    [InlineData("[concat(parameters('p'), '-', '8090')]", "8080-8090")]
    [InlineData("[format('{0}-{1}', 1, variables('v'))]", "1-9090")]
    [InlineData("[string(add(parameters('n'), 1))]", "444")]
    [InlineData("[if(equals(parameters('env'), 'prod'), '443', parameters('none'))]", "443")]
    [InlineData("[variables('config').ports.web]", "8443")]
    [InlineData("[variables('config')['list'][1]]", "2")]
    [InlineData("[first(split('22,23', ','))]", "22")]
    [InlineData("[last(variables('config').list)]", "2")]
    [InlineData("[replace('4_4', '_', '4')]", "444")]
    [InlineData("[substring('12345', 1, 3)]", "234")]
    [InlineData("[parameters('declared').web]", "7443")]
    [InlineData("[coalesce(null(), '5')]", "5")]
    [InlineData("[toLower(padLeft('7', 2, '0'))]", "7")]
    [InlineData("[concat('4''4')]", null)]
    [InlineData("[nonsense(]", null)]
    [InlineData("[parameters('none')]", null)]
    [InlineData("[reference('x').port]", null)]
    [InlineData("[uniqueString('x')]", null)]
    [InlineData("[variables('loop')]", null)]
    [InlineData("[concat(variables('big8'))]", null)]
    public void An_expression_is_worked_out_or_refused(string expression, string? port)
    {
        RuleFile file = Sample.Read(Template(Rule("r", 100, expression)));
        if (port is null)
        {
            RuleFinding finding = Assert.Single(file.Findings);
            Assert.True(finding.Code is "TemplateExpressionNotEvaluated" or "SecurityRuleInvalidPortRange", finding.ToString());
            Assert.Equal("$.resources[0].properties.securityRules[0].properties.destinationPortRange", finding.JsonPath);
        }
        else
        {
            Assert.Empty(file.Findings);
            Assert.Equal(port, file.Groups[0].SecurityRules[0].DestinationPorts[0].ToString());
        }
    }

    [Fact]
    public void A_parameter_file_beside_the_template_gives_the_values()
    {
        string template = Template(Rule("r", 100, "[parameters('none')]"));
        RuleFile file = Together(("dir/x.json", template), ("dir/x.parameters.json", Parameters("\"none\":{\"value\":\"8081\"}")));
        Assert.Empty(file.Findings);
        Assert.Equal("8081", file.Groups[0].SecurityRules[0].DestinationPorts[0].ToString());
        // The file's value counts before the template's default.
        string withDefault = Template(Rule("r", 100, "[parameters('p')]"));
        Assert.Equal("9", Together(("x.json", withDefault), ("x.parameters.json", Parameters("\"p\":{\"value\":\"9\"}"))).Groups[0].SecurityRules[0].DestinationPorts[0].ToString());
    }

    [Theory]
    [InlineData("\"none\":{\"value\":\"70000\"}", "SecurityRuleInvalidPortRange", "x.parameters.json", "$.parameters.none.value")]
    [InlineData("\"none\":{\"reference\":{\"secretName\":\"s\"}}", "TemplateExpressionNotEvaluated", "x.json", "$.resources[0].properties.securityRules[0].properties.destinationPortRange")]
    public void A_wrong_parameter_is_shown_where_it_stands(string parameter, string code, string name, string path)
    {
        RuleFinding finding = Assert.Single(Together(("x.json", Template(Rule("r", 100, "[parameters('none')]"))), ("x.parameters.json", Parameters(parameter))).Findings);
        Assert.Equal((code, name, path), (finding.Code, finding.File, finding.JsonPath));
    }

    [Fact]
    public void A_parameter_file_alone_is_refused_with_a_word_on_where_it_belongs()
    {
        RuleFinding finding = Assert.Single(Together(("y.parameters.json", Parameters("\"none\":{\"value\":1}"))).Findings);
        Assert.Contains("x.parameters.json beside x.json", finding.Remedy, StringComparison.Ordinal);
        Assert.Equal("InvalidRequestFormat", Assert.Single(Together(("x.json", Template("")), ("x.parameters.json", "{}")).Findings).Code);
    }

    private static string Parameters(string values) =>
        $$"""{ "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#", "contentVersion": "1.0.0.0", "parameters": { {{values}} } }""";

    private static RuleFile Together(params (string Name, string Json)[] files) =>
        NsgReader.ReadTogether([.. files.Select(file => (file.Name, (ReadOnlyMemory<byte>)System.Text.Encoding.UTF8.GetBytes(file.Json)))]);

    [Fact]
    public void A_rule_beside_the_group_wins_over_the_one_inside_with_a_warning_if_they_differ()
    {
        string child = $$"""
            ,{ "type": "Microsoft.Network/networkSecurityGroups/securityRules", "name": "nsg/R", "properties": { "protocol": "Tcp", "sourcePortRange": "*",
               "destinationPortRange": "23", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Allow", "priority": 100, "direction": "Inbound" } }
            """;
        RuleFile file = Sample.Read(Template(Rule("r", 100, "22"), child));
        Assert.Equal("SecurityRuleDefinedTwice", Assert.Single(file.Findings).Code);
        Assert.False(file.HasErrors);
        Assert.Equal("23", Assert.Single(file.Groups[0].SecurityRules).DestinationPorts[0].ToString());
    }

    [Fact]
    public void Rules_may_come_from_a_parameter_or_a_copy_loop()
    {
        string fromParameter = Template("").Replace("\"securityRules\": [  ]", "\"securityRules\": \"[parameters('rules')]\"", StringComparison.Ordinal);
        Assert.Equal(["p1"], Sample.Good(fromParameter)[0].SecurityRules.Select(rule => rule.Name));

        string loop = """
            "copy": [ { "name": "securityRules", "count": "[length(variables('config').list)]", "input": {
              "name": "[concat('loop', copyIndex('securityRules'))]", "properties": { "protocol": "Tcp", "sourcePortRange": "*",
              "destinationPortRange": "[variables('config').list[copyIndex('securityRules')]]", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
              "access": "Allow", "priority": "[add(100, copyIndex('securityRules'))]", "direction": "Inbound" } } } ]
            """;
        IReadOnlyList<SecurityRule> rules = Sample.Good(Template("").Replace("\"securityRules\": [  ]", loop, StringComparison.Ordinal))[0].SecurityRules;
        Assert.Equal(["loop0 1 100", "loop1 2 101"], rules.Select(rule => string.Create(CultureInfo.InvariantCulture, $"{rule.Name} {rule.DestinationPorts[0]} {rule.Priority}")));
    }

    [Fact]
    public void Resources_may_be_an_object_a_loop_conditional_or_in_a_nested_deployment()
    {
        string nested = """
            { "$schema": "x", "languageVersion": "2.0", "contentVersion": "1.0.0.0", "parameters": { "who": { "defaultValue": "ana" } },
              "resources": {
                "many": { "type": "Microsoft.Network/networkSecurityGroups", "name": "[format('nsg{0}', copyIndex())]", "copy": { "name": "many", "count": 2 }, "properties": {} },
                "never": { "type": "Microsoft.Network/networkSecurityGroups", "name": "never", "condition": "[not(true())]", "properties": {} },
                "inner": { "type": "Microsoft.Resources/deployments", "name": "d", "properties": {
                   "expressionEvaluationOptions": { "scope": "inner" }, "parameters": { "p": { "value": "[parameters('who')]" } },
                   "template": { "parameters": { "p": { "type": "string" } }, "resources": [
                     { "type": "Microsoft.Network/networkSecurityGroups", "name": "[parameters('p')]", "properties": {},
                       "resources": [ { "type": "securityRules", "name": "kid", "properties": { "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*",
                         "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Deny", "priority": 4096, "direction": "Outbound" } } ] } ] } } } } }
            """;
        IReadOnlyList<NetworkSecurityGroup> groups = Sample.Good(nested);
        Assert.Equal(["nsg0", "nsg1", "ana"], groups.Select(group => group.Name));
        Assert.Equal("kid", Assert.Single(groups[2].SecurityRules).Name);
    }

    [Fact]
    public void A_name_known_only_when_deployed_is_replaced_with_a_warning()
    {
        string json = Template(Rule("r", 100, "22")).Replace("\"name\": \"nsg\"", "\"name\": \"[concat(parameters('none'), '-', uniqueString(resourceGroup().id))]\"", StringComparison.Ordinal);
        RuleFile file = Sample.Read(json);
        Assert.False(file.HasErrors);
        Assert.Equal("TemplateExpressionNotEvaluated", Assert.Single(file.Findings).Code);
        Assert.Equal("none-uniqueString", file.Groups[0].Name);
    }

    [Fact]
    public void A_doubled_bracket_is_a_literal_one()
    {
        RuleFinding finding = Assert.Single(Sample.Read(Template(Rule("r", 100, "[[1]"))).Findings);
        Assert.Contains("Value provided: [1].", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_that_is_known_only_when_deployed_does_not_spoil_the_rules()
    {
        string network = """
            ,{ "type": "Microsoft.Network/virtualNetworks", "name": "[parameters('none')]", "properties": { "addressSpace": { "addressPrefixes": "[parameters('none')]" }, "subnets": "[parameters('none')]" } }
            ,{ "type": "Microsoft.Network/networkInterfaces", "name": "nic", "properties": { "ipConfigurations": [ { "properties": { "privateIPAllocationMethod": "Dynamic" } } ],
               "networkSecurityGroup": { "id": "[resourceId(resourceGroup().name, 'Microsoft.Network/networkSecurityGroups', 'nsg')]" } } }
            """;
        RuleFile file = Sample.Read(Template(Rule("r", 100, "22"), network));
        Assert.DoesNotContain(file.Findings, finding => finding.IsError);
        Assert.Single(file.Groups);
        Assert.Equal("nsg", ResourceId.NameOf(Assert.Single(file.Network.NetworkInterfaces).NetworkSecurityGroup!));
        Assert.NotNull(PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1).Policy);
    }

    [Fact]
    public void A_template_without_a_group_is_refused()
    {
        RuleFinding finding = Assert.Single(Sample.Read("""{"$schema":"x","resources":[{"type":"Microsoft.Network/publicIPAddresses","name":"v"}]}""").Findings);
        Assert.Equal("InvalidRequestFormat", finding.Code);
    }

    private static string Rule(string name, int priority, string port) => $$"""
        { "name": "{{name}}", "properties": { "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "{{port}}", "sourceAddressPrefix": "*",
          "destinationAddressPrefix": "*", "access": "Allow", "priority": {{priority.ToString(CultureInfo.InvariantCulture)}}, "direction": "Inbound" } }
        """;

    private static string Template(string rules, string more = "") => $$"""
        { "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
          "parameters": { "p": { "defaultValue": "8080" }, "n": { "type": "int", "defaultValue": 443 }, "env": { "defaultValue": "prod" }, "none": { "type": "string" },
            "declared": { "defaultValue": { "web": "[concat('74', '43')]" } }, "rules": { "type": "array", "defaultValue": [ {{Rule("p1", 100, "1")}} ] } },
          "variables": { "v": "[concat('90', '90')]", "config": { "ports": { "web": "8443" }, "list": [ 1, 2 ] }, "loop": "[variables('loop')]",
            "big1": "{{new string('x', 60000)}}", "big2": "[concat(variables('big1'), variables('big1'))]", "big8": "[concat(variables('big2'), variables('big2'))]" },
          "resources": [ { "type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "nsg", "properties": { "securityRules": [ {{rules}} ] } } {{more}} ] }
        """;
}
