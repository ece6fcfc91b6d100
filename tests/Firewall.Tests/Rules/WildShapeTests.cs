using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Shapes that files in public repositories have, beside those that Azure's documentation shows.</summary>
public class WildShapeTests
{
    private const string Schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

    [Fact]
    public void A_list_that_PowerShell_counts_is_that_list()
    {
        string json = """
            { "value": [ { "Name": "nsg", "SecurityRules": { "value": [
              { "Name": "r", "Protocol": "Tcp", "SourcePortRange": { "value": [ "*" ], "Count": 1 }, "DestinationPortRange": { "value": [ "80", "443" ], "Count": 2 },
                "SourceAddressPrefix": [ "*" ], "DestinationAddressPrefix": [ "*" ], "Access": "Allow", "Priority": 99, "Direction": "Inbound" } ], "Count": 1 },
              "Subnets": { "value": [], "Count": 0 } } ], "Count": 1 }
            """;
        RuleFinding finding = Assert.Single(Sample.Read(json).Findings);
        Assert.Equal(("SecurityRuleInvalidPriority", "$.value[0].SecurityRules.value[0].Priority"), (finding.Code, finding.JsonPath));
        SecurityRule rule = Assert.Single(Assert.Single(Sample.Good(json.Replace("99", "100", StringComparison.Ordinal))).SecurityRules);
        Assert.Equal(["80", "443"], rule.DestinationPorts.Select(range => range.ToString()));
    }

    [Theory]
    [InlineData("""{ "value": [ "*" ], "Count": 2 }""")]
    [InlineData("""{ "value": [ "*" ], "Length": 1 }""")]
    [InlineData("""{ "value": "*", "Count": 1 }""")]
    public void Any_other_object_is_no_list(string ports) =>
        Assert.Equal("SecurityRuleInvalidPortRange", Assert.Single(Sample.Read(Sample.Group(Sample.Rule().Replace("\"443\"", ports, StringComparison.Ordinal))).Findings).Code);

    [Fact]
    public void A_list_of_all_resources_is_read_for_its_groups()
    {
        string json = $$"""
            [ { "Id": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm", "ResourceType": "Microsoft.Compute/virtualMachines", "Name": "vm", "Properties": { "priority": "Spot" } },
              { "id": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/s", "type": "Microsoft.Storage/storageAccounts", "name": "s" },
              { "Id": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg", "ResourceType": "Microsoft.Network/networkSecurityGroups", "Name": "nsg",
                "Properties": { "securityRules": [ {{Sample.Rule()}} ] } } ]
            """;
        Assert.Equal(["nsg"], Sample.Good(json).Select(group => group.Name));
        Assert.Equal("InvalidRequestFormat", Assert.Single(Sample.Read("""[ { "id": "/x", "name": "no type" } ]""").Findings).Code);
        // A list with none is refused, as a firewall without the rules that were meant would be.
        Assert.Equal("InvalidRequestFormat", Assert.Single(Sample.Read("""[ { "id": "/x", "type": "Microsoft.Storage/storageAccounts" } ]""").Findings).Code);
    }

    [Theory]
    [InlineData("""{ "id": "/x", "name": "1.0", "properties": { "mainTemplate": TEMPLATE, "linkedTemplates": [] } }""")]
    [InlineData("""{ "id": "/x", "name": "1.0", "mainTemplate": TEMPLATE }""")]
    [InlineData("""{ "kind": "template", "properties": { "template": TEMPLATE }, "type": "Microsoft.Blueprint/blueprints/artifacts" }""")]
    public void A_template_spec_and_an_artifact_hold_a_template(string json) =>
        Assert.Equal("nsg", Assert.Single(Sample.Good(json.Replace("TEMPLATE", Template(Group("nsg")), StringComparison.Ordinal))).Name);

    [Fact]
    public void An_example_of_the_REST_specification_holds_an_answer()
    {
        string json = $$"""{ "parameters": { "api-version": "2024-05-01" }, "responses": { "200": { "body": { "value": [ {{Sample.Group(Sample.Rule())}} ] } } } }""";
        Assert.Equal("nsg-shop-web", Assert.Single(Sample.Good(json)).Name);
    }

    [Theory]
    [InlineData("""{ "value": [ { "association": { "subnet": null }, "effectiveSecurityRules": [ { "name": "r", "protocol": "All" } ] } ] }""")]
    [InlineData("""{ "networkInterfaces": [ { "id": "/nic", "securityRuleAssociations": { "defaultSecurityRules": [] } } ] }""")]
    public void Effective_rules_are_refused_as_such(string json) =>
        Assert.Contains("effective rules of a network interface", Assert.Single(Sample.Read(json).Findings).Message, StringComparison.Ordinal);

