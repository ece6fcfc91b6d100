using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Subnets and network interfaces whose security group is in none of the files.</summary>
public class UnknownGroupTests
{
    private const string Base = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network";

    private const string Subnet = $$"""
        { "name": "db", "id": "{{Base}}/virtualNetworks/vnet/subnets/db", "type": "Microsoft.Network/virtualNetworks/subnets", "addressPrefix": "10.0.2.0/24",
          "networkSecurityGroup": { "id": "{{Base}}/networkSecurityGroups/nsg-db" } }
        """;

    private const string Interface = $$"""
        { "name": "db", "id": "{{Base}}/networkInterfaces/db", "type": "Microsoft.Network/networkInterfaces", "ipConfigurations": [ { "privateIPAddress": "10.0.2.4" } ],
          "networkSecurityGroup": { "id": "{{Base}}/networkSecurityGroups/nsg-db" } }
        """;

    private const string Web = $$"""
        { "name": "web", "id": "{{Base}}/virtualNetworks/vnet/subnets/web", "type": "Microsoft.Network/virtualNetworks/subnets", "addressPrefix": "10.0.1.0/24",
          "networkSecurityGroup": { "id": "{{Base}}/networkSecurityGroups/nsg-web" } }
        """;

    private static readonly string s_group =
        $$"""{ "name": "nsg-web", "id": "{{Base}}/networkSecurityGroups/nsg-web", "securityRules": [ {{Sample.Rule("web", 100)}} ] }""";

    [Theory]
    [InlineData(Subnet, "virtualNetworks/vnet/subnets/db")]
    [InlineData(Interface, "networkInterfaces/db")]
    public void A_named_group_that_is_not_there_is_an_error_or_when_rules_are_only_checked_a_warning(string site, string id)
    {
        CompileResult used = Compile(isForPackets: true, site, Web, s_group);
        Assert.Null(used.Policy);
        RuleFinding error = Assert.Single(used.Findings);
        Assert.Equal((FindingSeverity.Error, "NetworkSecurityGroupNotKnown"), (error.Severity, error.Code));
        Assert.Contains($"{Base}/{id} ", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{Base}/networkSecurityGroups/nsg-db", error.Message, StringComparison.Ordinal);

        CompileResult looked = Compile(isForPackets: false, site, Web, s_group);
        Assert.NotNull(looked.Policy);
        RuleFinding warning = Assert.Single(looked.Findings);
        Assert.Equal((FindingSeverity.Warning, "NetworkSecurityGroupNotKnown"), (warning.Severity, warning.Code));
    }

    [Theory]
    [InlineData(Subnet)]
    [InlineData(Interface)]
    public void A_lone_group_does_not_apply_to_a_site_that_names_another(string site)
    {
        CompileResult result = Compile(isForPackets: false, site, s_group);
        Assert.Equal(["NetworkSecurityGroupNotKnown", "NetworkSecurityGroupNotAssociated"], result.Findings.Select(finding => finding.Code));
        Assert.Empty(result.Policy!.GroupsOf(Sample.Address("10.0.2.4")));
        Assert.Null(Compile(isForPackets: true, site, s_group).Policy);
    }

    [Theory]
    [InlineData(Subnet)]
    [InlineData(Interface)]
    public void A_site_that_has_none_of_the_protected_addresses_may_name_any(string site)
    {
        foreach (string[] files in (string[][])[[site, Web, s_group], [site, s_group]])
        {
            RuleFile file = RuleFile.Join(files.Select((json, i) => Sample.Read(json, $"file{i}.json")));
            var options = new PolicyOptions { Network = file.Network, IsForPackets = true, ProtectedAddresses = [Firewall.Core.Packets.IpPrefix.Create(Sample.Address("10.0.1.4"), 32)] };
            CompileResult result = PolicyCompiler.Compile(file.Groups, options, new RuleCatalog(), 1);
            Assert.Empty(result.Findings);
            Assert.Equal(["nsg-web"], result.Policy!.GroupsOf(Sample.Address("10.0.1.4")).Select(group => group.Name));
        }
    }

    [Fact]
    public void A_group_that_only_the_deployment_knows_is_not_known()
    {
        string template = $$"""
            { "$schema": "x", "parameters": { "nsg": { "type": "object" } }, "resources": [
              { "type": "Microsoft.Network/networkSecurityGroups", "name": "nsg-web", "properties": { "securityRules": [ {{Sample.Rule("web", 100)}} ] } },
              { "type": "Microsoft.Network/virtualNetworks/subnets", "name": "vnet/db", "properties": { "addressPrefix": "10.0.2.0/24", "networkSecurityGroup": "[parameters('nsg')]" } } ] }
            """;
        RuleFinding error = Assert.Single(Compile(isForPackets: true, template).Findings, finding => finding.IsError);
        Assert.Equal("NetworkSecurityGroupNotKnown", error.Code);
        Assert.Contains("[parameters('nsg')]", error.Message, StringComparison.Ordinal);
    }

    private static CompileResult Compile(bool isForPackets, params string[] files)
    {
        RuleFile file = RuleFile.Join(files.Select((json, i) => Sample.Read(json, $"file{i}.json")));
        Assert.Empty(file.Findings);
        return PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network, IsForPackets = isForPackets }, new RuleCatalog(), 1);
    }
}
