using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

public class AssociationTests
{
    private const string Base = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network";

    // web: 10.0.1.0/24 with a group; the interface 10.0.1.4 has one of its own; db: 10.0.2.0/24 has none.
    private const string Network = $$"""
        [ { "name": "vnet", "id": "{{Base}}/virtualNetworks/vnet", "type": "Microsoft.Network/virtualNetworks", "addressSpace": { "addressPrefixes": [ "10.0.0.0/16" ] },
            "flowTimeoutInMinutes": 10, "subnets": [
              { "name": "web", "id": "{{Base}}/virtualNetworks/vnet/subnets/web", "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": { "id": "{{Base}}/networkSecurityGroups/nsg-subnet" } },
              { "name": "db", "id": "{{Base}}/virtualNetworks/vnet/subnets/db", "addressPrefixes": [ "10.0.2.0/24" ], "networkSecurityGroup": null } ] },
          { "name": "nic1", "id": "{{Base}}/networkInterfaces/nic1", "type": "Microsoft.Network/networkInterfaces", "networkSecurityGroup": { "id": "{{Base}}/networkSecurityGroups/nsg-nic" },
            "ipConfigurations": [ { "privateIPAddress": "10.0.1.4", "applicationSecurityGroups": [ { "id": "{{Base}}/applicationSecurityGroups/asg-web" } ] } ] },
          { "name": "nic2", "id": "{{Base}}/networkInterfaces/nic2", "type": "Microsoft.Network/networkInterfaces",
            "ipConfigurations": [ { "properties": { "privateIPAddress": "10.0.1.5" } } ] } ]
        """;

    private static readonly string s_subnetGroup = Group("nsg-subnet",
        Sample.Rule("s-in-web", 100, destinationPort: "80-443"), Sample.Rule("s-out-no-dns", 100, "Outbound", "Deny", destinationPort: "53"));

    private static readonly string s_nicGroup = Group("nsg-nic",
        Sample.Rule("n-in-https", 100, destinationPort: "443"), Sample.Rule("n-out-no-mail", 100, "Outbound", "Deny", destinationPort: "25"));

    [Theory]
    // Inbound: the subnet's group, then the interface's.
    [InlineData("203.0.113.1:9", "10.0.1.4:443", "Inbound Allow UserRule_n-in-https")]
    [InlineData("203.0.113.1:9", "10.0.1.4:80", "Inbound Deny DefaultRule_DenyAllInBound nsg-nic")]
    [InlineData("203.0.113.1:9", "10.0.1.4:22", "Inbound Deny DefaultRule_DenyAllInBound nsg-subnet")]
    // An interface without a group of its own is under its subnet's alone.
    [InlineData("203.0.113.1:9", "10.0.1.5:80", "Inbound Allow UserRule_s-in-web")]
    // A subnet without a group lets everything pass.
    [InlineData("203.0.113.1:9", "10.0.2.5:22", "Inbound Allow -")]
    [InlineData("10.0.2.5:9", "203.0.113.1:25", "Outbound Allow -")]
    // Outbound: the interface's group, then the subnet's.
    [InlineData("10.0.1.4:9", "203.0.113.1:25", "Outbound Deny UserRule_n-out-no-mail")]
    [InlineData("10.0.1.4:9", "203.0.113.1:53", "Outbound Deny UserRule_s-out-no-dns")]
    [InlineData("10.0.1.4:9", "203.0.113.1:443", "Outbound Allow DefaultRule_AllowInternetOutBound nsg-subnet")]
    // Inside one subnet both ends are asked.
    [InlineData("10.0.1.4:9", "10.0.1.5:53", "Intra Deny UserRule_s-out-no-dns")]
    [InlineData("10.0.1.5:9", "10.0.1.4:8080", "Intra Allow DefaultRule_AllowVnetInBound nsg-nic")]
    [InlineData("10.0.2.5:9", "10.0.1.4:443", "Intra Allow UserRule_n-in-https")]
    // The receiver has no group: the sender's rule is the last that allowed.
    [InlineData("10.0.1.5:9", "10.0.2.5:22", "Intra Allow DefaultRule_AllowVnetOutBound nsg-subnet")]
    [InlineData("203.0.113.1:9", "192.168.0.1:22", "Transit Deny -")]
    public void Every_address_is_under_the_groups_of_its_subnet_and_interface(string source, string destination, string expected)
    {
        Policy policy = Compile(Network, s_subnetGroup, s_nicGroup);
        RuleMatch match = policy.Evaluate(Sample.Tcp(source, destination));
        string verdict = policy.Verdict(Sample.Tcp(source, destination));
        Assert.Equal(expected, expected.Contains(" nsg-", StringComparison.Ordinal) ? $"{verdict} {policy.Catalog[match.Rule]?.SecurityGroup}" : verdict);
        Explanation explanation = PolicyExplainer.Explain(policy, Sample.Tcp(source, destination));
        Assert.Equal(match.Access, explanation.Access);
    }

