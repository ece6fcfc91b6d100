using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Resources that a template has within their parent, with a type and a name that go on from the parent's.</summary>
public class NestedResourceTests
{
    [Fact]
    public void A_subnet_within_its_networks_resources_is_under_its_group()
    {
        RuleFile file = Sample.Read(Template("""
            { "type": "subnets", "name": "web", "properties": { "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": { "id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'nsg')]" } } },
            { "type": "virtualNetworkPeerings", "name": "hub", "properties": { "addressPrefix": "10.0.3.0/24" } }
            """));
        Subnet subnet = Assert.Single(file.Network.Subnets);
        Assert.Equal("vnet/subnets/web", subnet.Id);
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        Assert.Empty(file.Findings.Concat(result.Findings));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", result.Policy!.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:22")));
        Assert.Equal("Inbound Allow -", result.Policy!.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.2.4:22")));
    }

    [Fact]
    public void Subnets_within_their_network_may_be_a_loop_or_conditional()
    {
        RuleFile file = Sample.Read(Template("""
            { "type": "subnets", "name": "[format('web{0}', copyIndex())]", "copy": { "name": "many", "count": 2 }, "properties": { "addressPrefix": "[format('10.0.{0}.0/24', copyIndex())]" } },
            { "type": "Subnets", "name": "never", "condition": "[equals(1, 2)]", "properties": { "addressPrefix": "10.0.9.0/24" } }
            """));
        Assert.Empty(file.Findings);
        Assert.Equal(["vnet/subnets/web0 10.0.0.0/24", "vnet/subnets/web1 10.0.1.0/24"], file.Network.Subnets.Select(subnet => $"{subnet.Id} {subnet.AddressPrefixes[0]}"));
    }

    [Fact]
    public void A_resource_within_a_parent_of_another_type_is_neither_rule_nor_subnet()
    {
        RuleFile file = Sample.Read(Template($$"""
            { "type": "securityRules", "name": "r", "properties": {} }
            """, """{ "type": "subnets", "name": "web", "properties": { "addressPrefix": "10.0.1.0/24" } }"""));
        Assert.Empty(file.Findings);
        Assert.Empty(file.Network.Subnets);
        Assert.Equal(["in"], Assert.Single(file.Groups).SecurityRules.Select(rule => rule.Name));
    }

    private static string Template(string inNetwork, string inGroup = "") => $$"""
        { "$schema": "x", "contentVersion": "1.0.0.0", "resources": [
          { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg", "properties": { "securityRules": [ {{Sample.Rule("in", 100)}} ] }, "resources": [ {{inGroup}} ] },
          { "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": { "addressSpace": { "addressPrefixes": [ "10.0.0.0/16" ] } }, "resources": [ {{inNetwork}} ] } ] }
        """;
}
