using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Ways of writing groups that templates in public repositories use, and what Bicep compiles to.</summary>
public class TemplateFunctionTests
{
    [Theory]
    [InlineData("[string(min(22, 80))]", "22")]
    [InlineData("[string(max(createArray(22, 80)))]", "80")]
    [InlineData("[string(div(81, 2))]", "40")]
    [InlineData("[string(mod(81, 2))]", "1")]
    [InlineData("[string(div(1, 0))]", null)]
    [InlineData("[if(less(1, 2), '1', '2')]", "1")]
    [InlineData("[if(greaterOrEquals(1, 2), '1', '2')]", "2")]
    [InlineData("[if(lessOrEquals('a', 'b'), '1', '2')]", "1")]
    [InlineData("[if(greater(length('abc'), 2), '1', '2')]", "1")]
    [InlineData("[coalesce(json('null'), '7')]", "7")]
    [InlineData("[json('{\"a\":{\"b\":[1,22]}}').a.b[1]]", "22")]
    [InlineData("[json('{')]", null)]
    [InlineData("[string(indexOf('abc', 'C'))]", "2")]
    [InlineData("[string(lastIndexOf('abca', 'a'))]", "3")]
    [InlineData("[string(length(union(createArray(1, 2), createArray(2, 3))))]", "3")]
    [InlineData("[union(json('{\"a\":{\"x\":1,\"y\":2}}'), json('{\"a\":{\"y\":3}}')).a.y]", "3")]
    [InlineData("[string(union(json('{\"a\":{\"x\":1,\"y\":2}}'), json('{\"a\":{\"y\":3}}')).a.x)]", "1")]
    [InlineData("[string(intersection(createArray(1, 2, 3), createArray(3, 2))[0])]", "2")]
    [InlineData("[string(skip(createArray(1, 2, 3), 2)[0])]", "3")]
    [InlineData("[take('8080', 2)]", "80")]
    [InlineData("[string(flatten(createArray(createArray(1), createArray(2)))[1])]", "2")]
    [InlineData("[string(length(objectKeys(createObject('a', 1, 'b', 2))))]", "2")]
    [InlineData("[string(items(createObject('b', 1, 'a', 2))[0].value)]", "2")]
    [InlineData("[coalesce(tryGet(createObject('a', '1'), 'b'), '9')]", "9")]
    [InlineData("[coalesce(tryGet(createObject('a', createArray('1')), 'a', 0), '9')]", "1")]
    [InlineData("[string(map(createArray(1, 2), lambda('x', add(lambdaVariables('x'), 10)))[1])]", "12")]
    [InlineData("[string(filter(createArray(1, 2), lambda('x', greater(lambdaVariables('x'), 1)))[0])]", "2")]
    [InlineData("[string(reduce(createArray(1, 2, 3), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b')))))]", "6")]
    [InlineData("[string(first(sort(createArray(3, 1, 2), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))))]", "1")]
    [InlineData("[map(createArray(1), 2)]", null)]
    [InlineData("[format('80{0:D2}', 8)]", "8008")]
    [InlineData("[own.port('80')]", "8080")]
    [InlineData("[own.nothing('80')]", null)]
    [InlineData("[resourceGroup().location]", null)]
    [InlineData("[if(equals(resourceGroup().location, 'westeurope'), '1', '2')]", null)]
    [InlineData("[string(length(uniqueString('a')))]", null)]
    [InlineData("[coalesce(parameters('maybe'), '5')]", "5")]
    [InlineData("[coalesce(parameters('maybeByType'), '6')]", "6")]
    [InlineData("[concat('1', parameters('nothing'))]", null)]
    [InlineData("[concat('1', parameters('given'))]", null)]
    [InlineData("[if(equals(parameters('given'), 'x'), '1', '2')]", null)]
    [InlineData("[if(empty(parameters('given')), '1', '2')]", null)]
    [InlineData("[if(startsWith(parameters('given'), 'x'), '1', '2')]", null)]
    public void A_function_is_worked_out_or_refused(string expression, string? port)
    {
        RuleFile file = Sample.Read(Template(Group("nsg", $"\"securityRules\": [ {Rule("r", expression.Replace("\"", "\\\"", StringComparison.Ordinal))} ]")));
        if (port is null)
        {
            Assert.Equal("TemplateExpressionNotEvaluated", Assert.Single(file.Findings).Code);
            return;
        }

