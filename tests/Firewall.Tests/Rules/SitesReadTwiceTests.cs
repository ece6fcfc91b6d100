using Firewall.Core.Rules;
using Xunit;

namespace Firewall.Tests.Rules;

/// <summary>Subnets and network interfaces that more than one export has.</summary>
public class SitesReadTwiceTests
{
    private const string Base = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Network";

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
