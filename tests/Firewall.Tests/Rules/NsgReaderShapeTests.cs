using System.Text;
using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class NsgReaderShapeTests
{
    private const string Base = "/subscriptions/11112222-3333-4444-5555-666677778888/resourceGroups/rg-shop/providers/Microsoft.Network/networkSecurityGroups/nsg-shop-web";

    private const string Resource = $$"""
        {
          "name": "nsg-shop-web",
          "id": "{{Base}}",
          "type": "Microsoft.Network/networkSecurityGroups", "location": "westeurope", "tags": { "env": "lab" }, "etag": "W/\"1\"",
          "properties": {
            "provisioningState": "Succeeded", "resourceGuid": "9f9f9f9f-0000-4000-8000-000000000002", "flushConnection": true,
            "securityRules": [
              { "name": "allow-web", "id": "{{Base}}/securityRules/allow-web", "etag": "W/\"1\"", "type": "Microsoft.Network/networkSecurityGroups/securityRules",
                "properties": {
                  "provisioningState": "Succeeded", "description": "public web", "protocol": "Tcp", "sourcePortRange": "*",
                  "destinationPortRanges": [ "80", "443", "8000-8010" ], "sourceAddressPrefix": "Internet",
                  "destinationAddressPrefixes": [ "10.20.1.4", "10.20.1.8/30" ], "sourceAddressPrefixes": [], "sourcePortRanges": [],
                  "access": "Allow", "priority": 200, "direction": "Inbound" } }
            ],
            "defaultSecurityRules": [
              { "name": "DenyAllInBound", "id": "{{Base}}/defaultSecurityRules/DenyAllInBound", "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
                "properties": { "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*", "sourceAddressPrefix": "*",
                  "destinationAddressPrefix": "*", "access": "Deny", "priority": 65500, "direction": "Inbound" } }
            ],
            "subnets": [ { "id": "/subscriptions/1/resourceGroups/rg-shop/providers/Microsoft.Network/virtualNetworks/vnet-shop/subnets/web" } ],
            "networkInterfaces": [ { "id": "/subscriptions/1/resourceGroups/rg-shop/providers/Microsoft.Network/networkInterfaces/nic-web1" } ]
          }
        }
        """;

    private const string Flat = $$"""
        {
          "access": "Allow", "description": null, "destinationAddressPrefix": null, "destinationAddressPrefixes": [ "10.20.1.4", "10.20.1.8/30" ],
          "destinationApplicationSecurityGroups": null, "destinationPortRange": null, "destinationPortRanges": [ "80", "443", "8000-8010" ],
          "direction": "Inbound", "etag": "W/\"1\"", "id": "{{Base}}/securityRules/allow-web", "name": "allow-web", "priority": 200,
          "protocol": "TCP", "provisioningState": "Succeeded", "resourceGroup": "rg-shop", "sourceAddressPrefix": "Internet",
          "sourceAddressPrefixes": [], "sourceApplicationSecurityGroups": null, "sourcePortRange": "*", "sourcePortRanges": [],
          "type": "Microsoft.Network/networkSecurityGroups/securityRules"
        }
        """;

    private static readonly string s_default = Flat.Replace("allow-web", "DenyAllInBound", StringComparison.Ordinal)
        .Replace("/securityRules", "/defaultSecurityRules", StringComparison.Ordinal).Replace("200", "65500", StringComparison.Ordinal);

    private static readonly string s_show = $$"""
        { "defaultSecurityRules": [ {{s_default}} ], "etag": "W/\"1\"", "flowLogs": null, "flushConnection": true, "id": "{{Base}}",
          "location": "westeurope", "name": "nsg-shop-web", "networkInterfaces": null, "provisioningState": "Succeeded", "resourceGroup": "rg-shop",
          "securityRules": [ {{Flat}} ], "subnets": null, "tags": null, "type": "Microsoft.Network/networkSecurityGroups" }
        """;

    private const string PowerShell = $$"""
        { "FlushConnection": true, "SecurityRules": [ { "Protocol": "Tcp", "SourcePortRange": [ "*" ], "DestinationPortRange": [ "80", "443", "8000-8010" ],
            "SourceAddressPrefix": [ "Internet" ], "DestinationAddressPrefix": [ "10.20.1.4", "10.20.1.8/30" ], "Access": "Allow", "Priority": 200,
            "Direction": "Inbound", "ProvisioningState": "Succeeded", "SourceApplicationSecurityGroups": [], "DestinationApplicationSecurityGroups": [],
            "SourceApplicationSecurityGroupsText": "[]", "Description": null, "Name": "allow-web", "Etag": "W/\"1\"", "Id": "{{Base}}/securityRules/allow-web" } ],
          "DefaultSecurityRules": [], "NetworkInterfaces": [], "Subnets": [], "SecurityRulesText": "[]", "ResourceGroupName": "rg-shop",
          "Location": "westeurope", "Type": "Microsoft.Network/networkSecurityGroups", "Tag": {}, "Name": "nsg-shop-web", "Id": "{{Base}}" }
        """;

    public static TheoryData<string, string> Shapes => new()
    {
        { "ARM resource", Resource },
        { "ARM list", $$"""{ "value": [ {{Resource}} ] }""" },
        { "az nsg show, with nulls", s_show },
        { "az nsg show, without nulls", string.Join('\n', s_show.Replace("\"description\": null, \"destinationAddressPrefix\": null,", "", StringComparison.Ordinal)) },
        { "az nsg list", $"[ {s_show} ]" },
        { "az nsg create", $$"""{ "NewNSG": {{s_show}} }""" },
        { "az nsg rule list --include-default", $"[ {Flat}, {s_default} ]" },
        { "az nsg rule show", Flat },
        { "ARM rule list", $$"""{ "value": [ {{Flat}} ] }""" },
        { "PowerShell", PowerShell },
        { "PowerShell list", $"[ {PowerShell} ]" },
        { "upper case", Resource.Replace("securityRules\":", "SECURITYRULES\":", StringComparison.Ordinal).Replace("\"properties\"", "\"PROPERTIES\"", StringComparison.Ordinal) },
        { "template", Template("allow-web", "[parameters('networkSecurityGroups_nsg_shop_web_name')]") },
        { "exported template in its envelope", $$"""{ "template": {{Template("allow-web", "[parameters('networkSecurityGroups_nsg_shop_web_name')]")}} }""" },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_shape_reads_as_the_same_group(string shape, string json)
    {
        NetworkSecurityGroup group = Assert.Single(Sample.Good(json));
        Assert.Equal("nsg-shop-web", group.Name);
        SecurityRule rule = Assert.Single(group.SecurityRules);
        Assert.Equal("allow-web", rule.Name);
        Assert.Equal(RuleProtocol.Of(6), rule.Protocol);
        Assert.Equal("Internet", rule.Source.ServiceTag);
        Assert.Equal([PortRange.Any], rule.SourcePorts);
        Assert.Equal(["10.20.1.4/32", "10.20.1.8/30"], rule.Destination.Prefixes.Select(prefix => prefix.ToString()));
        Assert.Equal([new PortRange(80, 80), new PortRange(443, 443), new PortRange(8000, 8010)], rule.DestinationPorts);
        Assert.Equal((Access.Allow, 200, RuleDirection.Inbound), (rule.Access, rule.Priority, rule.Direction));
        bool isRuleList = shape.Contains("rule", StringComparison.Ordinal);
        Assert.Equal(!isRuleList, group.FlushConnection);
    }

    [Fact]
    public void The_ARM_resource_keeps_its_associations_and_places()
    {
        NetworkSecurityGroup group = Assert.Single(Sample.Good(Resource));
        Assert.EndsWith("/subnets/web", Assert.Single(group.Subnets), StringComparison.Ordinal);
        Assert.EndsWith("/nic-web1", Assert.Single(group.NetworkInterfaces), StringComparison.Ordinal);
        Assert.Equal(Base, group.Id);
        SecurityRule rule = group.SecurityRules[0];
        Assert.Equal(("public web", "$.properties.securityRules[0]", 8), (rule.Description, rule.Origin.JsonPath, rule.Origin.Line));
        Assert.Equal("$.properties.securityRules[0].properties.sourceAddressPrefix", rule.Source.Origin.JsonPath);
        Assert.Equal(6, group.DefaultSecurityRules.Count);
    }

    [Fact]
    public void A_rule_list_takes_the_groups_name_from_ids_or_from_the_file()
    {
        Assert.Equal("nsg-shop-web", Sample.Good($"[{Flat}]", "x.json")[0].Name);
        Assert.Equal("edge", Sample.Good($"[{Flat.Replace("\"id\"", "\"_\"", StringComparison.Ordinal)}]", "/tmp/edge.json")[0].Name);
        Assert.Empty(Sample.Good("[]", "edge.json")[0].SecurityRules);
    }

    [Fact]
    public void Rules_of_several_groups_in_one_list_are_sorted_to_their_groups()
    {
        string other = Flat.Replace("nsg-shop-web", "nsg-db", StringComparison.Ordinal);
        Assert.Equal(["nsg-shop-web", "nsg-db"], Sample.Good($"[{Flat},{other}]").Select(group => group.Name));
    }

    [Fact]
    public void An_expression_outside_of_a_template_is_just_text()
    {
        RuleFinding finding = Assert.Single(Sample.Read(Sample.Group(Sample.Rule(source: "[parameters('x')]"))).Findings);
        Assert.Equal("SecurityRuleInvalidAddressPrefix", finding.Code);
    }

    [Fact]
    public void Comments_trailing_commas_and_a_byte_order_mark_are_accepted()
    {
        string json = "\uFEFF// the web group\n" + Sample.Group(Sample.Rule()).Replace("]}}", ", /* none more */ ],}}", StringComparison.Ordinal);
        Assert.Single(Sample.Good(json)[0].SecurityRules);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_in_UTF16_as_Windows_PowerShell_writes_it_is_read(bool bigEndian)
    {
        Encoding encoding = new UnicodeEncoding(bigEndian, true);
        RuleFile file = NsgReader.Read((byte[])[.. encoding.GetPreamble(), .. encoding.GetBytes(PowerShell)], "f");
        Assert.Empty(file.Findings);
        Assert.Single(file.Groups);
    }

    [Fact]
    public void Ports_and_protocols_may_be_numbers()
    {
        string json = Sample.Group(Sample.Rule(destinationPort: "22", protocol: "47").Replace("\"22\"", "22", StringComparison.Ordinal).Replace("\"47\"", "6", StringComparison.Ordinal));
        SecurityRule rule = Sample.Good(json)[0].SecurityRules[0];
        Assert.Equal(("Tcp", "22"), (rule.Protocol.ToString(), rule.DestinationPorts[0].ToString()));
    }

    [Fact]
    public void Application_security_groups_are_read_by_their_ids()
    {
        string json = Sample.Group(Sample.Rule().Replace("\"sourceAddressPrefix\":\"*\"", """ "sourceApplicationSecurityGroups":[{"id":"/x/applicationSecurityGroups/asg-web"}] """, StringComparison.Ordinal));
        AddressSelector source = Sample.Good(json)[0].SecurityRules[0].Source;
        Assert.Equal(AddressSelectorKind.ApplicationSecurityGroups, source.Kind);
        Assert.Equal("asg-web", source.ToString());
    }

    [Fact]
    public void A_list_that_goes_on_elsewhere_is_a_warning()
    {
        RuleFile file = Sample.Read($$"""{"value":[{{Resource}}],"nextLink":"https://example.org/2"}""");
        Assert.False(file.HasErrors);
        Assert.Contains("nextLink", Assert.Single(file.Findings).Message, StringComparison.Ordinal);
    }

    private static string Template(string rule, string name) => $$"""
        {
          "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
          "parameters": { "networkSecurityGroups_nsg_shop_web_name": { "defaultValue": "nsg-shop-web", "type": "String" } },
          "variables": {},
          "resources": [
            { "type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "{{name}}", "location": "[resourceGroup().location]",
              "properties": { "flushConnection": true, "securityRules": [ {
                "name": "{{rule}}", "id": "[resourceId('Microsoft.Network/networkSecurityGroups/securityRules', parameters('networkSecurityGroups_nsg_shop_web_name'), '{{rule}}')]",
                "type": "Microsoft.Network/networkSecurityGroups/securityRules", "properties": {{TemplateRule}} } ] } },
            { "type": "Microsoft.Network/networkSecurityGroups/securityRules", "apiVersion": "2024-05-01",
              "name": "[concat(parameters('networkSecurityGroups_nsg_shop_web_name'), '/{{rule}}')]",
              "dependsOn": [ "[resourceId('Microsoft.Network/networkSecurityGroups', parameters('networkSecurityGroups_nsg_shop_web_name'))]" ],
              "properties": {{TemplateRule}} }
          ]
        }
        """;

    private const string TemplateRule = """
        { "protocol": "TCP", "sourcePortRange": "*", "sourceAddressPrefix": "Internet", "access": "Allow", "priority": 200, "direction": "Inbound",
          "sourcePortRanges": [], "destinationPortRanges": ["80", "443", "8000-8010"], "sourceAddressPrefixes": [], "destinationAddressPrefixes": [ "10.20.1.4", "10.20.1.8/30" ] }
        """;
}
