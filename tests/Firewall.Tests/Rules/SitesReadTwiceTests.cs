using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Subnets and network interfaces that more than one export has.</summary>
public class SitesReadTwiceTests
{
    private const string Base = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network";

    private const string Schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

    private static readonly string s_group =
        $$"""{ "name": "nsg-web", "id": "{{Base}}/networkSecurityGroups/nsg-web", "securityRules": [ {{Sample.Rule("web", 100)}} ] }""";

    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public void A_network_that_is_read_several_times_keeps_its_groups(int times, bool hasOpenSubnet)
    {
        string network = Network(hasOpenSubnet);
        string[] networks = [.. Enumerable.Repeat(network, times - 1), $"[ {network} ]"];
        Policy policy = Compile([.. networks, s_group]);
        Assert.Equal("Inbound Allow UserRule_web", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:443")));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:22")));
        Assert.Equal("Inbound Allow -", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.2.4:22")));
        Assert.Equal("Transit Deny -", policy.Verdict(Sample.Tcp("203.0.113.1:9", "203.0.113.2:22")));
    }
    [Fact]
    public void A_subnet_that_an_exported_template_has_in_its_network_and_beside_it_is_one()
    {
        Policy policy = Compile(Exported("nsg-web"));
        Assert.Equal("Inbound Allow UserRule_web", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:443")));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:22")));
    }

    [Fact]
    public void The_same_addresses_under_two_groups_are_refused()
    {
        RuleFile file = Sample.Read(Exported("nsg-db"));
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        Assert.Null(result.Policy);
        Assert.Equal("NetworkSecurityGroupAssociationsOverlap", Assert.Single(result.Findings, finding => finding.IsError).Code);
    }

    // As the portal exports a virtual network; the subnet that stands beside it is under the given group.
    private static string Exported(string besideUnder) => $$"""
        { "$schema": "{{Schema}}", "contentVersion": "1.0.0.0", "parameters": { "virtualNetworks_vnet_name": { "defaultValue": "vnet", "type": "String" } }, "resources": [
          { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg-web", "properties": { "securityRules": [ {{Sample.Rule("web", 100)}} ] } }
          {{(besideUnder == "nsg-web" ? "" : $$""", { "type": "Microsoft.Network/networkSecurityGroups", "name": "{{besideUnder}}", "properties": { "securityRules": [] } }""")}},
          { "type": "Microsoft.Network/virtualNetworks", "name": "[parameters('virtualNetworks_vnet_name')]", "properties": { "addressSpace": { "addressPrefixes": [ "10.0.0.0/16" ] }, "subnets": [
            { "name": "web", "id": "[resourceId('Microsoft.Network/virtualNetworks/subnets', parameters('virtualNetworks_vnet_name'), 'web')]", "properties": { "addressPrefix": "10.0.1.0/24",
              "networkSecurityGroup": { "id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'nsg-web')]" } } } ] } },
          { "type": "Microsoft.Network/virtualNetworks/subnets", "name": "[concat(parameters('virtualNetworks_vnet_name'), '/web')]", "properties": { "addressPrefix": "10.0.1.0/24",
            "networkSecurityGroup": { "id": "[resourceId('Microsoft.Network/networkSecurityGroups', '{{besideUnder}}')]" } } } ] }
        """;

    private static string Network(bool hasOpenSubnet) => $$"""
        { "name": "vnet", "id": "{{Base}}/virtualNetworks/vnet", "type": "Microsoft.Network/virtualNetworks", "addressSpace": { "addressPrefixes": [ "10.0.0.0/16" ] }, "subnets": [
          { "name": "web", "id": "{{Base}}/virtualNetworks/vnet/subnets/web", "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": { "id": "{{Base}}/networkSecurityGroups/nsg-web" } }
          {{(hasOpenSubnet ? $$""", { "name": "db", "id": "{{Base}}/virtualNetworks/vnet/subnets/db", "addressPrefix": "10.0.2.0/24" }""" : "")}} ] }
        """;

    private static Policy Compile(params string[] files)
    {
        RuleFile file = RuleFile.Join(files.Select((json, i) => Sample.Read(json, $"file{i}.json")));
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        Assert.Empty(file.Findings.Concat(result.Findings));
        Assert.NotNull(result.Policy);
        return result.Policy;
    }
}