        Assert.Empty(file.Findings);
        Assert.Equal(port, file.Groups[0].SecurityRules[0].DestinationPorts[0].ToString());
    }

    [Fact]
    public void A_loop_over_rules_within_a_loop_over_groups_reads_each_groups_own_rules()
    {
        // Without a name copyIndex() is the group's turn, also inside of the loop over rules.
        string group = """
            { "type": "Microsoft.Network/networkSecurityGroups", "name": "[concat('nsg-', variables('groups')[copyIndex()].name)]", "copy": { "name": "outer", "count": "[length(variables('groups'))]" },
              "properties": { "copy": [ { "name": "securityRules", "count": "[length(variables('groups')[copyIndex('outer')].ports)]", "input": {
                "name": "[concat('r', copyIndex('securityRules'))]", "properties": { "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "[variables('groups')[copyIndex()].ports[copyIndex('securityRules')]]",
                "destinationPortRanges": "[if(true(), json('null'), json('[]'))]", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Allow",
                "priority": "[add(100, copyIndex('securityRules'))]", "direction": "Inbound" } } } ] } }
            """;
        IReadOnlyList<NetworkSecurityGroup> groups = Sample.Good(Template(group));
        Assert.Equal(["nsg-a:1,2", "nsg-b:3"], groups.Select(each => $"{each.Name}:{string.Join(',', each.SecurityRules.Select(rule => rule.DestinationPorts[0]))}"));
    }

    [Fact]
    public void A_loop_inside_of_a_variable_or_of_a_rule_is_carried_out()
    {
        string inRule = Rule("r2", "1").Replace("\"destinationPortRange\": \"1\"", """
            "copy": [ { "name": "destinationPortRanges", "count": 3, "input": "[string(add(70, copyIndex('destinationPortRanges')))]" } ]
            """, StringComparison.Ordinal).Replace("100", "101", StringComparison.Ordinal);
        NetworkSecurityGroup group = Assert.Single(Sample.Good(Template(Group("nsg", "\"securityRules\": \"[concat(variables('inner').made, parameters('rules'))]\""), inRule)));
        Assert.Equal(["m0:90", "m1:91", "r2:70,71,72"], group.SecurityRules.Select(rule => $"{rule.Name}:{string.Join(',', rule.DestinationPorts)}"));
    }

    [Fact]
    public void What_depends_on_the_deployment_may_stand_in_ids_and_names()
    {
        string rule = Rule("r", "22").Replace("\"destinationAddressPrefix\": \"*\"", """
            "destinationApplicationSecurityGroups": "[array(json(concat('{\"id\":\"', resourceId(subscription().subscriptionId, resourceGroup().name, 'Microsoft.Network/applicationSecurityGroups', concat('asg-', uniqueString(resourceGroup().id), '-', parameters('given'))), '\",\"location\":\"', resourceGroup().location, '\"}')))]"
            """.Replace("{\"id\":\"", "{\\\"id\\\":\\\"", StringComparison.Ordinal).Replace("\",\"location\":\"", "\\\",\\\"location\\\":\\\"", StringComparison.Ordinal).Replace("'\"}'", "'\\\"}'", StringComparison.Ordinal), StringComparison.Ordinal);
        RuleFile file = Sample.Read(Template(Group("nsg", $"\"securityRules\": [ {rule} ]")));
        Assert.Empty(file.Findings);
        Assert.Equal("asg-uniqueString-given", ResourceId.NameOf(Assert.Single(file.Groups[0].SecurityRules[0].Destination.ApplicationSecurityGroups)));
    }

    [Fact]
    public void What_is_not_about_rules_may_be_as_open_as_it_likes()
    {
        string others = Group("nsg", "\"securityRules\": []") + """
            , { "type": "Microsoft.Compute/virtualMachines", "copy": { "name": "vms", "count": "[parameters('open')]" }, "condition": "[parameters('open')]", "name": "vm" }
            , { "type": "Microsoft.Network/networkInterfaces", "copy": { "name": "nics", "count": "[parameters('open')]" }, "condition": "[parameters('open')]", "name": "nic" }
            , { "type": "Microsoft.Resources/deployments", "name": "other", "condition": "[parameters('open')]", "properties": { "template": { "resources": [ { "type": "Microsoft.Storage/storageAccounts", "name": "s" } ] } } }
            , { "type": "Microsoft.Resources/deployments", "name": "kid", "properties": { "expressionEvaluationOptions": { "scope": "inner" },
                "parameters": { "used": { "value": "80" }, "unused": { "value": "[reference('x').outputs.y.value]" } }, "template": { "parameters": { "used": {}, "unused": {} },
                "resources": { "symbol": { "type": "Microsoft.Network/networkSecurityGroups", "name": "inner", "properties": { "securityRules": [ RULE ] } } } } } }
            """.Replace("RULE", Rule("k", "[parameters('used')]"), StringComparison.Ordinal);
        Assert.Equal(["nsg", "inner"], Sample.Good(Template(others)).Select(group => group.Name));
    }

    [Fact]
    public void A_value_that_a_nested_deployment_gets_only_when_deployed_is_refused_where_a_rule_needs_it()
    {
        string kid = """
            { "type": "Microsoft.Resources/deployments", "name": "kid", "properties": { "expressionEvaluationOptions": { "scope": "inner" }, "parameters": { "port": { "value": "[reference('x').outputs.y.value]" } },
              "template": { "parameters": { "port": {} }, "resources": [ { "type": "Microsoft.Network/networkSecurityGroups", "name": "inner", "properties": { "securityRules": [ RULE ] } } ] } } }
            """.Replace("RULE", Rule("k", "[parameters('port')]"), StringComparison.Ordinal);
        RuleFinding finding = Assert.Single(Sample.Read(Template(kid)).Findings);
        Assert.Contains("reference-x.outputs.y.value is known only then", finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "count": 1, "data": [ GROUP ], "skip_token": null, "total_records": 1 }""")]
    [InlineData("""{ "value": [ GROUP ], "Count": 1 }""")]
    [InlineData("""{ "properties": { "template": { "resources": [ GROUP ] } } }""")]
    public void Wrappers_of_Azures_tools_are_taken_off(string json) =>
        Assert.Equal("nsg", Assert.Single(Sample.Good(json.Replace("GROUP", Group("nsg", "\"securityRules\": []"), StringComparison.Ordinal))).Name);

    [Theory]
    [InlineData("\"destinationPortRange\": \"22\"", "\"destinationPortRange\": \"80 443\"")]
    [InlineData("\"sourceAddressPrefix\": \"*\"", "\"sourceAddressPrefix\": \"10.0.0.4 10.0.0.5\"")]
    [InlineData("\"sourceAddressPrefix\": \"*\"", "\"sourceApplicationSecurityGroups\": \"Microsoft.Azure.Commands.Network.Models.PSApplicationSecurityGroup\"")]
    public void What_PowerShell_cuts_off_is_told_with_its_remedy(string good, string cut)
    {
        RuleFinding finding = Assert.Single(Sample.Read($"[{Rule("r", "22").Replace(good, cut, StringComparison.Ordinal)}]").Findings);
        Assert.Contains("-Depth 10", finding.Remedy, StringComparison.Ordinal);
    }

    private static string Rule(string name, string port) => $$"""
        { "name": "{{name}}", "properties": { "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "{{port}}", "sourceAddressPrefix": "*",
          "destinationAddressPrefix": "*", "access": "Allow", "priority": 100, "direction": "Inbound" } }
        """;

    private static string Group(string name, string properties) =>
        $$"""{ "type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "{{name}}", "properties": { {{properties}} } }""";

    private static string Template(string resources, string rules = "") => $$"""
        { "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "languageVersion": "2.0", "contentVersion": "1.0.0.0",
          "definitions": { "text": { "type": "string", "nullable": true }, "alias": { "$ref": "#/definitions/text" } },
          "functions": [ { "namespace": "own", "members": { "port": { "parameters": [ { "name": "half", "type": "string" } ], "output": { "type": "string", "value": "[concat(parameters('half'), parameters('half'))]" } } } } ],
          "parameters": { "open": { "type": "int" }, "given": { "type": "String" }, "maybe": { "type": "string", "nullable": true }, "maybeByType": { "$ref": "#/definitions/alias" }, "nothing": { "type": "string", "defaultValue": null },
            "rules": { "type": "array", "defaultValue": [ {{rules}} ] } },
          "variables": { "groups": [ { "name": "a", "ports": [ "1", "2" ] }, { "name": "b", "ports": [ "3" ] } ],
            "inner": { "copy": [ { "name": "made", "count": 2, "input": { "name": "[concat('m', copyIndex('made'))]", "properties": { "protocol": "Tcp", "sourcePortRange": "*",
              "destinationPortRange": "[concat('9', copyIndex('made'))]", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Allow", "priority": "[add(200, copyIndex('made'))]", "direction": "Inbound" } } } ] } },
          "resources": [ {{resources}} ] }
        """;
}