    [Fact]
    public void The_explanation_names_what_each_group_is_applied_to()
    {
        Explanation explanation = PolicyExplainer.Explain(Compile(Network, s_subnetGroup, s_nicGroup), Sample.Tcp("203.0.113.1:9", "10.0.1.4:443"));
        Assert.Equal([$"nsg-subnet {Base}/virtualNetworks/vnet/subnets/web", $"nsg-nic {Base}/networkInterfaces/nic1"], explanation.Groups.Select(group => $"{group.SecurityGroup} {group.AppliedTo}"));
    }

    [Fact]
    public void The_virtual_networks_address_space_is_the_tag_and_its_timeout_is_read()
    {
        RuleFile file = Join(Network, s_subnetGroup, s_nicGroup);
        Assert.Equal(10, Assert.Single(file.Network.VirtualNetworks).FlowTimeoutInMinutes);
        Policy policy = Compile(Network, s_subnetGroup, s_nicGroup);
        Assert.Equal("Inbound Allow DefaultRule_AllowVnetInBound", policy.Verdict(Sample.Tcp("168.63.129.16:1", "10.0.1.5:9000")));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(Sample.Tcp("10.1.0.1:1", "10.0.1.5:9000")));
    }

    [Fact]
    public void The_group_may_name_its_subnet_instead()
    {
        string network = """{ "name": "vnet", "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] }, "subnets": [ { "name": "web", "addressPrefix": "10.0.1.0/24" } ] }""";
        string group = $$$"""{"name":"g","properties":{"subnets":[{"id":"vnet/subnets/web"}],"securityRules":[{{{Sample.Rule("web")}}}]}}""";
        Policy policy = Compile(network, group);
        Assert.Equal("Inbound Allow UserRule_web", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:443")));
        Assert.Equal("Inbound Allow -", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.9.4:22")));
    }

    [Fact]
    public void A_template_with_network_and_groups_is_read_as_one()
    {
        string template = $$"""
            { "$schema": "x", "resources": [
              { "type": "Microsoft.Network/networkSecurityGroups", "name": "g", "properties": { "securityRules": [ {{Sample.Rule("web")}} ] } },
              { "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": { "addressSpace": { "addressPrefixes": [ "10.0.0.0/16" ] }, "subnets": [
                { "name": "web", "properties": { "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": { "id": "[resourceId('Microsoft.Network/networkSecurityGroups', 'g')]" } } } ] } } ] }
            """;
        Assert.Equal("Inbound Allow UserRule_web", Compile(template).Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:443")));
    }

    [Fact]
    public void A_network_in_the_wrapper_of_its_creation_is_read()
    {
        RuleFile file = Sample.Read("""{ "newVNet": { "name": "v", "type": "Microsoft.Network/virtualNetworks", "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] }, "subnets": [] } }""");
        Assert.Empty(file.Findings);
        Assert.Equal("10.0.0.0/16", Assert.Single(file.Network.VirtualNetworks).AddressPrefixes[0].ToString());
    }

    [Fact]
    public void Several_groups_without_associations_are_refused()
    {
        RuleFile file = Join(s_subnetGroup, s_nicGroup);
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions(), new RuleCatalog(), 1);
        Assert.Equal("NetworkSecurityGroupNotAssociated", Assert.Single(result.Findings).Code);
        Assert.Null(result.Policy);
    }

    [Fact]
    public void A_group_that_applies_to_nothing_is_a_warning()
    {
        RuleFile file = Join(Network, s_subnetGroup, s_nicGroup, Group("lost"));
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        RuleFinding finding = Assert.Single(result.Findings);
        Assert.Equal((FindingSeverity.Warning, "NetworkSecurityGroupNotAssociated"), (finding.Severity, finding.Code));
        Assert.NotNull(result.Policy);
    }

    [Fact]
    public void Subnets_that_overlap_are_refused()
    {
        RuleFile file = Join(Network, s_subnetGroup, s_nicGroup, """{ "name": "again", "addressPrefix": "10.0.1.128/25" }""");
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        Assert.Equal("NetworkSecurityGroupAssociationsOverlap", Assert.Single(result.Findings).Code);
    }

    [Fact]
    public void The_same_group_in_two_files_is_refused() =>
        Assert.Equal("DuplicateResourceName", Assert.Single(Join(s_subnetGroup, s_subnetGroup).Findings).Code);

    [Fact]
    public void Groups_of_one_name_in_two_resource_groups_keep_apart()
    {
        string other = s_subnetGroup.Replace("/resourceGroups/rg/", "/resourceGroups/other/", StringComparison.Ordinal);
        RuleFile file = Join(Network, s_subnetGroup, other, s_nicGroup);
        Assert.Empty(file.Findings);
        Policy? policy = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1).Policy;
        RuleMatch match = policy!.Evaluate(Sample.Tcp("203.0.113.1:9", "10.0.1.5:80"));
        Assert.Equal("rg/nsg-subnet", policy.Catalog[match.Rule]?.SecurityGroup);
    }

    [Fact]
    public void An_application_security_group_is_its_members()
    {
        string rule = Sample.Rule("to-web", 100).Replace("\"destinationAddressPrefix\":\"*\"", $$""" "destinationApplicationSecurityGroups":[{"id":"{{Base}}/applicationSecurityGroups/ASG-web"}] """, StringComparison.Ordinal);
        Policy policy = Compile(Network, Group("nsg-subnet", rule), s_nicGroup);
        // The interface's own group is the last that allows.
        Assert.Equal("Inbound Allow UserRule_n-in-https", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:443")));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.5:443")));
    }

    [Fact]
    public void One_empty_application_security_group_makes_the_whole_rule_ineffective()
    {
        string rule = Sample.Rule("to-web", 100).Replace("\"destinationAddressPrefix\":\"*\"", """ "destinationApplicationSecurityGroups":[{"id":"asg-web"},{"id":"asg-empty"}] """, StringComparison.Ordinal);
        RuleFile file = Join(Network, Group("nsg-subnet", rule), s_nicGroup);
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        RuleFinding finding = Assert.Single(result.Findings);
        Assert.Equal((FindingSeverity.Warning, "ApplicationSecurityGroupEmpty"), (finding.Severity, finding.Code));
        Assert.Contains("asg-empty", finding.Message, StringComparison.Ordinal);
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", result.Policy!.Verdict(Sample.Tcp("203.0.113.1:9", "10.0.1.4:443")));
    }

    [Fact]
    public void Members_may_be_given_by_address()
    {
        string rule = Sample.Rule("from-ops", 100).Replace("\"sourceAddressPrefix\":\"*\"", """ "sourceApplicationSecurityGroups":[{"id":"ops"}] """, StringComparison.Ordinal);
        string ops = """{ "type": "Microsoft.Network/applicationSecurityGroups", "name": "ops", "properties": { "members": [ "198.51.100.0/28" ] } }""";
        Policy policy = Compile(ops, Group("g", rule));
        Assert.Equal("Inbound Allow UserRule_from-ops", policy.Verdict(Sample.Tcp("198.51.100.15:9", "10.0.1.4:443")));
        Assert.Equal("Inbound Deny DefaultRule_DenyAllInBound", policy.Verdict(Sample.Tcp("198.51.100.16:9", "10.0.1.4:443")));
    }

    [Theory]
    [InlineData(false, "10.0.0.4:9", "168.63.129.16:53", "Outbound Deny UserRule_deny-all")]
    [InlineData(true, "10.0.0.4:9", "168.63.129.16:53", "Outbound Deny UserRule_no-dns")]
    [InlineData(true, "10.0.0.4:9", "169.254.169.254:80", "Outbound Allow DefaultRule_AllowAzurePlatform")]
    [InlineData(true, "168.63.129.16:9", "10.0.0.4:80", "Inbound Allow DefaultRule_AllowAzurePlatform")]
    [InlineData(true, "10.0.0.4:9", "203.0.113.1:80", "Outbound Deny UserRule_deny-all")]
    public void Platform_addresses_bypass_the_rules_only_when_asked_for(bool bypass, string source, string destination, string expected)
    {
        string rules = Sample.Group(
            Sample.Rule("deny-all", 100, "Outbound", "Deny", "*", destinationPort: "*"), Sample.Rule("deny-in", 100, "Inbound", "Deny", "*", destinationPort: "*"),
            Sample.Rule("no-dns", 200, "Outbound", "Deny", "*", destination: "AzurePlatformDNS", destinationPort: "53"));
        Assert.Equal(expected, Sample.Compile(rules, new PolicyOptions { PlatformBypass = bypass }).Verdict(Sample.Tcp(source, destination)));
    }

    [Theory]
    [InlineData("subnet")]
    [InlineData("nic")]
    public void A_flow_is_flushed_if_any_group_on_its_way_asks(string asks)
    {
        static string Asking(string group) => group.Replace("\"securityRules\"", "\"flushConnection\":true,\"securityRules\"", StringComparison.Ordinal);
        Policy policy = Compile(Network, asks == "subnet" ? Asking(s_subnetGroup) : s_subnetGroup, asks == "nic" ? Asking(s_nicGroup) : s_nicGroup);
        // 10.0.1.4 is under both groups, 10.0.1.5 under the subnet's alone; inbound the interface's group is the last that allows.
        bool asksSubnet = asks == "subnet";
        Assert.True(policy.FlushesFlowsBetween(Sample.Address("203.0.113.1"), Sample.Address("10.0.1.4")));
        Assert.True(policy.FlushesFlowsBetween(Sample.Address("10.0.1.4"), Sample.Address("203.0.113.1")));
        Assert.Equal(asksSubnet, policy.FlushesFlowsBetween(Sample.Address("203.0.113.1"), Sample.Address("10.0.1.5")));
        // Within the subnet the sender's outbound chain counts as much as the receiver's inbound one.
        Assert.True(policy.FlushesFlowsBetween(Sample.Address("10.0.1.4"), Sample.Address("10.0.1.5")));
        Assert.True(policy.FlushesFlowsBetween(Sample.Address("10.0.1.5"), Sample.Address("10.0.1.4")));
        // Protected by no group any more.
        Assert.True(policy.FlushesFlowsBetween(Sample.Address("203.0.113.1"), Sample.Address("203.0.113.2")));
        Assert.False(Compile(Network, s_subnetGroup, s_nicGroup).FlushesFlowsBetween(Sample.Address("203.0.113.1"), Sample.Address("10.0.1.4")));
    }

    [Theory]
    [InlineData("3")]
    [InlineData("31")]
    [InlineData("\"soon\"")]
    public void A_flow_timeout_out_of_range_is_refused(string minutes)
    {
        RuleFinding finding = Assert.Single(Sample.Read($$"""{"name":"v","addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"flowTimeoutInMinutes":{{minutes}}}""").Findings);
        Assert.Equal("VirtualNetworkInvalidFlowTimeout", finding.Code);
    }

    private static string Group(string name, params string[] rules) =>
        $$$"""{"name":"{{{name}}}","id":"{{{Base}}}/networkSecurityGroups/{{{name}}}","properties":{"securityRules":[{{{string.Join(',', rules)}}}]}}""";

    private static RuleFile Join(params string[] files) => RuleFile.Join(files.Select((json, i) => Sample.Read(json, $"file{i}.json")));

    private static Policy Compile(params string[] files)
    {
        RuleFile file = Join(files);
        Assert.Empty(file.Findings);
        CompileResult result = PolicyCompiler.Compile(file.Groups, new PolicyOptions { Network = file.Network }, new RuleCatalog(), 1);
        Assert.Empty(result.Findings);
        Assert.NotNull(result.Policy);
        return result.Policy;
    }
}