    [Fact]
    public void Names_out_of_one_parameter_stay_apart()
    {
        RuleFile file = Sample.Read(Template(Group("[parameters('net').web.name]") + "," + Group("[parameters('net').db[0].name]") + "," + Group("[reference('a').outputs.name.value]") + ","
            + Group("[reference(resourceId('Microsoft.Resources/deployments', 'b')).outputs.name.value]"), "\"net\": { \"type\": \"object\" }"));
        Assert.Equal(["net.web.name", "net.db.0.name", "reference-a.outputs.name.value", "reference-b.outputs.name.value"], file.Groups.Select(group => group.Name));
        Assert.DoesNotContain(file.Findings, finding => finding.IsError);
        Assert.Contains("parameter net has no value. It is called", string.Join('\n', file.Findings.Select(finding => $"{finding.Message} {finding.Remedy}")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[concat('nsg-', parameters('site-id'), 'x')]", "parameter site-id has no value.", "nsg-site-idx")]
    [InlineData("[concat('nsg-', uniqueString('a'), 'x')]", "uniqueString is known only then.", "nsg-uniqueStringx")]
    public void What_a_name_waits_for_is_told(string name, string why, string called)
    {
        RuleFile file = Sample.Read(Template(Group(name), "\"site-id\": { \"type\": \"string\" }"));
        Assert.EndsWith(why, Assert.Single(file.Findings).Message, StringComparison.Ordinal);
        Assert.Equal(called, Assert.Single(file.Groups).Name);
    }

    [Fact]
    public void What_a_condition_waits_for_is_told()
    {
        RuleFinding finding = Assert.Single(Sample.Read(Template(Group("nsg", "[if(equals(parameters('os'), 'Windows'), '*', 'Internet')]"), "\"os\": { \"type\": \"string\" }")).Findings);
        Assert.EndsWith(": parameter os has no value.", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_without_a_value_is_told_with_the_file_that_would_give_it()
    {
        RuleFinding finding = Assert.Single(Sample.Read(Template(Group("nsg", "[parameters('from')]"), "\"from\": { \"type\": \"string\" }"), "site/net.json").Findings);
        Assert.Contains("parameter from has no value", finding.Message, StringComparison.Ordinal);
        Assert.Contains("in net.parameters.json beside the template", finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Subnets_of_a_nested_deployment_are_associated()
    {
        RuleFile file = Sample.Read(Template(Group("nsg") + """
            , { "type": "Microsoft.Resources/deployments", "name": "subnets", "properties": { "mode": "Incremental", "template": { "resources": [
                { "type": "Microsoft.Network/virtualNetworks/subnets", "name": "vnet/web", "properties": { "addressPrefix": "10.0.1.0/24",
                  "networkSecurityGroup": { "id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'nsg')]" } } } ] } } }
            """));
        Assert.Empty(file.Findings);
        Assert.EndsWith("/nsg", Assert.Single(file.Network.Subnets).NetworkSecurityGroup, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[cidrSubnet('10.20.0.0/16', 24, 3)]", "10.20.3.0/24")]
    [InlineData("[cidrSubnet('10.20.0.0/16', 16, 0)]", "10.20.0.0/16")]
    [InlineData("[cidrSubnet('0.0.0.0/0', 0, 0)]", "0.0.0.0/0")]
    [InlineData("[cidrSubnet('fd00::/48', 64, 258)]", "fd00:0:0:102::/64")]
    [InlineData("[cidrSubnet('10.20.0.0/16', 8, 0)]", null)]
    [InlineData("[cidrSubnet('10.20.0.0/16', 24, 256)]", null)]
    [InlineData("[cidrSubnet('10.20.0.0/16', 33, 0)]", null)]
    [InlineData("[cidrSubnet('web', 24, 0)]", null)]
    [InlineData("[cidrHost('10.20.3.0/24', 0)]", "10.20.3.1/32")]
    [InlineData("[cidrHost('10.20.3.0/24', 254)]", "10.20.3.255/32")]
    [InlineData("[cidrHost('10.20.3.0/24', 255)]", null)]
    [InlineData("[parseCidr('10.20.16.0/20').firstUsable]", "10.20.16.1/32")]
    [InlineData("[parseCidr('10.20.16.0/20').lastUsable]", "10.20.31.254/32")]
    [InlineData("[parseCidr('10.20.16.0/20').broadcast]", "10.20.31.255/32")]
    [InlineData("[parseCidr('10.20.16.0/20').netmask]", "255.255.240.0/32")]
    [InlineData("[concat(parseCidr('10.20.16.9/20').network, '/', parseCidr('10.20.16.0/20').cidr)]", "10.20.16.0/20")]
    [InlineData("[parseCidr('fd00::/64').lastUsable]", "fd00::ffff:ffff:ffff:ffff/128")]
    [InlineData("[toObject(createArray('10.1.0.0/16', '10.2.0.0/16'), lambda('p', split(lambdaVariables('p'), '.')[1]))['2']]", "10.2.0.0/16")]
    [InlineData("[toObject(createArray('1', '2'), lambda('p', lambdaVariables('p')), lambda('p', concat('10.', lambdaVariables('p'), '.0.0/16')))['1']]", "10.1.0.0/16")]
    [InlineData("[first(groupBy(createArray('10.1.0.0/16', '10.2.0.0/16'), lambda('p', split(lambdaVariables('p'), '.')[1]))['2'])]", "10.2.0.0/16")]
    [InlineData("[mapValues(createObject('a', '10.1.0.0'), lambda('p', concat(lambdaVariables('p'), '/16'))).a]", "10.1.0.0/16")]
    [InlineData("[toObject(createArray('a'), 'b')]", null)]
    [InlineData("[concat(split('10.1;2,3', createArray(';', ','))[0], '.0.0')]", "10.1.0.0/32")]
    public void Addresses_are_worked_out(string expression, string? prefix)
    {
        RuleFile file = Sample.Read(Template(Group("nsg", expression)));
        if (prefix is null) Assert.Equal("TemplateExpressionNotEvaluated", Assert.Single(file.Findings).Code);
        else Assert.Equal(prefix, Assert.Single(Sample.Good(Template(Group("nsg", expression)))).SecurityRules[0].Source.Prefixes[0].ToString());
    }

    [Theory]
    [InlineData("rules", "10.9.0.0/16")]
    [InlineData("resourceId('Microsoft.Resources/deployments', format('rules-{0}', uniqueString('a')))", "10.9.0.0/16")]
    [InlineData("other", null)]
    [InlineData("linked", null)]
    public void Rules_that_a_module_gives_are_read(string module, string? source)
    {
        string argument = module.Contains('(', StringComparison.Ordinal) ? module : $"'{module}'";
        string json = $$"""
            { "$schema": "{{Schema}}", "languageVersion": "2.0", "parameters": { "office": { "type": "string", "defaultValue": "10.9.0.0/16" } }, "resources": {
              "rules": { "type": "Microsoft.Resources/deployments", "name": "[format('rules-{0}', uniqueString('a'))]", "properties": {
                "expressionEvaluationOptions": { "scope": "inner" }, "parameters": { "from": { "value": "[parameters('office')]" }, "place": { "value": "[resourceGroup().location]" } },
                "template": { "parameters": { "from": { "type": "string" }, "place": { "type": "string" } }, "resources": [], "outputs": {
                  "rules": { "type": "array", "value": [ {{Sample.Rule(source: "[parameters('from')]")}} ] },
                  "id": { "type": "string", "value": "[reference('elsewhere').id]" } } } } },
              "linked": { "type": "Microsoft.Resources/deployments", "name": "linked", "properties": { "templateLink": { "uri": "https://example.com/rules.json" } } },
              "nsg": { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg", "properties": { "securityRules": "[reference({{argument}}).outputs.rules.value]" } } } }
            """;
        if (source is null) Assert.Contains("the function reference is not known here", Assert.Single(Sample.Read(json).Findings).Message, StringComparison.Ordinal);
        else Assert.Equal(source, Assert.Single(Assert.Single(Sample.Good(json)).SecurityRules).Source.Prefixes[0].ToString());
    }

    private static string Group(string name, string source = "*") => $$"""
        { "type": "Microsoft.Network/networkSecurityGroups", "name": "{{name}}", "properties": { "securityRules": [ {{Sample.Rule(source: source)}} ] } }
        """;

    private static string Template(string resources, string parameters = "") =>
        $$"""{ "$schema": "{{Schema}}", "parameters": { {{parameters}} }, "resources": [ {{resources}} ] }""";
}
